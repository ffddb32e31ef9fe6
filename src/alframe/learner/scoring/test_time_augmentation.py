"""Test-time augmentation: the mean log-probabilities of an image and of altered copies of it.

Only the least confident samples are scored again. A classifier that is sure of an image is also sure of its
altered copies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe.core.log_odds import entropy, log_margin, log_odds
from alframe.core.records import PoolScores
from alframe.core.selection import lowest
from alframe.data.image_bank import Bank
from alframe.learner.compute.device import Compute
from alframe.learner.scoring.batch_size import BatchSize, fitting_batches


@dataclass(frozen=True, kw_only=True)
class Views:
    """The views of an image: the image itself and altered copies.

    Attributes:
        n: number of views, the image itself included.
        share: share of the pool in [0, 1], the least confident first, that is scored again.
        strength: of the alterations; 1 alters as in training.
    """

    n: int
    share: float
    strength: float


def rescore_with_tta(
    scores: PoolScores,
    networks: Sequence[nn.Module],
    normalize: nn.Module,
    alter: Callable[[Tensor], Tensor],
    bank: Bank,
    *,
    compute: Compute,
    batch_size: BatchSize,
    views: Views,
) -> PoolScores:
    """Return the scores; those of the least confident share are computed from means over views.

    Args:
        scores: of the pool. networks: in evaluation mode.
        normalize, bank, compute, batch_size: as for `score_pool`.
        alter: maps normalised images to altered copies. views: number, share and strength.
    """
    low = lowest(scores.log_odds_P, round(views.share * len(scores)))
    if views.n < 2 or len(low) == 0:
        return scores
    parts: list[Tensor] = []
    with torch.inference_mode():
        for image_B in fitting_batches(bank.stream, scores.index_P[low], batch_size, len):
            with compute.autocast():
                x_B = normalize(image_B)
                views_B = [x_B, *(alter(x_B) for _ in range(views.n - 1))]
                logits = [network(view_B) for view_B in views_B for network in networks]
                log_probs = [F.log_softmax(each.float(), dim=1) for each in logits]
            parts.append(torch.stack(log_probs).mean(dim=0).cpu())
    return _replaced(scores, low, torch.cat(parts).clone())


def _replaced(scores: PoolScores, position: Tensor, log_probs_BC: Tensor) -> PoolScores:
    """Return the scores with those at `position` computed from `log_probs_BC`."""
    predicted_B, log_odds_B = log_odds(log_probs_BC)
    new = {"predicted_P": predicted_B, "log_odds_P": log_odds_B}
    if scores.margin_P is not None:
        new["margin_P"] = log_margin(log_probs_BC)
    if scores.entropy_P is not None:
        new["entropy_P"] = entropy(log_probs_BC)
    if scores.log_probs_PC is not None:
        new["log_probs_PC"] = F.log_softmax(log_probs_BC, dim=1)
    fields: dict[str, Any] = {name: _put(getattr(scores, name), position, part) for name, part in new.items()}
    return replace(scores, **fields)


def _put(value_P: Tensor, position: Tensor, part: Tensor) -> Tensor:
    value_P = value_P.clone()
    value_P[position] = part
    return value_P
