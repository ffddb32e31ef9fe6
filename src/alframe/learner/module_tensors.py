"""Where a module keeps its tensors and generators, so that two modules can share or exchange them."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from alframe.learner.module import Classifier


@dataclass(frozen=True)
class Slot:
    """A place of a module that holds a tensor: a parameter's data, or a buffer."""

    owner: nn.Module
    name: str

    def get(self) -> Tensor:
        """Return the tensor."""
        parameter = self.owner._parameters.get(self.name)
        tensor = self.owner._buffers[self.name] if parameter is None else parameter.data
        assert tensor is not None
        return tensor

    def set(self, tensor: Tensor) -> None:
        """Hold another tensor of the same shape and dtype."""
        parameter = self.owner._parameters.get(self.name)
        if parameter is None:
            self.owner._buffers[self.name] = tensor
        else:
            parameter.data = tensor


def tensor_slots(module: nn.Module) -> list[Slot]:
    """Return the slots of every parameter and buffer, in the module's own order, each tensor once."""
    slots: list[Slot] = []
    seen: set[int] = set()
    for owner in module.modules():
        for name, tensor in [*owner._parameters.items(), *owner._buffers.items()]:
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                slots.append(Slot(owner, name))
    return slots


def find_generators(module: nn.Module) -> list[torch.Generator]:
    """Return the generators that are attributes of the module's parts, in the module's own order."""
    found = [value for part in module.modules() for value in vars(part).values()]
    return [value for value in found if isinstance(value, torch.Generator)]


def private_copy(module: Classifier) -> Classifier:
    """Return a copy that shares nothing with the module, its generators' states included."""
    memo: dict[int, Any] = {}
    for generator in find_generators(module):
        twin = torch.Generator(generator.device)
        twin.set_state(generator.get_state())
        memo[id(generator)] = twin
    return copy.deepcopy(module, memo)
