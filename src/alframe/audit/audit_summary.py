"""The figures of an audit: the content of its summary.json, and what it says in a sentence."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from alframe._text import percent
from alframe.audit.second_answers import SecondAnswers
from alframe.core.reports import Certificate


@dataclass(frozen=True, kw_only=True)
class AuditSummary:
    """The figures of a finished audit. The fields are the keys of its `summary.json`, in their order.

    Attributes:
        kind: "audit".
        n_samples: labels that were audited. n_classes: classes of the data set.
        answers: all answers of the oracle. found_wrong: given labels that they call wrong, of another class
            or of none. changed: labels that are other ones now. set_aside: samples without a label now.
        estimate: `wrong_share`, `low`, `high`, `confidence`, `answers`, `found_wrong`, `undecided`, and
            `classes` by name with the same figures; None without that stage.
        certificate: as in a trial; None without the stage prove.
        second_answers: how often two persons differ, or None.
        stages: that were done. mending_ended: why mending ended, None without it.
        batches: questions of mending. simulated: `wrong_before`, `wrong_after`, their shares and
            `found_share`, if the truth is known; else None.
        seconds: wall-clock seconds. train_seconds: of all rankings. rank_seconds: of the first one.
        seed: of the audit. device, engine, precision: what it computed with. data: name of the data set.
        versions: by the name of the package, None if it is not installed.
        statement: what was proven or estimated, in a sentence.
    """

    kind: str = "audit"
    n_samples: int
    n_classes: int
    answers: int
    found_wrong: int
    changed: int
    set_aside: int
    estimate: Mapping[str, Any] | None
    certificate: Certificate | None
    second_answers: SecondAnswers | None
    stages: tuple[str, ...]
    mending_ended: str | None
    batches: int
    simulated: Mapping[str, float] | None
    seconds: float
    train_seconds: float
    rank_seconds: float | None
    seed: int
    device: str
    engine: str
    precision: str
    data: str
    versions: Mapping[str, str | None]
    statement: str

    def to_json(self) -> dict[str, Any]:
        """Return the content of summary.json as plain containers."""
        return asdict(self)


def statement(
    n_samples: int, estimate: Mapping[str, Any] | None, certificate: Certificate | None, found_wrong: int
) -> str:
    """Return what is known about the labels now, in one sentence that a manager understands.

    >>> print(statement(1000, {"low": 0.03, "high": 0.08, "confidence": 0.95, "answers": 200}, None, 0))
    With 95 % confidence, between 30 and 80 of the 1,000 labels (3 % to 8 %) were wrong before the audit; \
0 of them were found.
    """
    if certificate is not None:
        most = certificate.max_wrong_with_oracle_error
        level = certificate.confidence_with_oracle_error
        if most is None or level is None:
            most, level = certificate.max_wrong, certificate.confidence
        return (
            f"With {100 * level:.4g} % confidence, at most {most:,} of the {n_samples:,} labels "
            f"({percent(most / n_samples)}) are wrong now."
        )
    if estimate is not None:
        low, high = (round(estimate[key] * n_samples) for key in ("low", "high"))
        return (
            f"With {100 * estimate['confidence']:g} % confidence, between {low:,} and {high:,} of the "
            f"{n_samples:,} labels ({100 * estimate['low']:.3g} % to {100 * estimate['high']:.3g} %) were "
            f"wrong before the audit; {found_wrong:,} of them were found."
        )
    return (
        f"{found_wrong:,} wrong labels were found. How many are left is not known: that takes the stage "
        "estimate or prove."
    )
