"""The validation set in use: a random sample of the pool that the oracle has labelled and nobody learns from.

It stands for the pool only while it loses what the pool loses: the samples that were auto-labelled for good,
and those that were asked. Otherwise the two drift apart.

Source: Vishwakarma et al., Promises and pitfalls of threshold-based auto-labeling, NeurIPS 2023.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from alframe.records import PoolScores, Validation

SHARES = tuple(k / 20 for k in range(1, 21))


def asked_alike(
    scores_V: PoolScores,
    scores: PoolScores,
    index_Q: Tensor,
    value: Callable[[PoolScores], Tensor] | None,
    generator: torch.Generator,
) -> Tensor:
    """Return bool (V,): the validation samples that leave as the queried left the pool.

    With a score, those at or below the highest queried value, each with the share of the pool's samples there
    that were queried; without one, everywhere with the share of the pool that was queried.

    Args:
        scores_V, scores: of the validation samples that could have been asked, and of the pool that was.
        index_Q: what was queried. value: the lower, the sooner asked; or None. generator: draws.
    """
    if len(scores) == 0 or len(index_Q) == 0:
        return torch.zeros(len(scores_V), dtype=torch.bool)
    below_V = torch.ones(len(scores_V), dtype=torch.bool)
    n_below = len(scores)
    if value is not None:
        value_P = value(scores)
        cut = value_P[torch.isin(scores.index_P, index_Q)].max()
        below_V = value(scores_V) <= cut
        n_below = int((value_P <= cut).sum())
    drawn_V = torch.rand(len(scores_V), generator=generator) < len(index_Q) / n_below
    return below_V & drawn_V


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
