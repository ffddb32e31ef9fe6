"""The optimizers of replicas whose parameters lie side by side.

Axes: K replicas, W some of them, P the trainable parameters of one replica in a row.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adadelta, RMSprop

from alframe.learner.engines.stacked_module import StackedModule

COUNTLESS = (SGD, Adadelta, RMSprop)  # their steps do not depend on the number of steps before


class StackedOptimizer:
    """Moves the parameters of replicas, each with its own state.

    One tensor holds the parameters of all replicas if a step treats each element alone. Otherwise each
    replica has a group of its own, with its number of steps and its learning rate.

    Args:
        made: the optimizer of one replica's module, before its first step. replicas: what it moves.
        scheduled: True if the learning rate changes.

    Raises:
        RuntimeError: the optimizer has several groups of parameters, or does not move all of them.
    """

    def __init__(self, made: torch.optim.Optimizer, replicas: StackedModule, scheduled: bool) -> None:
        n_trained = sum(parameter.requires_grad for parameter in replicas.template.parameters())
        if len(made.param_groups) != 1 or len(made.param_groups[0]["params"]) != n_trained:
            raise RuntimeError("the optimizer has several groups of parameters, or does not move all of them")
        self._make: Any = type(made)
        self._options = {key: value for key, value in made.param_groups[0].items() if key != "params"}
        self._flat_KP, self._grad_KP = replicas.flat_KP, replicas.grad_KP
        self._scheduled = scheduled
        self._together = isinstance(made, COUNTLESS) and not scheduled
        if "capturable" in self._options and self._flat_KP.device.type == "cuda":
            self._options["capturable"] = True
        if not scheduled and self._options.get("foreach") is None and not self._options.get("fused"):
            self._options["foreach"] = False
        self._state = self._first_state()
        self._made: dict[tuple[int, int], torch.optim.Optimizer] = {}

    @property
    def state(self) -> list[Tensor]:
        """The tensors of the state of all replicas."""
        return [value for state in self._state for value in state.values()]

    def zero_state(self, k: int) -> None:
        """Set the state of replica k to zero, its initial value."""
        if not self._together:
            for value in self._state[k].values():
                value.zero_()
            return
        for value in self._state[0].values():
            if value.shape == self._flat_KP.shape:
                value[k].zero_()

    def step(self, replicas: slice, rate_W: Tensor) -> None:
        """Move some replicas by their gradients.

        Args:
            replicas: a range of K. rate_W: their learning rates, ignored without a schedule.
        """
        optimizer = self._of(replicas)
        if self._scheduled:
            for group, rate in zip(optimizer.param_groups, rate_W, strict=True):
                group["lr"].copy_(rate)
        optimizer.step()

    def _of(self, replicas: slice) -> torch.optim.Optimizer:
        key = replicas.start, replicas.stop
        if key not in self._made:
            self._made[key] = self._optimizer(range(*key))
        return self._made[key]

    def _optimizer(self, rows: range) -> torch.optim.Optimizer:
        """Return an optimizer of some replicas, which has its state in common with all others."""
        parts = [slice(rows.start, rows.stop)] if self._together else [slice(k, k + 1) for k in rows]
        parameters = [nn.Parameter(self._flat_KP[part]) for part in parts]
        optimizer = self._new(parameters)
        for part, parameter in zip(parts, parameters, strict=True):
            parameter.grad = self._grad_KP[part]
            state = self._state[0 if self._together else part.start]
            optimizer.state[parameter] = {
                name: value[part] if value.shape == self._flat_KP.shape and self._together else value
                for name, value in state.items()
            }
        return optimizer

    def _new(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        groups = [{**self._options, "params": [each]} for each in parameters]
        optimizer: torch.optim.Optimizer = self._make(groups)
        if self._scheduled:
            for group in optimizer.param_groups:
                group["lr"] = torch.tensor(float(group["lr"]), device=self._flat_KP.device)
        return optimizer

    def _first_state(self) -> list[dict[str, Tensor]]:
        """Return the state at the beginning: zeros, for each replica or for all together."""
        n = len(self._flat_KP)
        parts = [slice(None)] if self._together else [slice(k, k + 1) for k in range(n)]
        parameters = [nn.Parameter(self._flat_KP[part].clone()) for part in parts]
        optimizer = self._new(parameters)
        for parameter in parameters:
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        found = [optimizer.state[parameter] for parameter in parameters]
        states = [{name: v for name, v in each.items() if isinstance(v, Tensor)} for each in found]
        for state in states:
            for value in state.values():
                value.zero_()
        return states
