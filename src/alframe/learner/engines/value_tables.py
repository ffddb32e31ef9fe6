"""Tables of numbers on the device: the learning rates that steps read, the values that steps log."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from alframe.learner.engines.index_table import TABLE_ROWS, move
from alframe.learner.module import Classifier


class RateTable:
    """The learning rates of the steps of a table; empty until an optimizer is attached."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._rate_SG = torch.zeros(0)
        self._rates: list[Tensor] = []

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Put the optimizer's rates on the device, one tensor per parameter group, where `load` sets them."""
        groups = optimizer.param_groups
        self._rate_SG = torch.tensor([[float(group["lr"]) for group in groups]]).repeat(TABLE_ROWS, 1)
        self._rate_SG = self._rate_SG.to(self._device)
        for group in groups:
            group["lr"] = torch.tensor(float(group["lr"]), device=self._device)
        self._rates = [group["lr"] for group in groups]

    def fill(self, rate_SG: Tensor) -> None:
        """Write the rates (rows, groups) of the next steps; does nothing without an optimizer."""
        if self._rates:
            move(rate_SG, self._rate_SG[: len(rate_SG)])

    def load(self, at: Tensor) -> None:
        """Set the optimizer's rates to those of row `at`, (1,) int64 on the device."""
        for group, rate in enumerate(self._rates):
            rate.copy_(self._rate_SG.index_select(0, at)[0, group])


class LogTable:
    """The values that `training_step` logs in each step of a table.

    Attributes:
        options: the keyword arguments of `log`, by logged name.
    """

    def __init__(self, device: torch.device) -> None:
        self.options: dict[str, dict[str, Any]] = {}
        self._device = device
        self._logged: dict[str, Tensor] = {}

    @contextmanager
    def in_place_of_log(self, module: Classifier, at: Tensor) -> Iterator[None]:
        """Write what the module logs in the block into row `at`, (1,) int64 on the device."""
        vars(module)["log"] = partial(self._write, at)
        try:
            yield
        finally:
            del vars(module)["log"]

    def first(self, n: int) -> dict[str, Tensor]:
        """Return the values of the first n rows, (n,) float32 on the device, by logged name."""
        return {name: value_S[:n] for name, value_S in self._logged.items()}

    def _write(self, at: Tensor, name: str, value: Any, **options: Any) -> None:
        """Take the arguments of the module's `log`.

        Raises:
            RuntimeError: a kind of logging that cannot be computed from a table of steps.
        """
        both = options.get("on_step") and options.get("on_epoch")
        if both or options.get("reduce_fx", "mean") != "mean":
            raise RuntimeError(f"the step logs {name} by step and epoch at once, or not as a mean")
        if name not in self._logged:
            self._logged[name] = torch.zeros(TABLE_ROWS, device=self._device)
            self.options[name] = options
        if not isinstance(value, Tensor):
            value = torch.full((1,), float(value), device=self._device)
        self._logged[name].index_copy_(0, at, value.detach().float().reshape(1))
