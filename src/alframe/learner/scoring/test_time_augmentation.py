"""Scoring by several views: the mean log-probabilities of an image and of altered copies of it.

Test-time augmentation, for those samples alone where it can matter: what a classifier is sure of in one view
it is sure of in several.
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
from alframe.data.bank import Bank
from alframe.learner.compute.device import Compute
from alframe.learner.scoring.logit_cache import BatchSize, fitting_batches


@dataclass(frozen=True, kw_only=True)
class Views:
    """How often to look.

    Attributes:
        n: views of an image, the image as it is among them. share: of the pool, the least confident.
        strength: of the alterations, against those of training.
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
    """Return the scores with those of the least confident share replaced by means over views.

    Args:
        scores: of the pool. networks: in evaluation mode. normalize, bank, compute, batch_size: as in
            scoring.
        alter: maps normalised images to altered copies.
    """
    low = lowest(scores.log_odds_P, round(views.share * len(scores)))
    if views.n < 2 or len(low) == 0:
        return scores
    parts: list[Tensor] = []
    with torch.inference_mode():
        for image_B in fitting_batches(bank.stream, scores.index_P[low], batch_size, len):
            with compute.autocast():
                x_B = normalize(image_B)
                seen = [x_B, *(alter(x_B) for _ in range(views.n - 1))]
                said = [F.log_softmax(network(x).float(), dim=1) for x in seen for network in networks]
            parts.append(torch.stack(said).mean(dim=0).cpu())
    return _with(scores, low, torch.cat(parts).clone())


def _with(scores: PoolScores, position: Tensor, log_probs_BC: Tensor) -> PoolScores:
    predicted_B, log_odds_B = log_odds(log_probs_BC)
    said = {"predicted_P": predicted_B, "log_odds_P": log_odds_B}
    if scores.margin_P is not None:
        said["margin_P"] = log_margin(log_probs_BC)
    if scores.entropy_P is not None:
        said["entropy_P"] = entropy(log_probs_BC)
    if scores.log_probs_PC is not None:
        said["log_probs_PC"] = F.log_softmax(log_probs_BC, dim=1)
    put: dict[str, Any] = {name: _put(getattr(scores, name), position, part) for name, part in said.items()}
    return replace(scores, **put)


def _put(value_P: Tensor, position: Tensor, part: Tensor) -> Tensor:
    value_P = value_P.clone()
    value_P[position] = part
    return value_P
