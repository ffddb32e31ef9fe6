"""The check sample: how many auto-labels are wrong, by a random sample that the oracle looks at.

The sample is drawn uniformly after the last label, and its size is fixed before its first answer. The number
of wrong labels in it is hypergeometric, so both bounds are exact (`alframe.audit.hypergeometric`); nothing is
assumed about the classifier. The oracle does not see the labels that it checks.

People may remove images while they answer. Removed images of the sample are not replaced. They count as
answers that do not tell: as wrong in the upper bound and as right in the lower one. Both bounds then still
hold, even if an image was removed because it was found wrong. Images outside the sample may leave too, as
long as that does not depend on the answers.

If the truth is known, nothing is asked: the truth judges a draw, and the result says what the check would
have said.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.audit.hypergeometric import least_wrong, most_wrong
from alframe.config.ranges import check_fields
from alframe.core.check_result import CheckResult
from alframe.core.ledger import CANNOT_TELL, LabelLedger, Source
from alframe.core.protocols import Checker, Oracle, RememberingOracle
from alframe.core.selection import among


@dataclass(frozen=True, kw_only=True)
class CheckSpec:
    """How many auto-labels are checked at the end of a trial, and what is said about the result.

    Attributes:
        num: auto-labels to check; None checks `default_num` if the truth is unknown and no certificate is
            wanted, and otherwise none.
        default_num: see `num`.
        confidence: in (0, 1), the probability with which each of the two bounds holds.
        warn: in (0, 1), the largest upper bound on the share of wrong auto-labels without a warning.
    """

    num: int | None
    default_num: int
    confidence: float
    warn: float

    def __post_init__(self) -> None:
        check_fields("check", self)

    def checker(self, truth_N: Tensor | None, *, certified: bool) -> Checker | None:
        """Return what checks the auto-labels at the end of a trial; None if nothing does.

        Args:
            truth_N: (N,) int64, the true classes, or None if they are unknown.
            certified: whether the trial ends with a certificate, which takes the place of the check.
        """
        if self.num is None and truth_N is not None:
            return SimulatedCheck(spec=self, truth_N=truth_N)
        num = (0 if certified else self.default_num) if self.num is None else self.num
        return AskedCheck(spec=self, num=num) if num else None

    def result(
        self, n_auto: int, asked: int, *, wrong: int, undecided: int, simulated: bool = False
    ) -> CheckResult:
        """Return what a sample says about all auto-labels.

        Args:
            n_auto: auto-labels, at least 1. asked: size of the sample, in [0, n_auto].
            wrong: answers that differ from the auto-label.
            undecided: answers that do not tell, and images that were removed since they were drawn.
            simulated: whether the truth judged the sample.

        >>> spec = CheckSpec(num=None, default_num=100, confidence=0.95, warn=0.05)
        >>> found = spec.result(60_000, 100, wrong=3, undecided=0)
        >>> found.error_share, round(found.most_share, 3), found.warn
        (0.03, 0.076, True)
        """
        alpha = 1.0 - self.confidence
        most = most_wrong(n_auto, asked, wrong + undecided, alpha)
        most_left = most - wrong - undecided
        decided = asked - undecided
        return CheckResult(
            n_auto=n_auto,
            asked=asked,
            found_wrong=wrong,
            undecided=undecided,
            confidence=self.confidence,
            error_share=wrong / decided if decided else None,
            least_share=least_wrong(n_auto, asked, wrong, alpha) / n_auto,
            most_share=most / n_auto,
            most_left=most_left,
            warn=most_left > 0 and most / n_auto > self.warn,
            simulated=simulated,
        )


@dataclass(frozen=True, kw_only=True)
class AskedCheck:
    """Asks the oracle about a random sample of the auto-labels and corrects the wrong ones.

    Attributes:
        spec: the settings. num: at least 1, the most questions.
    """

    spec: CheckSpec
    num: int

    def check(
        self,
        ledger: LabelLedger,
        oracle: Oracle,
        generator: torch.Generator,
        budget: int | None,
        round: int,
    ) -> tuple[LabelLedger, CheckResult | None]:
        """Return the ledger with the answers, and what they say; None without auto-labels."""
        if len(ledger.index_auto) == 0:
            return ledger, None
        index_D, n_removed = _open_question(ledger, oracle, round)
        if len(index_D) + n_removed == 0:
            index_D = draw(ledger, self.num if budget is None else min(self.num, budget), generator)
        n_auto, asked = len(ledger.index_auto) + n_removed, len(index_D) + n_removed
        if len(index_D) == 0:
            return ledger, self.spec.result(n_auto, asked, wrong=0, undecided=n_removed)
        answer_D = oracle.label(index_D)
        untold = int((answer_D == CANNOT_TELL).sum())
        wrong = int((answer_D != ledger.label_N[index_D]).sum()) - untold
        result = self.spec.result(n_auto, asked, wrong=wrong, undecided=untold + n_removed)
        return ledger.revoke(index_D).answered(index_D, answer_D, Source.AUDIT, round), result


@dataclass(frozen=True, kw_only=True)
class SimulatedCheck:
    """Says what a check would have said, from the truth; it asks nothing and changes no label.

    Attributes:
        spec: the settings. truth_N: (N,) int64, the true classes.
    """

    spec: CheckSpec
    truth_N: Tensor
    num: int = 0

    def check(
        self,
        ledger: LabelLedger,
        oracle: Oracle,
        generator: torch.Generator,
        budget: int | None,
        round: int,
    ) -> tuple[LabelLedger, CheckResult | None]:
        """Return the ledger as it is, and what a check would have said; None without auto-labels."""
        n_auto = len(ledger.index_auto)
        if n_auto == 0:
            return ledger, None
        index_D = draw(ledger, self.spec.default_num, generator)
        wrong = int((self.truth_N[index_D] != ledger.label_N[index_D]).sum())
        return ledger, self.spec.result(n_auto, len(index_D), wrong=wrong, undecided=0, simulated=True)


def _open_question(ledger: LabelLedger, oracle: Oracle, round: int) -> tuple[Tensor, int]:
    """Return the sample that an earlier process drew, int64, and how many of it were removed since.

    Without such a sample it is empty.
    """
    if not isinstance(oracle, RememberingOracle):
        return torch.empty(0, dtype=torch.int64), 0
    earlier = oracle.begin("check", round)
    return earlier[among(earlier, ledger.index_auto)], int((~ledger.member_N[earlier]).sum())


def draw(ledger: LabelLedger, n: int, generator: torch.Generator) -> Tensor:
    """Return (min(n, A),) int64, ascending: a uniform draw from the A auto-labels, without replacement."""
    index_A = ledger.index_auto
    return index_A[torch.randperm(len(index_A), generator=generator)[:n]].sort().values
