"""Auto-labels by agreement of a committee: networks that err confidently rarely err together."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.auto_label.accept import accept_none, accept_where, check_needed
from alframe.auto_label.calibrated import log_odds_of
from alframe.config.ranges import check_fields
from alframe.core.log_odds import logit
from alframe.core.records import Accepted, PoolScores, Validation


@dataclass(frozen=True, kw_only=True)
class ConsensusPolicy:
    """Accepts a prediction if all members agree on it and their mean log-odds exceed logit(threshold).

    The labels are recorded with the log-odds of the classifier, not of the committee.

    Attributes:
        threshold: a probability strictly between 0 and 1.
    """

    threshold: float
    needs: frozenset[str] = field(default=frozenset({"members"}), init=False)

    def __post_init__(self) -> None:
        check_fields("auto_label", self)

    def accept(
        self, scores: PoolScores, validation: Validation | None, generator: torch.Generator
    ) -> Accepted:
        """Return the accepted samples with their classes; none if there are fewer than two members."""
        check_needed(self, members=scores.members_PKC)
        n_members = _members(scores if len(scores) or validation is None else validation.scores)
        if n_members < 2 and len(scores):
            return accept_none(scores, validation, "no auto-labels: a committee needs at least two members")
        return accept_where(self._accepts, scores, validation, self.threshold)

    def _accepts(self, scores: PoolScores) -> Tensor:
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
