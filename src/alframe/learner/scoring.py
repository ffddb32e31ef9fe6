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
    start, done = time.perf_counter(), 0
    # Whole from the start: small results kept between the activations of millions of images tear the heap
    # apart, by 330 bytes an image where these are 16. Made outside inference mode, they are ordinary tensors.
    predicted_P = torch.empty(len(index_P), dtype=torch.int64, device=bank.device)
    log_odds_P = torch.empty(len(index_P), dtype=torch.float32, device=bank.device)
    margin_P = torch.empty_like(log_odds_P) if "margin" in needs else None
    with torch.inference_mode(), compute.autocast():
        for image_B in bank.stream(index_P, batch_size):
            part = slice(done, done + len(image_B))
            logits_BC = mean_log_probabilities(networks, normalize(image_B))
            predicted_P[part], log_odds_P[part] = log_odds(logits_BC)
            if margin_P is not None:
                margin_P[part] = log_margin(logits_BC)
            done = part.stop
            if progress is not None:
                progress("score", done, len(index_P))
    return PoolScores(
        index_P=index_P,
        predicted_P=predicted_P.cpu(),
        log_odds_P=log_odds_P.cpu(),
        margin_P=None if margin_P is None else margin_P.cpu(),
        seconds=time.perf_counter() - start,
    )


def mean_log_probabilities(networks: Sequence[nn.Module], x_B: Tensor) -> Tensor:
    """Return (B, C) float32: one network's logits, or the mean log-probabilities of several."""
    if len(networks) == 1:
        logits_BC: Tensor = networks[0](x_B)
        return logits_BC.float()
    return torch.stack([F.log_softmax(network(x_B).float(), dim=1) for network in networks]).mean(dim=0)
