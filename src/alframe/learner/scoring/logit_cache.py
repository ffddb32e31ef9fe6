"""Log-probabilities that are kept from round to round."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from alframe.data.image_bank import Bank

CACHE_BYTES = 2**26  # upper limit of the size of a cache


class LogitCache:
    """The log-probabilities of networks that will score again, so that a network sees each image once.

    An ensemble of the last rounds' networks scores the same pool in several rounds. A network's
    log-probabilities for an image do not change between them.
    """

    def __init__(self, limit_bytes: int = CACHE_BYTES) -> None:
        """Store at most `limit_bytes`; values that do not fit are not stored."""
        self._limit = limit_bytes
        self._kept: dict[tuple[nn.Module, Bank], tuple[Tensor, Tensor]] = {}

    def holds(self, network: nn.Module, bank: Bank, index_P: Tensor) -> bool:
        """Return True if the network's log-probabilities of every image of `index_P` are stored."""
        kept = self._kept.get((network, bank))
        return kept is not None and bool(kept[1][index_P].all())

    def read(self, network: nn.Module, bank: Bank, index_B: Tensor) -> Tensor:
        """Return (B, C) float32 log-probabilities on the device."""
        log_probs_NC = self._kept[network, bank][0]
        return log_probs_NC[index_B.to(log_probs_NC.device)]

    def store(self, network: nn.Module, bank: Bank, index_B: Tensor, log_probs_BC: Tensor) -> None:
        """Store the network's log-probabilities of `index_B` (int64, CPU), within the limit."""
        if (network, bank) not in self._kept:
            n_bytes = 4 * len(bank) * log_probs_BC.shape[1]
            if n_bytes * (len(self._kept) + 1) > self._limit:
                return
            log_probs_NC = torch.empty(len(bank), log_probs_BC.shape[1], device=log_probs_BC.device)
            self._kept[network, bank] = log_probs_NC, torch.zeros(len(bank), dtype=torch.bool)
        log_probs_NC, known_N = self._kept[network, bank]
        log_probs_NC.index_copy_(0, index_B.to(log_probs_NC.device), log_probs_BC)
        known_N[index_B] = True

    def drop_others(self, networks: Sequence[nn.Module]) -> None:
        """Drop the values of all networks but these."""
        self._kept = {key: value for key, value in self._kept.items() if key[0] in networks}

    def export(self, networks: Sequence[nn.Module], banks: Sequence[Bank]) -> list[dict[str, Any]]:
        """Return the values on the CPU: position of the network and the bank, indices, log-probabilities."""
        entries = []
        for (network, bank), (log_probs_NC, known_N) in self._kept.items():
            index = known_N.nonzero().flatten()
            entries.append(
                {
                    "network": next(k for k, each in enumerate(networks) if each is network),
                    "bank": next(k for k, each in enumerate(banks) if each is bank),
                    "index": index,
                    "log_probs": log_probs_NC[index.to(log_probs_NC.device)].cpu(),
                }
            )
        return entries

    def restore(
        self, entries: Sequence[dict[str, Any]], networks: Sequence[nn.Module], banks: Sequence[Bank]
    ) -> None:
        """Replace all values by those that `export` returned."""
        self._kept = {}
        for each in entries:
            network, bank = networks[each["network"]], banks[each["bank"]]
            self.store(network, bank, each["index"], each["log_probs"].to(bank.device))
