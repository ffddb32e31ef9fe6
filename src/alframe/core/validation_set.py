"""The validation set in use: a random sample of the pool that the oracle has labelled and nobody learns from.

It stands for the pool only while it loses what the pool loses: the samples that were auto-labelled for good,
and those that were asked. Otherwise the two drift apart.

Source: Vishwakarma et al., Promises and pitfalls of threshold-based auto-labeling, NeurIPS 2023.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from alframe.core.records import PoolScores, Validation
from alframe.core.selection import among

BINS = 10  # of the values up to the highest asked
SHARES = tuple(k / 20 for k in range(1, 21))


def thin_like_queries(
    scores_V: PoolScores,
    scores: PoolScores,
    index_Q: Tensor,
    value: Callable[[PoolScores], Tensor] | None,
    generator: torch.Generator,
) -> Tensor:
    """Return bool (V,): the validation samples that leave as the queried left the pool.

    With a score, those at or below the highest queried value, each with the share of the pool's samples of
    about its value that were queried: all of them where the very lowest were asked, a third where a random
    third was, more of the low ones where low ones were more likely. Without a score, everywhere alike.

    Args:
        scores_V, scores: of the validation samples that could have been asked, and of the pool that was.
        index_Q: what was queried. value: the lower, the sooner asked; or None. generator: draws.
    """
    if len(scores) == 0 or len(index_Q) == 0:
        return torch.zeros(len(scores_V), dtype=torch.bool)
    share_V = torch.full((len(scores_V),), len(index_Q) / len(scores), dtype=torch.float64)
    if value is not None:
        asked_P = among(scores.index_P, index_Q)
        share_V = _share_asked(value(scores).double(), asked_P, value(scores_V).double())
    return torch.rand(len(scores_V), dtype=torch.float64, generator=generator) < share_V


def _share_asked(value_P: Tensor, asked_P: Tensor, value_V: Tensor) -> Tensor:
    """Return float64 (V,): the share of the pool asked among values like each, 0 above the highest asked."""
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
    """Return (share, error) pairs: the share of wrong predictions among the most confident so many.

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
