"""Agreement of a committee: what one network is wrongly sure of, another often is not."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.auto_label.base import accepted, check_needed, nothing
from alframe.auto_label.calibrated import log_odds_of
from alframe.config.ranges import check_fields
from alframe.core.log_odds import logit
from alframe.core.records import Accepted, PoolScores, Validation


@dataclass(frozen=True, kw_only=True)
class ConsensusPolicy:
    """Accepts a prediction that all members share, where their mean log-odds are above the threshold's.

    The labels' recorded log-odds stay the classifier's.

    Attributes:
        threshold: a probability, strictly between 0 and 1, whose log-odds are compared.
    """

    threshold: float
    needs: frozenset[str] = field(default=frozenset({"members"}), init=False)

    def __post_init__(self) -> None:
        check_fields("auto_label", self)

    def accept(
        self, scores: PoolScores, validation: Validation | None, generator: torch.Generator
    ) -> Accepted:
        """Return the samples that all members agree on, with the class; nothing without two members."""
        check_needed(self, members=scores.members_PKC)
        n_members = _members(scores if len(scores) or validation is None else validation.scores)
        if n_members < 2 and len(scores):
            return nothing(scores, validation, "no auto-labels: one member is no committee")
        return accepted(
            scores,
            self._sure(scores),
            threshold=self.threshold,
            inside_V=None if validation is None else self._sure(validation.scores),
        )

    def _sure(self, scores: PoolScores) -> Tensor:
        if len(scores) == 0 or scores.members_PKC is None or _members(scores) < 2:
            return torch.zeros(len(scores), dtype=torch.bool)
        members_PKC = scores.members_PKC.double()
        agree_P = (members_PKC.argmax(dim=2) == scores.predicted_P[:, None]).all(dim=1)
        mean_P = torch.zeros(len(scores), dtype=torch.float64)
        for member_PC in members_PKC.unbind(1):
            mean_P += log_odds_of(member_PC, scores.predicted_P) / members_PKC.shape[1]
        return agree_P & (mean_P > logit(self.threshold))


def _members(scores: PoolScores) -> int:
    return scores.members_PKC.shape[1] if scores.members_PKC is not None and len(scores) else 0
