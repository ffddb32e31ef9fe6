"""The validation set in use: a random sample of the pool with the oracle's labels, never learned from.

It represents the pool only if it loses the same kinds of samples as the pool: those that were auto-labelled
permanently, and those that were queried.

Source: Vishwakarma et al., Promises and pitfalls of threshold-based auto-labeling, NeurIPS 2023.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from alframe.core.records import PoolScores, Validation
from alframe.core.selection import among

BINS = 10  # of the values up to the highest queried value
SHARES = tuple(k / 20 for k in range(1, 21))


def thin_like_queries(
    scores_V: PoolScores,
    scores: PoolScores,
    index_Q: Tensor,
    value: Callable[[PoolScores], Tensor] | None,
    generator: torch.Generator,
) -> Tensor:
    """Return (V,) bool, True for validation samples to drop so that the set keeps matching the pool.

    With `value`, a validation sample at or below the highest queried value is dropped with a probability: the
    queried share of the pool's samples of about the same value. All are dropped if the lowest values were
    queried, a third if a random third was, and more of the low ones if low values were more likely. Without
    `value`, all are dropped with the same probability.

    Args:
        scores_V: of the validation samples that could have been queried. scores: of the pool.
        index_Q: (Q,) int64, the queried samples.
        value: from scores to (n,) float, lower for samples that are asked about earlier; or None.
        generator: draws.
    """
    if len(scores) == 0 or len(index_Q) == 0:
        return torch.zeros(len(scores_V), dtype=torch.bool)
    share_V = torch.full((len(scores_V),), len(index_Q) / len(scores), dtype=torch.float64)
    if value is not None:
        asked_P = among(scores.index_P, index_Q)
        share_V = _share_asked(value(scores).double(), asked_P, value(scores_V).double())
    return torch.rand(len(scores_V), dtype=torch.float64, generator=generator) < share_V


def _share_asked(value_P: Tensor, asked_P: Tensor, value_V: Tensor) -> Tensor:
    """Return (V,) float64, the queried share of the pool at similar values, 0 above the highest queried."""
    cut = value_P[asked_P].max()
    below_P = value_P <= cut
    edges = value_P[below_P].quantile(torch.linspace(0, 1, BINS + 1, dtype=torch.float64)[1:-1]).unique()
    bin_P, bin_V = torch.bucketize(value_P[below_P], edges), torch.bucketize(value_V, edges)
    n_bins = len(edges) + 1
    pool_Z = torch.bincount(bin_P, minlength=n_bins)
    asked_Z = torch.bincount(bin_P[asked_P[below_P]], minlength=n_bins)
    share_Z = asked_Z.double() / pool_Z.clamp_min(1)
    return torch.where(value_V <= cut, share_Z[bin_V], 0.0)


def error_by_share(validation: Validation | None) -> tuple[tuple[float, float], ...]:
    """Return (share, error) pairs: the error rate among this share of the most confident samples.

    >>> scores = PoolScores(index_P=torch.arange(4), predicted_P=torch.tensor([0, 0, 0, 0]),
    ...                     log_odds_P=torch.tensor([4.0, 3.0, 2.0, 1.0]))
    >>> dict(error_by_share(Validation(scores=scores, label_V=torch.tensor([0, 0, 0, 1]))))[1.0]
    0.25
    """
    if validation is None or len(validation) == 0:
        return ()
    wrong_V = (validation.scores.predicted_P != validation.label_V).double()
    error_V = wrong_V[validation.scores.log_odds_P.argsort(descending=True, stable=True)].cumsum(0)
    counts = [max(1, round(share * len(validation))) for share in SHARES]
    return tuple((share, float(error_V[n - 1]) / n) for share, n in zip(SHARES, counts, strict=True))
