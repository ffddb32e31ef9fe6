"""From the settings of a trial to its parts: data set, components, plan and compute plan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alframe.audit.certify import AuditCertifier
from alframe.audit.label_counts import TruthEvaluator
from alframe.core.component_check import MEMBERS, check_component
from alframe.core.components import Components
from alframe.core.errors import ConfigError
from alframe.core.loop_plan import LoopPlan
from alframe.core.protocols import RememberingOracle
from alframe.data import Bank, ImageDataset, choose_members, make_bank, thinned_members
from alframe.data.copies import Copies
from alframe.data.decoded import Progress
from alframe.embedding import Encoder, GivenVectors
from alframe.learner import CNNLearner
from alframe.learner.compute.subject import Subject
from alframe.oracle import CheckedOracle
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.recorded import RecordedOracle
from alframe.tracking import Tracker
from alframe.tracking.audit_report import AuditTracker
from alframe.trial.checks import check_classes, check_needs, check_views
from alframe.trial.compute_plan import ComputePlan, build_compute_plan, make_subject
from alframe.trial.encoding import banks_of, build_encoder, standard_vectors
from alframe.trial.fine_tuning import check_fine_tuning, with_fine_tuning
from alframe.trial.instantiate import instantiate
from alframe.trial.settings import Node, TrialSettings
from alframe.trial.shared_parts import Parts, in_common


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """The parts of a trial, before its first label.

    Attributes:
        member_N: bool, the samples of the data set that take part.
        banks: what the learner reads, of the samples and of the test set or None.
        encoder: of the vectors in the banks, or None.
        n_label_issues: hand labels to list in suspects.csv.
    """

    dataset: ImageDataset
    member_N: Tensor
    components: Components
    banks: tuple[Bank, Bank | None]
    encoder: Encoder | GivenVectors | None
    plan: LoopPlan
    compute_plan: ComputePlan
    n_label_issues: int


def assemble(
    settings: TrialSettings,
    dataset: ImageDataset,
    member_N: Tensor,
    *,
    progress: Progress,
    replacements: Mapping[str, Any] | None = None,
    offered: Mapping[str, Any] | None = None,
    directory: Path | None = None,
    store: AnswerStore | None = None,
) -> Trial:
    """Return the parts of a trial. Only the oracle and the evaluator get the truth.

    Args:
        dataset, member_N: as `load_data` and `members` return them.
        progress: called with (stage, done, total).
        replacements: objects by the name of a component, used instead of those that the settings name.
        offered: further values for an oracle of people whose constructor has parameters of these names.
        directory: of the trial, and store: of the answers, for an oracle of people.

    Raises:
        ConfigError: the settings do not fit each other or the data set.
    """
    encoder = build_encoder(settings)
    recipe = build_recipe(settings)
    subject = make_subject(settings, dataset, recipe, encoder.n_features if encoder else None)
    check_views(settings.learner, recipe)
    check_fine_tuning(settings, encoder)
    compute_plan = build_compute_plan(settings, dataset, subject)
    people = {"dataset": dataset, "directory": directory, "store": store, **(offered or {})}
    banks = banks_of(settings, dataset, member_N, encoder, compute_plan.compute.device, progress)
    own = Parts(recipe=recipe, engine=compute_plan.engine, banks=banks)
    shared = in_common(settings, subject, own, compute_plan.compute)
    recipe, banks = shared.recipe, shared.banks
    compute_plan = replace(compute_plan, engine=shared.engine)
    vectors_N = None if encoder is None else standard_vectors(banks[0], member_N)
    parts = _replaceable(settings, dataset, compute_plan, replacements or {}, people, vectors_N)
    for group in ("query", "auto_label"):
        check_needs(group, parts[group], settings.learner, subject)
    heads = _learner(settings, dataset, member_N, subject, recipe, compute_plan, banks, progress)
    components = Components(
        learner=with_fine_tuning(heads, settings, dataset, encoder),
        evaluator=TruthEvaluator(dataset.truth_N, dataset.test_truth_T),
        copies=_copies(dataset, member_N, None if encoder is None else banks[0]),
        certifier=None if settings.certificate is None else AuditCertifier(settings.certificate),
        checker=settings.check.checker(dataset.truth_N, certified=settings.certificate is not None),
        **parts,
    )
    return Trial(
        dataset=dataset,
        member_N=member_N,
        components=components,
        banks=banks,
        encoder=encoder,
        plan=replace(settings.plan, num_check=_num_check(settings.plan, components)),
        compute_plan=compute_plan,
        n_label_issues=settings.n_label_issues,
    )


def load_data(settings: TrialSettings) -> ImageDataset:
    """Return the checked data set.

    Raises:
        DataError: it is missing, damaged or not fit for labelling.
    """
    data_dir = settings.data_dir
    dataset: ImageDataset = instantiate("data", settings.data, settings.trusted, data_dir=data_dir)
    if not isinstance(dataset, ImageDataset):
        raise ConfigError("data._target_", "a function that returns an ImageDataset", type(dataset).__name__)
    return dataset


def members(settings: TrialSettings, dataset: ImageDataset) -> Tensor:
    """Return member_N, bool: the samples of a data set that take part.

    Raises:
        UserError: there are too few of them, or all have one class.
    """
    member_N = choose_members(len(dataset), settings.limit, settings.seed)
    member_N = thinned_members(dataset, member_N, settings.imbalance, settings.seed)
    check_classes(dataset, member_N)
    return member_N


def build_recipe(settings: TrialSettings) -> Any:
    """Return the recipe, which trains a network in a round."""
    return instantiate("learner", settings.learner.recipe, settings.trusted)


def build_tracker(settings: TrialSettings) -> Tracker | None:
    """Return the tracker besides the files and the terminal, or None."""
    tracker: Tracker | None = _optional("tracker", settings.tracker, settings.trusted)
    return tracker


def build_audit_tracker(settings: TrialSettings) -> AuditTracker | None:
    """Return the tracker of an audit besides the files and the terminal, or None."""
    tracker: AuditTracker | None = _optional("tracker", settings.tracker, settings.trusted)
    return tracker


def _num_check(plan: LoopPlan, components: Components) -> int:
    """Return how many auto-labels are checked at the end: 0 without any, so that no budget is kept for it."""
    has_auto_labels = components.auto_label is not None or plan.remainder == "auto"
    return components.checker.num if components.checker is not None and has_auto_labels else 0


def _copies(dataset: ImageDataset, member_N: Tensor, vectors: Bank | None) -> Copies:
    """Return what finds copies: at once in images in memory, in others with the first question of a round.

    Equal image files have equal vectors, so that the files need not be decoded for it.
    """
    by_vectors = vectors is not None and not isinstance(dataset.images_N, Tensor)
    bank = vectors if vectors and by_vectors else make_bank(dataset.images_N, torch.device("cpu"))
    copies = Copies(bank, member_N.nonzero().flatten())
    if isinstance(dataset.images_N, Tensor):
        copies()
    return copies


def _replaceable(
    settings: TrialSettings,
    dataset: ImageDataset,
    compute_plan: ComputePlan,
    replacements: Mapping[str, Any],
    people: Mapping[str, Any],
    vectors_N: Callable[[Tensor], Tensor] | None,
) -> dict[str, Any]:
    """Return the components that a user's own object may replace, by name, all checked."""
    # A seed set or oracle gets each of these values only if its constructor has a parameter of that name.
    # Only simulations have the parameter truth_N.
    offered = {
        "truth_N": dataset.truth_N,
        "n_classes": dataset.n_classes,
        "images_N": dataset.images_N,
        "vectors_N": vectors_N,
        "seed": settings.seed,
        "class_names": dataset.class_names,
    }
    arguments: dict[str, dict[str, Any]] = {
        "initial": {"offered": offered, "amount": settings.seed_set_size},
        "query": {"offered": {"device": compute_plan.compute.device, "n_classes": dataset.n_classes}},
        "oracle": {"offered": {**offered, **(people if settings.asks_people else {})}},
    }
    parts = {
        group: replacements[group]
        if group in replacements
        else _optional(group, getattr(settings, group), settings.trusted, **arguments.get(group, {}))
        for group in MEMBERS
    }
    for group, component in parts.items():
        check_component(group, component)
    oracle = _checked(parts["oracle"], dataset.class_names)
    store = people["store"]
    own = "oracle" in replacements and store is not None
    return {**parts, "oracle": RecordedOracle(oracle, dataset, store) if own else oracle}


