"""The questions of an audit: which auto-labels are drawn, in which order, and the answers so far.

Axes: A the auto-labels, least confident first; D draws.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alframe.audit.betting import Floats, Trace, draws_to_reject, most_wrong_so_far, rejected
from alframe.core.ledger import LabelLedger
from alframe.core.protocols import LooksTwice, Oracle

Ranks = NDArray[np.int64]

# This share of the weighted draws favours the least confident. The rest is uniform, which limits the weight
# of an error among the most confident to 1 / (1 - TAIL_SHARE). Chosen by scripts/simulate_audits.py.
TAIL_SHARE = 0.15


def draw_weights(n_auto: int, tail_share: float = TAIL_SHARE) -> Floats:
    """Return (A,) float64, draw weights of mean 1, least confident first: a constant plus a part ~ 1 / rank.

    They depend on ranks and not on confidences, because a classifier's order is better than its
    probabilities. Sampling in proportion to the root of the error density costs least (Neyman). 1 / rank
    suits a density that rises steeply towards the least confident, and gives the same number of draws to
    every range of ranks between k and 2 k.

    Args:
        n_auto: A >= 1. tail_share: in [0, 1); 0 draws uniformly.

    >>> draw_weights(4, 0.0).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    tail_A = 1.0 / (np.arange(n_auto) + max(1.0, n_auto / 500))
    return 1.0 - tail_share + tail_share * n_auto * tail_A / tail_A.sum()


def draw_order(weight_A: Floats, generator: torch.Generator) -> Ranks:
    """Return (A,) int64: the ranks in the order of weighted draws without replacement.

    Each label has an exponential clock with its weight as the rate. Whichever labels are removed, the next
    clock to ring among the others is i with probability weight_i / (sum of the others' weights).
    """
    clock_A = torch.empty(len(weight_A), dtype=torch.float64).exponential_(generator=generator).numpy()
    clock_A /= weight_A
    return np.argsort(clock_A, kind="stable")


def n_rated(ledger: LabelLedger) -> int:
    """Return the number of samples that shares are of: all but those set aside."""
    return ledger.n_samples - len(ledger.index_set_aside)


