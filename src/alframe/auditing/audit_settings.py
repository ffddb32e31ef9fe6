"""The settings of an audit, besides those of a trial. This is the only reader of their keys."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from alframe.audit.audit_state import STAGES, AuditPlan
from alframe.audit.certificate import CertificateSpec
from alframe.audit.label_noise import NoiseKind
from alframe.audit.oddities import OddityLimits
from alframe.core.errors import ConfigError
from alframe.trial.out_of_sample import CrossValidation
from alframe.trial.settings import TrialSettings

# Suspects. A constant, since mend.batch sets any number: it only keeps mend.batch_share from asking a person
# for three images at a time in a small data set.
LEAST_BATCH = 10


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Wrong labels for research.

    Attributes:
        share: of the labels. kind, pairs, seed: as in conf/hydra/command/audit.yaml.
    """

    share: float
    kind: NoiseKind
    pairs: list[list[Any]] | None
    seed: int


@dataclass(frozen=True, kw_only=True)
class AuditSettings:
    """All settings of an audit that a trial does not have.

    Attributes:
        labels, second_answers: a file or a directory, or None.
        unmatched: what happens to images without a label and labels without an image.
        plan: of the audit; its `batch` and `train` are set when the number of labels is known.
        batch_share: of the labels, used if the plan's batch is 0. train_share: of the labels, for `train`.
        method: of the ranking. source: of its probabilities. folds: how networks are trained for it.
        oddities: what counts as odd. noise: None without wrong labels for research.
    """

    labels: str | None
    second_answers: str | None
    unmatched: Literal["refuse", "leave_out"]
    plan: AuditPlan
    batch_share: float
    train_share: float
    method: str
    source: Literal["networks", "given"]
    folds: CrossValidation
    oddities: OddityLimits
    noise: Noise | None

    def plan_for(self, n_labels: int) -> AuditPlan:
        """Return the plan of an audit of this number of labels."""
        batch = self.plan.batch or max(LEAST_BATCH, round(self.batch_share * n_labels))
        return replace(self.plan, batch=batch, train=max(1, round(self.train_share * n_labels)))


def read_audit_settings(config: Mapping[str, Any]) -> AuditSettings:
    """Return the settings of an audit.

    Args:
        config: the resolved config as plain containers, checked by `alframe.config.validate.check`.
    """
    mend, rank, noise = config["mend"], config["rank"], config["noise"]
    stages = tuple(stage for stage in STAGES if stage in config["stages"])
    plan = AuditPlan(
        stages=stages,
        seed=config["seed"],
        n_estimate=config["estimate"]["num"],
        confidence=config["estimate"]["confidence"],
        batch=mend["batch"] or 0,
        train=0,
        min_yield=mend["min_yield"],
        max_answers=mend["max_answers"],
        certificate=CertificateSpec(**config["certificate"]) if "prove" in stages else None,
    )
    return AuditSettings(
        labels=config["labels"],
        second_answers=config["second_answers"],
        unmatched=config["unmatched"],
        plan=plan,
        batch_share=mend["batch_share"],
        train_share=mend["train_share"],
        method=rank["method"],
        source=rank["source"],
        folds=CrossValidation(**{key: rank[key] for key in rank if key not in ("method", "source")}),
        oddities=OddityLimits(**config["oddities"]),
        noise=Noise(**noise) if noise["share"] else None,
    )


def check_audit(
    audit: AuditSettings, settings: TrialSettings, *, asks_people: bool, has_labels: bool
) -> None:
    """Raise `ConfigError` for settings of an audit that do not fit each other.

    Args:
        asks_people: False if a simulated oracle answers. has_labels: they do not come with the data set.
    """
    stages = audit.plan.stages
    if "prove" in stages and settings.certificate is None:
        raise ConfigError(
            "certificate.tolerance", "a share, since stages has prove", "null", "Write stages=[rank,mend]."
        )
    if audit.noise is not None and has_labels:
        raise ConfigError(
            "noise.share", "0, since labels are given: noise is put into the data set's own labels"
        )
    if audit.noise is not None and asks_people:
        raise ConfigError(
            "noise.share", "0, since people answer: noise is for simulations", audit.noise.share
        )
    knows_nothing = audit.noise is None and not has_labels and not asks_people
    if knows_nothing and stages != ("rank",):
        raise ConfigError(
            "oracle",
            "people, since the data set's own labels are audited and a simulated oracle calls them right",
            "simulated",
            "Write oracle=files, or stages=[rank] for a list of suspects, or noise.share=0.05 to simulate.",
        )
    if audit.source == "given" and not has_labels:
        raise ConfigError("rank.source", "networks, since no file of labels has probabilities", "given")
