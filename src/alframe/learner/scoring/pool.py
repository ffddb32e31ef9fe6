"""Batched softmax inference over the pool: O(P) numbers come back, in one transfer."""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe.core.log_odds import entropy, log_margin, log_odds
from alframe.core.records import PoolScores
from alframe.data.bank import Bank
from alframe.learner.compute.device import Compute
from alframe.learner.interfaces import Forward, Progress
from alframe.learner.scoring.logit_cache import BatchSize, ScoreMemory, fitting_batches

# Fields of PoolScores that come with the logits at O(P), and with them as they are.
SCORES = frozenset({"margin", "entropy", "log_probs"})
# Numbers of log-probabilities that are worked on at once. With what is computed on the way and what the heap
# loses between activations each takes about 250 bytes on a CPU: 63 MB measured, 248 MB at 2**20.
BLOCK = 2**18


class EagerForward:
    """Runs networks batch by batch."""

    def __init__(self, normalize: nn.Module, compute: Compute) -> None:
        """Take the map from uint8 images to the networks' input, and where and how to compute."""
        self._normalize = normalize
        self._compute = compute

    def __call__(
        self, networks: Sequence[nn.Module], bank: Bank, index_P: Tensor, batch_size: int
    ) -> Iterator[list[Tensor]]:
        """Yield batch after batch the logits (B, C) of each network, in the order of `index_P`."""
        for image_B in bank.stream(index_P, batch_size):
            with self._compute.autocast():
                x_B = self._normalize(image_B)
                logits = [network(x_B) for network in networks]
            yield logits


def score_pool(
    networks: Sequence[nn.Module],
    normalize: nn.Module,
    bank: Bank,
    index_P: Tensor,
    *,
    compute: Compute,
    batch_size: int | BatchSize,
    needs: frozenset[str] = frozenset(),
    progress: Progress | None = None,
    memory: ScoreMemory | None = None,
    forward: Forward | None = None,
) -> PoolScores:
    """Return the scores of `index_P` (int64, CPU), in that order.

    Args:
        networks: in evaluation mode; the mean of their log-probabilities is what is scored.
        normalize: maps uint8 images to what the networks take.
        bank: the images.
        index_P: what to score.
        compute: device and precision.
        batch_size: images per forward pass; halved, and tried again, where memory runs out.
        needs: optional fields of `PoolScores` to fill in.
        progress: told "score", images done, P.
        memory: what networks have said before, and where it is kept for the next time.
        forward: runs the networks; None runs them batch by batch.

    Raises:
        ValueError: a need that scoring does not know.
    """
    unknown = needs - SCORES
    if unknown:
        raise ValueError(f"Expected needs among {sorted(SCORES)}, but got {sorted(unknown)}.")
    done = 0
    size = batch_size if isinstance(batch_size, BatchSize) else BatchSize(batch_size)
    # Whole from the start: small results kept between the activations of millions of images tear the heap
    # apart. Made outside inference mode, they are ordinary tensors.
    predicted_P = torch.empty(len(index_P), dtype=torch.int64, device=bank.device)
    log_odds_P = torch.empty(len(index_P), dtype=torch.float32, device=bank.device)
    margin_P = torch.empty_like(log_odds_P) if "margin" in needs else None
    entropy_P = torch.empty_like(log_odds_P) if "entropy" in needs else None
    log_probs: list[Tensor] = []
    with torch.inference_mode():
        blocks = log_probabilities(
            networks, bank, index_P, size, forward or EagerForward(normalize, compute), memory, progress
        )
        for logits_BC in blocks:
            part = slice(done, done + len(logits_BC))
            predicted_P[part], log_odds_P[part] = log_odds(logits_BC)
            if margin_P is not None:
                margin_P[part] = log_margin(logits_BC)
            if entropy_P is not None:
                entropy_P[part] = entropy(logits_BC)
            if "log_probs" in needs:
                log_probs.append(F.log_softmax(logits_BC, dim=1).cpu())
            done = part.stop
    return PoolScores(
        index_P=index_P,
        predicted_P=predicted_P.cpu(),
        log_odds_P=log_odds_P.cpu(),
        margin_P=None if margin_P is None else margin_P.cpu(),
        entropy_P=None if entropy_P is None else entropy_P.cpu(),
        log_probs_PC=torch.cat(log_probs).clone() if log_probs else None,
    )


def log_probabilities(
    networks: Sequence[nn.Module],
    bank: Bank,
    index_P: Tensor,
    size: BatchSize,
    forward: Forward,
    memory: ScoreMemory | None = None,
    progress: Progress | None = None,
) -> Iterator[Tensor]:
    """Yield (B, C) float32 blocks: one network's logits, or the networks' mean log-probabilities.

    Args: as for `score_pool`.
    """
    fresh = [each for each in networks if memory is None or not memory.knows(each, bank, index_P)]
    for index_B, logits in _blocks(fresh, bank, index_P, size, forward, progress):
        if len(networks) == 1 and memory is None:
            yield logits[0]
        else:
            told = dict(zip(fresh, (F.log_softmax(each, dim=1) for each in logits), strict=True))
            for network, log_probs_BC in told.items():
                if memory is not None:
                    memory.remember(network, bank, index_B, log_probs_BC)
            for network in networks:
                if memory is not None and network not in told:
                    told[network] = memory.recall(network, bank, index_B)
            yield torch.stack([told[network] for network in networks]).mean(dim=0)


def _blocks(
    networks: Sequence[nn.Module],
    bank: Bank,
    index_P: Tensor,
    size: BatchSize,
    forward: Forward,
    progress: Progress | None,
) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Yield indices and the networks' logits of them, in blocks large enough to be worked on together.

    The blocks share their memory: what is yielded is good until the next.
    """
    if not networks:
        for index_B in index_P.split(BLOCK // 16):
            yield index_B, []
        return
    start = n = 0
    blocks: list[Tensor] = []
    passes = fitting_batches(
        lambda rest_P, n: forward(networks, bank, rest_P, n), index_P, size, lambda logits: len(logits[0])
    )
    for logits in passes:
        n_batch, n_classes = logits[0].shape
        if not blocks:
            n_rows = min(len(index_P), max(n_batch, BLOCK // n_classes))
            blocks = [each.new_empty((n_rows, n_classes), dtype=torch.float32) for each in logits]
        if n + n_batch > len(blocks[0]):
            yield index_P[start : start + n], [block[:n] for block in blocks]
            start, n = start + n, 0
        for block, each in zip(blocks, logits, strict=True):
            block[n : n + n_batch] = each
        n += n_batch
        if progress is not None:
            progress("score", start + n, len(index_P))
    if n:
        yield index_P[start : start + n], [block[:n] for block in blocks]
