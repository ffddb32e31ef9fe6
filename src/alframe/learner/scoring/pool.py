"""Scores of the pool, batch by batch: O(P) numbers, moved to the CPU in one transfer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe.core.log_odds import entropy, log_margin, log_odds
from alframe.core.records import PoolScores
from alframe.data.decoded import Progress
from alframe.data.image_bank import Bank
from alframe.learner.compute.device import Compute
from alframe.learner.interfaces import Forward
from alframe.learner.scoring.batch_size import BatchSize, fitting_batches
from alframe.learner.scoring.logit_cache import LogitCache

# Optional fields of PoolScores that are computed from the logits, without another forward pass.
SCORES = frozenset({"margin", "entropy", "log_probs"})
# Log-probabilities that are processed at once. Each takes about 250 bytes on a CPU, with intermediate results
# and gaps in the heap between activations: 63 MB measured, 248 MB at 2**20.
BLOCK = 2**18


class EagerForward:
    """Runs networks batch by batch."""

    def __init__(self, normalize: nn.Module, compute: Compute) -> None:
        """Take the map from uint8 images to the networks' input, and the device and precision."""
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
    cache: LogitCache | None = None,
    forward: Forward | None = None,
) -> PoolScores:
    """Return the scores of `index_P` (int64, CPU), in that order.

    Args:
        networks: in evaluation mode; the scores are those of the mean of their log-probabilities.
        normalize: maps uint8 images to the networks' input.
        bank: the images.
        index_P: the images to score.
        compute: device and precision.
        batch_size: images per forward pass; halved, and tried again, if memory runs out.
        needs: optional fields of `PoolScores` to compute.
        progress: called with ("score", images done, P).
        cache: log-probabilities from earlier calls; new ones are stored in it.
        forward: runs the networks; None runs them batch by batch.

    Raises:
        ValueError: a need that is not in `SCORES`.
    """
    unknown = needs - SCORES
    if unknown:
        raise ValueError(f"Expected needs among {sorted(SCORES)}, but got {sorted(unknown)}.")
    size = batch_size if isinstance(batch_size, BatchSize) else BatchSize(batch_size)
    run = forward or EagerForward(normalize, compute)
    fresh = [each for each in networks if cache is None or not cache.holds(each, bank, index_P)]
    passes = fitting_batches(
        lambda rest_P, n: run(fresh, bank, rest_P, n), index_P, size, lambda logits: len(logits[0])
    )
    blocks = (
        _blocks(passes, index_P, progress) if fresh else ((part, []) for part in index_P.split(BLOCK // 16))
    )
    columns = _ScoreColumns(len(index_P), needs, bank.device)
    with torch.inference_mode():
        for index_B, logits in blocks:
            of_network = dict(zip(fresh, logits, strict=True))
            columns.append(_mean_log_probabilities(networks, of_network, bank, index_B, cache))
    return columns.scores(index_P)


class _ScoreColumns:
    """The columns of `PoolScores`, filled block by block.

    They are allocated whole: small results between the activations of millions of images would fragment the
    heap. They are made outside inference mode, so they are ordinary tensors.
    """

    def __init__(self, n: int, needs: frozenset[str], device: torch.device) -> None:
        self._done = 0
        self._predicted_P = torch.empty(n, dtype=torch.int64, device=device)
        self._log_odds_P = torch.empty(n, dtype=torch.float32, device=device)
        self._margin_P = torch.empty_like(self._log_odds_P) if "margin" in needs else None
        self._entropy_P = torch.empty_like(self._log_odds_P) if "entropy" in needs else None
        self._log_probs: list[Tensor] | None = [] if "log_probs" in needs else None

    def append(self, logits_BC: Tensor) -> None:
        part = slice(self._done, self._done + len(logits_BC))
        self._predicted_P[part], self._log_odds_P[part] = log_odds(logits_BC)
        if self._margin_P is not None:
            self._margin_P[part] = log_margin(logits_BC)
        if self._entropy_P is not None:
            self._entropy_P[part] = entropy(logits_BC)
        if self._log_probs is not None:
            self._log_probs.append(F.log_softmax(logits_BC, dim=1).cpu())
        self._done = part.stop

    def scores(self, index_P: Tensor) -> PoolScores:
        """Return the columns on the CPU."""
        return PoolScores(
            index_P=index_P,
            predicted_P=self._predicted_P.cpu(),
            log_odds_P=self._log_odds_P.cpu(),
            margin_P=None if self._margin_P is None else self._margin_P.cpu(),
            entropy_P=None if self._entropy_P is None else self._entropy_P.cpu(),
            log_probs_PC=torch.cat(self._log_probs).clone() if self._log_probs else None,
        )


def _mean_log_probabilities(
    networks: Sequence[nn.Module],
    logits: Mapping[nn.Module, Tensor],
    bank: Bank,
    index_B: Tensor,
    cache: LogitCache | None,
) -> Tensor:
    """Return (B, C) float32: a single network's logits, or the networks' mean log-probabilities.

    Args:
        logits: of the networks that have run; the cache holds the log-probabilities of the others.
    """
    if len(networks) == 1 and cache is None:
        return logits[networks[0]]
    log_probs = {network: F.log_softmax(each, dim=1) for network, each in logits.items()}
    if cache is not None:
        for network, log_probs_BC in log_probs.items():
            cache.store(network, bank, index_B, log_probs_BC)
        cached = [network for network in networks if network not in log_probs]
        log_probs |= {network: cache.read(network, bank, index_B) for network in cached}
    return torch.stack([log_probs[network] for network in networks]).mean(dim=0)


def _blocks(
    passes: Iterable[list[Tensor]], index_P: Tensor, progress: Progress | None
) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Yield indices and the networks' logits for them, in blocks of about `BLOCK` numbers.

    The blocks share their memory: a block is valid until the next one.

    Args:
        passes: the logits of each network, batch by batch in the order of `index_P`.
    """
    start = n = 0
    blocks: list[Tensor] = []
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
