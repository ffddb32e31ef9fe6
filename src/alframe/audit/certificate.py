"""The specification of a certificate: the statement to prove, and the most questions to ask for it."""

from dataclasses import dataclass
from typing import Literal

from alframe.config.ranges import check_fields

Method = Literal["auto", "uniform", "weighted"]

PERFECT_ORACLE = (
    "The oracle's answers are right, and the labels had their final values before the audit drew its "
    "samples. Nothing is assumed about the classifier."
)
ERRING_ORACLE = (
    "Each of the oracle's answers is wrong with a chance of {rate:g} %, independently, and the labels had "
    "their final values before the audit drew its samples. Nothing is assumed about the classifier."
)


@dataclass(frozen=True, kw_only=True)
class CertificateSpec:
    """The statement that a certificate proves, its confidence, and the most questions to ask for it.

    Attributes:
        tolerance: in (0, 1), the share of the whole data set that may be wrong.
        confidence: in (0, 1), the probability with which the statement holds.
        reach: True asks until the tolerance is proven. False asks a number of questions that is fixed before
            the first answer, and proves the bound that their answers allow.
        max_labels: at least 1, the most questions; None sets no limit.
        method: "uniform" draws all auto-labels with the same probability; "weighted" draws the least
            confident more often; "auto" is "weighted" to reach a tolerance and "uniform" for a fixed number
            of questions.
        oracle_error: in [0, 1), the known share of the oracle's answers that is wrong; None assumes none.
    """

    tolerance: float
    confidence: float
    reach: bool
    max_labels: int | None
    method: Method
    oracle_error: float | None

    def __post_init__(self) -> None:
        check_fields("certificate", self)

    @property
    def alpha(self) -> float:
        """The error probability, 1 - confidence."""
        return 1.0 - self.confidence

    @property
    def chosen_method(self) -> Literal["uniform", "weighted"]:
        """The method; "auto" becomes the one that needs fewer answers (scripts/simulate_audits.py)."""
        if self.method == "auto":
            return "weighted" if self.reach else "uniform"
        return self.method

    def most_left(self, n_samples: int) -> int:
        """Return the number of wrong labels that are tolerated: floor(tolerance * N).

        >>> off = {"reach": False, "max_labels": None, "method": "auto", "oracle_error": None}
        >>> CertificateSpec(tolerance=0.29, confidence=0.95, **off).most_left(100)
        29
        """
        return int(self.tolerance * n_samples + 1e-9)  # 0.29 * 100 is 28.999999999999996

    def allowance(self, budget: int | None) -> int | None:
        """Return the most questions that `max_labels` and the budget allow together, None for no limit."""
        bounds = [bound for bound in (self.max_labels, budget) if bound is not None]
        return max(0, min(bounds)) if bounds else None
