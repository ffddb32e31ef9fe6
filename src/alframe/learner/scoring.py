"""Batched softmax inference over the pool: O(P) numbers come back, in one transfer."""

import time
import warnings
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe.confidence import log_margin, log_odds
from alframe.data.bank import Bank
from alframe.device import Compute
from alframe.errors import EngineWarning
from alframe.learner.engine import Forward, Progress
from alframe.records import PoolScores

KNOWN_NEEDS = frozenset({"margin"})
BLOCK = 2**20  # numbers of log-probabilities that are worked on at once
MEMORY_BYTES = 2**26  # log-probabilities of earlier networks kept for the next rounds, at most


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


class BatchSize:
    """How many images a forward pass takes; halved for good when memory runs out."""

    def __init__(self, n: int) -> None:
        """Begin with n images."""
        self.n = n

    def halve(self, error: Exception) -> None:
        """Halve it, or raise the error where there is nothing to halve."""
        if self.n == 1:
            raise error
        self.n //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        warnings.warn(
            f"learner.scoring_batch_size: out of memory; going on with {self.n} images at a time.",
            EngineWarning,
            stacklevel=2,
        )


class ScoreMemory:
    """The log-probabilities of networks that will score again, so that each image passes each once.

    An ensemble of the last rounds' networks scores the same pool again and again; what a network said of an
    image does not change.
    """

    def __init__(self, limit_bytes: int = MEMORY_BYTES) -> None:
        """Keep at most `limit_bytes`, and nothing of what comes after."""
        self._limit = limit_bytes
        self._kept: dict[tuple[nn.Module, Bank], tuple[Tensor, Tensor]] = {}

    def knows(self, network: nn.Module, bank: Bank, index_P: Tensor) -> bool:
        """Whether the network has scored every image of `index_P`."""
        kept = self._kept.get((network, bank))
        return kept is not None and bool(kept[1][index_P].all())

    def recall(self, network: nn.Module, bank: Bank, index_B: Tensor) -> Tensor:
        """Return (B, C) float32 log-probabilities on the device."""
        log_probs_NC = self._kept[network, bank][0]
        return log_probs_NC[index_B.to(log_probs_NC.device)]

    def remember(self, network: nn.Module, bank: Bank, index_B: Tensor, log_probs_BC: Tensor) -> None:
        """Keep what the network said of `index_B` (int64, CPU), while the limit allows."""
        if (network, bank) not in self._kept:
            n_bytes = 4 * len(bank) * log_probs_BC.shape[1]
            if n_bytes * (len(self._kept) + 1) > self._limit:
                return
            log_probs_NC = torch.empty(len(bank), log_probs_BC.shape[1], device=log_probs_BC.device)
            self._kept[network, bank] = log_probs_NC, torch.zeros(len(bank), dtype=torch.bool)
        log_probs_NC, known_N = self._kept[network, bank]
        log_probs_NC.index_copy_(0, index_B.to(log_probs_NC.device), log_probs_BC)
        known_N[index_B] = True

    def forget_all_but(self, networks: Sequence[nn.Module]) -> None:
        """Drop what other networks said."""
        self._kept = {key: value for key, value in self._kept.items() if key[0] in networks}


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
    unknown = needs - KNOWN_NEEDS
    if unknown:
        raise ValueError(f"Expected needs among {sorted(KNOWN_NEEDS)}, but got {sorted(unknown)}.")
    start = time.perf_counter()
    size = batch_size if isinstance(batch_size, BatchSize) else BatchSize(batch_size)
    # Whole from the start: small results kept between the activations of millions of images tear the heap
    # apart, by 330 bytes an image where these are 16. Made outside inference mode, they are ordinary tensors.
    predicted_P = torch.empty(len(index_P), dtype=torch.int64, device=bank.device)
    log_odds_P = torch.empty(len(index_P), dtype=torch.float32, device=bank.device)
    margin_P = torch.empty_like(log_odds_P) if "margin" in needs else None
    done = 0
    with torch.inference_mode():
        blocks = log_probabilities(
            networks, bank, index_P, size, forward or EagerForward(normalize, compute), memory, progress
        )
        for logits_BC in blocks:
            part = slice(done, done + len(logits_BC))
            predicted_P[part], log_odds_P[part] = log_odds(logits_BC)
            if margin_P is not None:
                margin_P[part] = log_margin(logits_BC)
            done = part.stop
    return PoolScores(
        index_P=index_P,
        predicted_P=predicted_P.cpu(),
        log_odds_P=log_odds_P.cpu(),
        margin_P=None if margin_P is None else margin_P.cpu(),
        seconds=time.perf_counter() - start,
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
    for logits in _batches(networks, bank, index_P, size, forward):
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


def _batches(
    networks: Sequence[nn.Module], bank: Bank, index_P: Tensor, size: BatchSize, forward: Forward
) -> Iterator[list[Tensor]]:
    """Yield the networks' logits, with smaller batches from where memory ran out."""
    done = 0
    while done < len(index_P):
        try:
            for logits in forward(networks, bank, index_P[done:], size.n):
                yield logits
                done += len(logits[0])
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise
            size.halve(error)


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
