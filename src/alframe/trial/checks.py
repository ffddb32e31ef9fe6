"""Checks, before the first label, that a trial's components fit each other."""

import warnings
from typing import Any

from torch import Tensor

from alframe.audit.feasibility import lack_of_room
from alframe.core.errors import ConfigError, TrialNotice, UserError
from alframe.core.protocols import LABELLED
from alframe.data import ImageDataset
from alframe.learner.compute.subject import Subject
from alframe.learner.scoring.committee import DETAILS, check_network
from alframe.learner.scoring.pool import SCORES
from alframe.trial.settings import LearnerSettings, TrialSettings

# The optional parts of `PoolScores`, and the parts that need more than the logits.
DETAILED = DETAILS | {"labelled_features"}
NEEDS = SCORES | DETAILED | LABELLED
# Permanent auto-labels below this threshold are warned about if the learner trains on them.
SAFE_PERMANENT = 0.9999


def check_needs(group: str, component: Any, learner: LearnerSettings, subject: Subject) -> None:
    """Raise `ConfigError` if the learner cannot give what a strategy or policy needs.

    Args:
        group: `query` or `auto_label`. component: its object, or None.
    """
    needs = frozenset(getattr(component, "needs", ()))
    unknown = needs - NEEDS
    if unknown:
        expected = f"needs among {', '.join(sorted(NEEDS))}"
        raise ConfigError(f"{group}._target_", expected, ", ".join(sorted(unknown)))
    if "members" in needs and learner.committee.kind == "ensemble" and learner.ensemble < 2:
        raise ConfigError(
            "learner.ensemble",
            f"at least 2 for {group}, which needs a committee",
            learner.ensemble,
            "Or write learner.committee.kind=last_layer.",
        )
    if needs & DETAILED:
        check_network(subject.make(), needs, learner.committee)


def check_views(learner: LearnerSettings, recipe: Any) -> None:
    """Raise `ConfigError` if altered images are to be scored and the recipe cannot alter images."""
    of_final_fit = None if learner.final is None else learner.final.views
    for key, views in (("learner.views.n", learner.views), ("learner.final.views.n", of_final_fit)):
        if views is not None and not hasattr(recipe, "alter"):
            raise ConfigError(key, "1 with a recipe that alters no images", views.n)


def check_classes(dataset: ImageDataset, member_N: Tensor) -> None:
    """Raise `UserError` if the truth of the samples that take part has a single class.

    Args:
        member_N: bool, the samples that take part.
    """
    if dataset.truth_N is None:
        return
    truth_M = dataset.truth_N[member_N]
    if int(truth_M.min()) == int(truth_M.max()):
        raise UserError(
            "data.limit: expected at least two classes among the samples that take part, got one. "
            "Write a larger data.limit."
        )


def warn_of_permanent_errors(settings: TrialSettings) -> None:
    """Warn if a low threshold gives labels for good that the learner trains on."""
    threshold = (settings.auto_label or {}).get("threshold")
    learns = settings.learner.recipe.get("auto_labels") == "train"
    if threshold is None or threshold >= SAFE_PERMANENT or not learns or settings.plan.keep != "permanent":
        return
    warnings.warn(
        f"auto_label.keep=permanent with auto_label.threshold={threshold:g} and learner.auto_labels=train: "
        "wrong auto-labels stay and are learned from, so that errors grow with the rounds. Write "
        f"auto_label.keep=rejudge, or auto_label.threshold={SAFE_PERMANENT:g} or more.",
        TrialNotice,
        stacklevel=2,
    )


def warn_of_oracle_errors(settings: TrialSettings) -> None:
    """Warn if the certificate assumes that the oracle's answers are right although some are wrong."""
    certificate, rate = settings.certificate, settings.oracle_rate
    if certificate is None or certificate.oracle_error is not None or rate == 0:
        return
    warnings.warn(
        "certificate.oracle_error: the certificate assumes that every answer is right; some are wrong. "
        f"Write certificate.oracle_error={rate or 'RATE'}.",
        TrialNotice,
        stacklevel=2,
    )


def warn_of_certificate(settings: TrialSettings, n_samples: int) -> None:
    """Warn, before any question, if no or hardly any audit can prove the certificate."""
    line = None if settings.certificate is None else lack_of_room(n_samples, settings.certificate)
    if line is not None:
        warnings.warn(line, TrialNotice, stacklevel=2)
