"""Replicas of a module whose tensors lie side by side, so that one call runs all of them.

Axes: K replicas, W the first replicas of these, P the trainable parameters of one replica in a row.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_flatten, tree_unflatten

from alframe.learner.engines.flat_parameters import ALIGNED, can_move
from alframe.learner.engines.own_draws import OwnDraws
from alframe.learner.engines.tensor_slots import (
    NoBatchIndex,
    TensorSlot,
    find_generators,
    private_copy,
    tensor_slots,
)
from alframe.learner.module import Classifier


class StackedModule:
    """K replicas of a module.

    Args:
        module: it is copied. n: K.

    Attributes:
        members: a module for each replica; its tensors are rows of those of all replicas.
        flat_KP, grad_KP: the trainable parameters and their gradients.
        defaults: a generator for each replica, in place of torch's default one.

    Raises:
        RuntimeError: a trainable parameter is not float32 without gaps on the module's device.
    """

    def __init__(self, module: Classifier, n: int) -> None:
        self.template = private_copy(module)
        self.members = [private_copy(module) for _ in range(n)]
        self._names = _names(self.template)
        slots = tensor_slots(self.template)
        self._trained = [slot for slot in slots if _is_trained(slot)]
        first = self._trained[0].get()
        starts = _starts(self._trained)
        self.flat_KP = torch.zeros(n, starts[-1], device=first.device)
        self.grad_KP = torch.zeros_like(self.flat_KP)
        self._tensors: dict[str, Tensor] = {}
        self._grads: dict[str, Tensor] = {}
        for slot, start in zip(self._trained, starts, strict=False):
            name = self._names[slot]
            self._tensors[name] = _view(self.flat_KP, slot.get(), start)
            self._grads[name] = _view(self.grad_KP, slot.get(), start)
        for slot in slots:
            if slot not in self._trained:
                self._tensors[self._names[slot]] = torch.stack([slot.get()] * n)
        for k, member in enumerate(self.members):
            for slot, original in zip(tensor_slots(member), slots, strict=True):
                slot.set(self._tensors[self._names[original]][k])
        self.defaults = [torch.Generator(first.device) for _ in range(n)]
        self._own = [find_generators(member) for member in self.members]
        self._replica_K = torch.arange(n, device=first.device)
        self._step = _Step(self.template)

    @property
    def generators(self) -> list[torch.Generator]:
        """All generators of all replicas."""
        return [*self.defaults, *(each for own in self._own for each in own)]

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors of all replicas."""
        return [self.flat_KP, *(self._tensors[name] for name in self._tensors.keys() - self._grads.keys())]

    def own_generators(self, k: int) -> list[torch.Generator]:
        """Return the generators that are attributes of a replica, in order."""
        return self._own[k]

    def losses(self, batch: Any, width: int) -> Tensor:
        """Return (W,) float32: the loss of each of the first replicas; write their gradients.

        Args:
            batch: what `training_step` gets, with a further first axis W. width: W.
        """
        tensors = {f"module.{name}": tensor[:width] for name, tensor in self._tensors.items()}
        leaves = [tensors[f"module.{name}"].detach().requires_grad_() for name in self._grads]
        tensors.update(zip((f"module.{name}" for name in self._grads), leaves, strict=True))
        parts, structure = tree_flatten(batch)
        given = [part for part in parts if isinstance(part, Tensor)]

        def loss(tensors: dict[str, Tensor], given: list[Tensor], replica: Tensor) -> Tensor:
            rest = iter(given)
            batch = tree_unflatten([next(rest) if isinstance(p, Tensor) else p for p in parts], structure)
            with OwnDraws(replica, self._drawn_by(width), self.defaults[:width]):
                out: Tensor = functional_call(self._step, tensors, (batch,))
            return out

        loss_W = torch.vmap(loss, randomness="same")(tensors, given, self._replica_K[:width])
        grads = torch.autograd.grad(loss_W.sum(), leaves)
        for mine, grad in zip(self._grads.values(), grads, strict=True):
            mine[:width].copy_(grad)
        return loss_W.detach().float()

    def take_gradients(self, k: int) -> None:
        """Write the gradients that a replica's own backward pass has left in its parameters."""
        member = self.members[k]
        for mine, slot in zip(self._grads.values(), self._trained_of(member), strict=True):
            grad = slot.owner._parameters[slot.name].grad  # type: ignore[union-attr]
            if grad is None:
                raise RuntimeError("a parameter has no gradient after the backward pass")
            mine[k].copy_(grad)

    def _trained_of(self, member: nn.Module) -> list[TensorSlot]:
        return [slot for slot in tensor_slots(member) if _is_trained(slot)]

    def _drawn_by(self, width: int) -> Sequence[tuple[torch.Generator, Sequence[torch.Generator]]]:
        mine = find_generators(self.template)
        return [(each, [self._own[k][j] for k in range(width)]) for j, each in enumerate(mine)]


class _Step(nn.Module):
    """The loss of a training step as a forward pass, which `functional_call` can call."""

    def __init__(self, module: Classifier) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: Any) -> Tensor:
        out: Any = self.module.training_step(batch, NoBatchIndex())  # type: ignore[arg-type]
        loss: Tensor = out["loss"] if isinstance(out, dict) else out
        return loss


def _names(module: nn.Module) -> dict[TensorSlot, str]:
    prefixes = {part: f"{name}." if name else "" for name, part in module.named_modules()}
    return {slot: f"{prefixes[slot.owner]}{slot.name}" for slot in tensor_slots(module)}


def _is_trained(slot: TensorSlot) -> bool:
    parameter = slot.owner._parameters.get(slot.name)
    if parameter is None or not parameter.requires_grad:
        return False
    if not can_move(parameter) or parameter.dtype != torch.float32:
        raise RuntimeError(f"the parameter {slot.name} cannot lie beside those of other replicas")
    return True


def _starts(slots: Sequence[TensorSlot]) -> list[int]:
    """Return where each tensor begins in a row, and the length of the row."""
    starts = [0]
    for slot in slots:
        starts.append(starts[-1] + -(-slot.get().numel() // ALIGNED) * ALIGNED)
    return starts


def _view(row_KP: Tensor, like: Tensor, start: int) -> Tensor:
    """Return (K, *shape) with the strides of a tensor in each row."""
    shape, strides = (len(row_KP), *like.shape), (row_KP.shape[1], *like.stride())
    return row_KP.as_strided(shape, strides, start)
