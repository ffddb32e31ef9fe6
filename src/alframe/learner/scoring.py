"""Batched softmax inference over the pool: O(P) numbers come back, in one transfer."""

import time
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe.confidence import log_margin, log_odds
from alframe.data.bank import Bank
from alframe.device import Compute
from alframe.learner.engine import Progress
from alframe.records import PoolScores

KNOWN_NEEDS = frozenset({"margin"})


def score_pool(
    networks: Sequence[nn.Module],
    normalize: nn.Module,
    bank: Bank,
    index_P: Tensor,
    *,
    compute: Compute,
    batch_size: int,
    needs: frozenset[str] = frozenset(),
    progress: Progress | None = None,
) -> PoolScores:
    """Return the scores of `index_P` (int64, CPU), in that order.

    Args:
        networks: in evaluation mode; the mean of their log-probabilities is what is scored.
        normalize: maps uint8 images to what the networks take.
        bank: the images.
        index_P: what to score.
        compute: device and precision.
        batch_size: images per forward pass.
        needs: optional fields of `PoolScores` to fill in.
        progress: told "score", images done, P.

    Raises:
        ValueError: a need that scoring does not know.
    """
    unknown = needs - KNOWN_NEEDS
    if unknown:
        raise ValueError(f"Expected needs among {sorted(KNOWN_NEEDS)}, but got {sorted(unknown)}.")
    start = time.perf_counter()
    predicted, odds, margins, done = [], [], [], 0
    with torch.inference_mode(), compute.autocast():
        for image_B in bank.stream(index_P, batch_size):
            logits_BC = mean_log_probabilities(networks, normalize(image_B))
            predicted_B, log_odds_B = log_odds(logits_BC)
            predicted.append(predicted_B)
            odds.append(log_odds_B)
            if "margin" in needs:
                margins.append(log_margin(logits_BC))
            if progress is not None:
                done += len(image_B)
                progress("score", done, len(index_P))
    # Joined outside inference mode, so that what leaves are ordinary tensors.
    return PoolScores(
        index_P=index_P,
        predicted_P=_joined(predicted, torch.int64),
        log_odds_P=_joined(odds, torch.float32),
        margin_P=_joined(margins, torch.float32) if "margin" in needs else None,
        seconds=time.perf_counter() - start,
    )


def mean_log_probabilities(networks: Sequence[nn.Module], x_B: Tensor) -> Tensor:
    """Return (B, C) float32: one network's logits, or the mean log-probabilities of several."""
    if len(networks) == 1:
        logits_BC: Tensor = networks[0](x_B)
        return logits_BC.float()
    return torch.stack([F.log_softmax(network(x_B).float(), dim=1) for network in networks]).mean(dim=0)


def _joined(parts: list[Tensor], dtype: torch.dtype) -> Tensor:
    joined = torch.cat(parts).cpu() if parts else torch.empty(0, dtype=dtype)
    parts.clear()
    return joined
