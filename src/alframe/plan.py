"""The plan that the loop follows: which reading of the seven steps a trial takes."""

from dataclasses import dataclass, field
from typing import Literal

from alframe.certificate import CertificatePlan
from alframe.cost import Cost
from alframe.ledger import LabelLedger
from alframe.rooms import Amount


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The readings of the seven steps that a trial follows.

    Attributes:
        seed: the trial's seed.
        question: how many to ask in a round.
        keep: "permanent" auto-labels stand for good; "rejudge" withdraws and decides them anew.
        order: who picks first in a round: "auto_first" or "hand_first".
        remainder: what happens to what is left at the end: "hand", "auto" or "leave".
        max_hand_labels: no more questions than this over the whole trial, None for no bound.
        final_fit: train once more after the last question, before the remainder is decided.
        certificate: what is to be proven at the end, None for nothing.
        cost: what labels and hours cost.
    """

    seed: int
    question: Amount
    keep: Literal["permanent", "rejudge"]
    order: Literal["auto_first", "hand_first"]
    remainder: Literal["hand", "auto", "leave"]
    max_hand_labels: int | None = None
    final_fit: bool = False
    certificate: CertificatePlan | None = None
    cost: Cost = field(default_factory=Cost)

    def affordable(self, n: int, ledger: LabelLedger) -> int:
        """Return how many of `n` questions the budget of hand labels still allows."""
        if self.max_hand_labels is None:
            return n
        return max(0, min(n, self.max_hand_labels - len(ledger.index_hand)))
