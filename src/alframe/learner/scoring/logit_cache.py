"""How much scoring takes at once, and what it remembers from round to round."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from alframe.core.errors import EngineWarning
from alframe.data.bank import Bank

T = TypeVar("T")

MEMORY_BYTES = 2**26  # log-probabilities of earlier networks kept for the next rounds, at most


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


def fitting_batches(
    batches: Callable[[Tensor, int], Iterable[T]],
    index_P: Tensor,
    size: BatchSize,
    length: Callable[[T], int],
) -> Iterator[T]:
    """Yield what `batches` makes of `index_P`, in smaller batches from where memory ran out.

    Args:
        batches: of (what is left of index_P, images at a time), in order.
        index_P: int64. size: how many images at a time; halved where memory runs out.
        length: how many images one of what it yields stands for.
    """
    done = 0
    while done < len(index_P):
        try:
            for batch in batches(index_P[done:], size.n):
                yield batch
                done += length(batch)
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise
            size.halve(error)


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


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

    def export(self, networks: Sequence[nn.Module], banks: Sequence[Bank]) -> list[dict[str, Any]]:
        """Return what is kept, on the CPU: positions of network and bank, indices and log-probabilities."""
        told = []
        for (network, bank), (log_probs_NC, known_N) in self._kept.items():
            index = known_N.nonzero().flatten()
            told.append(
                {
                    "network": next(k for k, each in enumerate(networks) if each is network),
                    "bank": next(k for k, each in enumerate(banks) if each is bank),
                    "index": index,
                    "log_probs": log_probs_NC[index.to(log_probs_NC.device)].cpu(),
                }
            )
        return told

    def take_in(
        self, told: Sequence[dict[str, Any]], networks: Sequence[nn.Module], banks: Sequence[Bank]
    ) -> None:
        """Keep what `export` returned, in place of what is kept."""
        self._kept = {}
        for each in told:
            network, bank = networks[each["network"]], banks[each["bank"]]
            self.remember(network, bank, each["index"], each["log_probs"].to(bank.device))