class Auditor:
    """Asks the oracle about auto-labels, at random or the least confident first, and counts the errors.

    An answer that names no class counts as an error: it does not confirm the label, which is then removed.

    Attributes:
        weight_A: draw weights.
        answered_A, wrong_A: bool, True for labels that were asked about, and for the wrong ones among these.
        trace: the random draws.
        found_wrong: wrong labels found. audited: random draws. asked: all questions.
        questions_at_once: the oracle's attribute of this name, or 1.
    """

    def __init__(
        self,
        ledger: LabelLedger,
        index_A: Tensor,
        oracle: Oracle,
        generator: torch.Generator,
        tail_share: float,
    ) -> None:
        """Rank the labels of index_A (int64, ascending); hand labels have no log-odds and come first."""
        confidence = ledger.log_odds_N[index_A].nan_to_num(
            nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf
        )
        self._index_A = index_A[confidence.argsort(stable=True)]
        del confidence  # of millions of labels, each array counts
        self._label_N = ledger.label_N
        self._answer_A = np.full(len(index_A), -1, dtype=np.int32)
        self._oracle = oracle
        self._n_rated = n_rated(ledger)
        self.weight_A = draw_weights(len(index_A), tail_share)
        self._order_A = draw_order(self.weight_A, generator)
        self._next = 0
        self.answered_A = np.zeros(len(index_A), dtype=bool)
        self.wrong_A = np.zeros(len(index_A), dtype=bool)
        self.trace = Trace.empty()
        self.found_wrong = self.audited = self.asked = 0
        self.questions_at_once: int = getattr(oracle, "questions_at_once", 1)

    @property
    def unanswered(self) -> int:
        """Auto-labels that have not been checked."""
        return len(self.answered_A) - self.asked

    @property
    def n_rated(self) -> int:
        """The samples that shares are of: all but those set aside, by this audit too."""
        return self._n_rated - self.set_aside

    @property
    def set_aside(self) -> int:
        """Answers that name no class."""
        return int((self._answer_A[self.answered_A] < 0).sum())

    def draws_left(self, most_left: int, alpha: float, at_most: int) -> int:
        """Return how many draws could prove the bound if none of them is wrong, or `at_most` if that is less.

        A batch of this size asks nothing in vain. With unequal weights it is an estimate.
        """
        weight_A = self.weight_A[~self.answered_A]
        length = min(at_most, self.unanswered - most_left)
        of_one_draw = (weight_A**2).sum() / weight_A.sum()
        left_D = np.maximum(weight_A.sum() - of_one_draw * np.arange(length), weight_A[-1])
        right_D = np.zeros(length)
        ahead = self.trace.extended(right_D, left_D / self.weight_A[-1], right_D + self.found_wrong)
        needed = draws_to_reject(ahead, self.found_wrong + most_left + 1, alpha)
        return length if needed is None else needed - len(self.trace)

    def draw(self, n: int) -> None:
        """Ask about the next n labels of the random order, or about all that are left."""
        rank_D = self._upcoming(n)
        weight_D = self.weight_A[rank_D]
        taken_D = np.cumsum(weight_D) - weight_D
        left_D = np.maximum(self.weight_A[~self.answered_A].sum() - taken_D, weight_D)
        before = self.found_wrong
        wrong_D = self._ask(rank_D)
        found_wrong_D = before + np.cumsum(wrong_D) - wrong_D
        value_D = np.where(wrong_D, left_D / weight_D, 0.0)
        top_D = left_D / self.weight_A[-1]  # weights fall with the rank
        self.trace = self.trace.extended(value_D, top_D, found_wrong_D.astype(np.float64))
        self.audited += len(rank_D)

    def label_least_confident(self, n: int) -> None:
        """Ask about the n least confident unanswered labels; no bet is placed on them."""
        self._ask(np.flatnonzero(~self.answered_A)[:n])

    def proven(self, most_left: int, alpha: float) -> bool:
        """Return True if the draws so far prove that at most `most_left` wrong labels are left."""
        if self.unanswered <= most_left:
            return True
        return rejected(self.trace, self.found_wrong + most_left + 1, alpha)

    def most_left(self, alpha: float) -> int:
        """Return an upper bound on the wrong labels left, from the draws so far; valid at any moment."""
        return most_wrong_so_far(self.trace, self.found_wrong, self.unanswered, alpha) - self.found_wrong

    def answers(self) -> tuple[Tensor, Tensor]:
        """Return the samples that were asked about, ascending, and their answers, both int64."""
        asked_A = torch.from_numpy(self.answered_A)
        index, order = self._index_A[asked_A].sort()
        answer = torch.from_numpy(self._answer_A)[asked_A][order].long()
        return index, answer

    def _upcoming(self, n: int) -> Ranks:
        # Labels that were hand labelled in the meantime are skipped.
        window = self._order_A[self._next : self._next + n + self.asked]
        open_D = np.flatnonzero(~self.answered_A[window])[:n]
        self._next += int(open_D[-1]) + 1 if len(open_D) else len(window)
        return window[open_D]

    def _ask(self, rank_D: Ranks) -> NDArray[np.bool_]:
        index_D: Tensor = self._index_A[torch.from_numpy(rank_D)]
        self._answer_A[rank_D] = self._answers(index_D).numpy() if len(rank_D) else 0
        wrong_D = self._answer_A[rank_D] != self._label_N[index_D].numpy()
        self.answered_A[rank_D] = True
        self.wrong_A[rank_D] = wrong_D
        self.found_wrong += int(wrong_D.sum())
        self.asked += len(rank_D)
        return np.asarray(wrong_D)

    def _answers(self, index_D: Tensor) -> Tensor:
        """Return (D,) int64, the oracle's answers, after a second look at those that contradict the label."""
        answer_D = self._oracle.label(index_D)
        label_D = self._label_N[index_D]
        differs_D = answer_D != label_D
        if isinstance(self._oracle, LooksTwice) and bool(differs_D.any()):
            answer_D = answer_D.clone()
            answer_D[differs_D] = self._oracle.second_look(index_D[differs_D], label_D[differs_D])
        return answer_D
