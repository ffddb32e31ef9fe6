"""The content of `summary.json`: the figures of a finished trial. Imports no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from alframe.core.answer_times import AnswerTimes
from alframe.core.check_result import CheckResult
from alframe.core.record_parsing import record_from_values
from alframe.core.reports import Certificate

# The figures that a search may optimise.
OBJECTIVES = (
    "hand_labels",
    "hand_share",
    "mislabelled",
    "mislabelled_share",
    "mislabelled_share_macro",
    "auto_label_error",
    "test_accuracy",
    "test_accuracy_macro",
    "coverage",
    "rounds",
    "cost",
    "seconds",
)

UNEQUAL = 2.0  # classes are unequal if the largest has at least so many times the samples of the smallest


_RECORDS = {"certificate": Certificate, "check": CheckResult, "answer_times": AnswerTimes}


@dataclass(frozen=True, kw_only=True)
class TrialSummary:
    """The figures of a finished trial. The fields are the keys of `summary.json`, in their order.

    A field is None if it is undefined, such as `test_accuracy` without a test set or `mislabelled` without
    the truth. Fields with a default may be missing in the file of an older version.

    Attributes:
        n_samples: samples that take part. n_classes: classes of the data set. rounds: rounds that trained.
        hand_labels: answers of the oracle at the end. auto_labels: auto-labels at the end.
        hand_share: hand labels over samples, both without `set_aside`, in [0, 1].
        coverage: auto-labels over samples without `set_aside`, in [0, 1].
        mislabelled: labels that differ from the truth.
        mislabelled_share: mislabelled over samples without `set_aside`, in [0, 1].
        set_aside: samples that the oracle answered with "cannot tell" or "no class". They are among
            `n_samples` and `hand_labels`; every share leaves them out.
        auto_label_error: wrong auto-labels over auto-labels, in [0, 1].
        test_accuracy: of the last round's classifier, in [0, 1].
        seconds: wall-clock seconds of the trial; train_seconds: of training; score_seconds: of scoring.
        seed: of the trial.
        device, engine, precision: what the trial computed with. data: name of the data set.
        versions: by the name of the package, None if it is not installed.
        stopped_because: why the rounds ended. certificate: result of the final audit.
        spot_checks: predictions that were checked before any was accepted; None for policies without them.
        spot_checks_wrong: the wrong ones among them.
        check: what a random sample says about the auto-labels; None without auto-labels or a check.
        cost: in the currency of `cost.*`.
        per_class: for each true class `class` (its name), `n_samples`, `hand_labels`, `auto_labels`,
            `mislabelled`, `mislabelled_share`, and `test_accuracy`, None without test images of the class.
        answer_times: how long people took for their answers; None if it was not measured.
        mislabelled_share_macro, test_accuracy_macro: means over the classes.
    """

    n_samples: int
    n_classes: int | None = None
    rounds: int
    hand_labels: int
    hand_share: float
    auto_labels: int
    coverage: float
    mislabelled: int | None
    mislabelled_share: float | None
    auto_label_error: float | None
    test_accuracy: float | None
    seconds: float
    train_seconds: float
    score_seconds: float
    seed: int
    device: str | None = None
    engine: str | None = None
    precision: str | None = None
    data: str | None = None
    versions: Mapping[str, str | None] | None = None
    stopped_because: str | None = None
    certificate: Certificate | None = None
    cost: float | None = None
    per_class: Sequence[Mapping[str, Any]] | None = None
    mislabelled_share_macro: float | None = None
    set_aside: int = 0
    check: CheckResult | None = None
    spot_checks: int | None = None
    spot_checks_wrong: int | None = None
    test_accuracy_macro: float | None = None
    answer_times: AnswerTimes | None = None

    @property
    def classes_are_unequal(self) -> bool:
        """True if the largest class has at least twice the samples of the smallest one that has any."""
        sizes = [each["n_samples"] for each in self.per_class or () if each["n_samples"]]
        return bool(sizes) and max(sizes) >= UNEQUAL * min(sizes)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `summary.json` as plain containers."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the summary with the content of `summary.json`; unknown keys are ignored.

        Raises:
            ValueError: a figure is missing or not a number; the text names it.
        """
        records = {key: _record(kind, content.get(key), key) for key, kind in _RECORDS.items()}
        summary = record_from_values(cls, {**content, **records})
        if summary.n_samples < 1:
            raise ValueError(f"expected samples, got n_samples {summary.n_samples}")
        return summary


def _record(kind: type[Any], value: Any, key: str) -> Any:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValueError(f"expected an object or null as {key}, got {value!r}")
    try:
        return record_from_values(kind, value)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
