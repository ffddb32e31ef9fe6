"""The specification of a certificate: the statement to prove, and the most questions to ask for it."""

from dataclasses import dataclass
from typing import Literal

from alframe.audit.hypergeometric import most_oracle_errors
from alframe.config.ranges import check_fields

Method = Literal["auto", "uniform", "weighted"]

# The error probability, on top of 1 - confidence, that an oracle errs more often than its rate allows: the
# number, or the share of 1 - confidence if that is less.
ORACLE_DELTA, ORACLE_SHARE = 0.001, 0.02

_ONE_AUDIT = (
    "the labels had their final values before the audit drew its samples. The audit was planned before its "
    "first answer: the statement holds for this one audit, not for the best of several seeds, sizes or "
    "tolerances. Nothing is assumed about the classifier."
)
PERFECT_ORACLE = f"The oracle's answers are right, and {_ONE_AUDIT}"
ERRING_ORACLE = (
    "Each of the oracle's answers that names a class is wrong with a chance of {rate:g} %, independently, "
    f"and {_ONE_AUDIT}"
)


@dataclass(frozen=True, kw_only=True)
class CertificateSpec:
    """The statement that a certificate proves, its confidence, and the most questions to ask for it.

    Attributes:
        tolerance: in (0, 1), the share of the data set that may be wrong; samples set aside do not count.
        confidence: in (0, 1), the probability with which the statement holds.
        reach: True asks until the tolerance is proven. False asks a number of questions that is fixed before
            the first answer, and proves the bound that their answers allow.
        max_labels: at least 1, the most questions; None sets no limit.
        method: "uniform" draws all labels with the same probability; "weighted" draws the least
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

    @property
    def oracle_delta(self) -> float:
        """The probability that the oracle errs more often than `oracle_errors`; 0 without an error rate."""
        return min(ORACLE_DELTA, ORACLE_SHARE * self.alpha) if self.oracle_error is not None else 0.0

    def most_left(self, n_rated: int) -> int:
        """Return K, the number of wrong labels that are tolerated: floor(tolerance * n).

        Args:
            n_rated: the samples of the data set without those set aside.

        >>> off = {"reach": False, "max_labels": None, "method": "auto", "oracle_error": None}
        >>> CertificateSpec(tolerance=0.29, confidence=0.95, **off).most_left(100)
        29
        """
        return int(self.tolerance * n_rated + 1e-9)  # 0.29 * 100 is 28.999999999999996

    def oracle_errors(self, n_rated: int) -> int:
        """Return E, the most wrong answers among those to all samples; 0 without an error rate."""
        return most_oracle_errors(n_rated, self.oracle_error, self.oracle_delta) if self.oracle_error else 0

    def aim(self, n_rated: int) -> int:
        """Return how many labels may be left that the oracle would call wrong: K - E.

        If E > K, no audit can prove the tolerance. The aim is then K, as for an oracle without errors.
        """
        most_left, errors = self.most_left(n_rated), self.oracle_errors(n_rated)
        return most_left - errors if errors <= most_left else most_left

    def allowance(self, budget: int | None) -> int | None:
        """Return the most questions that `max_labels` and the budget allow together, None for no limit."""
        bounds = [bound for bound in (self.max_labels, budget) if bound is not None]
        return max(0, min(bounds)) if bounds else None