def _checked(oracle: Any, class_names: tuple[str, ...]) -> Any:
    """Return an oracle whose answers are checked; those of alframe need no further check."""
    if type(oracle).__module__.startswith("alframe.") or isinstance(oracle, RememberingOracle):
        return oracle
    return CheckedOracle(oracle, class_names)


def _learner(
    settings: TrialSettings,
    dataset: ImageDataset,
    member_N: Tensor,
    subject: Subject,
    recipe: Any,
    compute_plan: ComputePlan,
    banks: tuple[Bank, Bank | None],
    progress: Progress,
) -> CNNLearner:
    learner, compute = settings.learner, compute_plan.compute
    return CNNLearner(
        bank=banks[0],
        test_bank=banks[1],
        member_N=member_N,
        n_classes=dataset.n_classes,
        network=subject.network,
        recipe=recipe,
        engine=compute_plan.engine,
        compute=compute,
        seed=settings.seed,
        warm_start=bool(learner.warm_start),
        ensemble=learner.ensemble,
        scoring_batch_size=compute_plan.scoring_batch_size,
        scoring_engine=compute_plan.scoring_engine,
        committee=learner.committee,
        views=learner.views,
        final=learner.final,
        progress=progress,
    )


def _optional(group: str, node: Node | None, trusted: list[str], **arguments: Any) -> Any:
    return None if node is None else instantiate(group, node, trusted, **arguments)
