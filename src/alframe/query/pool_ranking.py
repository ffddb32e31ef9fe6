"""Parts that several strategies use: a random part of the pool, finite scores, ties and random numbers."""

from dataclasses import dataclass

import torch
from torch import Tensor

from alframe.config.ranges import check_fields
from alframe.core.errors import TrialError
from alframe.core.records import Labelled, PoolScores
from alframe.core.selection import lowest

LEAST = -745.0  # log of the smallest float64, in place of the log of 0

_DESCRIPTIONS = {
    "log_odds_P": "log-odds",
    "margin_P": "margins",
    "entropy_P": "entropies",
    "log_probs_PC": "log-probabilities",
    "members_PKC": "log-probabilities of the committee's members",
    "features_PD": "features",
    "features_LD": "features",
    "log_probs_LC": "log-probabilities",
}

_MAY_BE_LOG_OF_0 = ("log_probs_PC", "members_PKC", "log_probs_LC")


@dataclass(frozen=True, kw_only=True)
class Subset:
    """A strategy that needs costly scores and therefore looks only at a random part of the pool.

    Attributes:
        max_candidates: at least 1, the size of the random part; the number of questions if that is larger;
            None takes the whole pool.
        device: where distances are computed; the trial passes it. Another device or another number of
            threads may round the last bits of a distance differently, and so decide ties differently.
    """

    max_candidates: int | None
    device: torch.device | str = "cpu"

    def __post_init__(self) -> None:
        check_fields("query", self)

    @property
    def distance_device(self) -> torch.device:
        """Where distances are computed: `device`, or the CPU if the device has no float64 numbers (mps)."""
        device = torch.device(self.device)
        return torch.device("cpu") if device.type == "mps" else device

    def candidates(self, scores: PoolScores, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(P, max(n, max_candidates)),) int64, random data-set indices of the pool."""
        if self.max_candidates is None or len(scores) <= self.max_candidates:
            return scores.index_P
        return scores.index_P[torch.randperm(len(scores), generator=generator)[: max(n, self.max_candidates)]]


def finite(record: PoolScores | Labelled, field: str) -> Tensor:
    """Return a field of the record and make sure that its values are finite.

    float16 and bfloat16 become float32. The log-probability of a class of probability 0 is LEAST, not -inf.

    Args:
        record: scores of the pool, or the labelled samples.
        field: the name of an attribute whose first axis is that of the record's indices.

    Raises:
        TrialError: a value is NaN or infinite.
    """
    value = getattr(record, field)
    value = value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
    if _all_finite(value):
        return value
    if field in _MAY_BE_LOG_OF_0 and _all_finite(value.clamp_min(LEAST)):
        return value.clamp_min(LEAST)
    index = record.index_P if isinstance(record, PoolScores) else record.index_L
    bad = ~value.isfinite().reshape(len(value), -1).all(dim=1)
    kind = "NaN" if bool(value[bad].isnan().any()) else "infinite"
    raise TrialError(
        f"query: expected finite {_DESCRIPTIONS[field]}, but those of sample {int(index[bad][0])} are "
        f"{kind}. Lower the learning rate (learner.optimizer.lr) or check its image."
    )


def _all_finite(value: Tensor) -> bool:
    # One pass without a mask as large as the field: a NaN becomes both the minimum and the maximum.
    return value.numel() == 0 or bool(torch.stack(torch.aminmax(value)).isfinite().all())


def soonest(value_P: Tensor, scores: PoolScores, n: int) -> Tensor:
    """Return (min(n, P),) int64, the data-set indices of the n lowest values, the lowest first.

    Ties go to the least confident sample, then to the first.

    Args:
        value_P: (P,) float. scores: of the same samples. n: how many.
    """
    n = min(n, len(scores))
    if n == 0:
        return scores.index_P[:0]
    ahead_P = value_P <= value_P.kthvalue(n).values  # samples that tie with the n-th are still in
    positions = ahead_P.nonzero().flatten()
    positions = positions[finite(scores, "log_odds_P")[positions].argsort(stable=True)]
    return scores.index_P[positions[value_P[positions].argsort(stable=True)[:n]]]


def gumbel(n: int, generator: torch.Generator) -> Tensor:
    """Return (n,) float64 draws of the standard Gumbel distribution.

    >>> gumbel(200_000, torch.Generator().manual_seed(0)).mean().sub(0.5772).abs().item() < 0.01
    True
    """
    # Clamping to the smallest normal number keeps the logarithm of a draw of exactly 0 finite.
    waiting_n = torch.empty(n, dtype=torch.float64).exponential_(generator=generator)
    return -waiting_n.clamp_min(torch.finfo(torch.float64).tiny).log()


def highest(score_P: Tensor, n: int) -> Tensor:
    """Return (min(n, P),) int64 positions of the n highest scores; ties go to the lowest position.

    >>> highest(torch.tensor([1.0, 3.0, 3.0]), 2).tolist()
    [1, 2]
    """
    return lowest(-score_P, n)
