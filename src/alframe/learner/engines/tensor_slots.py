"""The tensors and generators of a module, and their replacement, so that two modules can share them."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from alframe.learner.module import Classifier


@dataclass(frozen=True)
class TensorSlot:
    """A part of a module that contains a tensor: a parameter's data, or a buffer."""

    owner: nn.Module
    name: str

    def get(self) -> Tensor:
        """Return the tensor."""
        parameter = self.owner._parameters.get(self.name)
        tensor = self.owner._buffers[self.name] if parameter is None else parameter.data
        assert tensor is not None
        return tensor

    def set(self, tensor: Tensor) -> None:
        """Put in another tensor of the same shape and dtype."""
        parameter = self.owner._parameters.get(self.name)
        if parameter is None:
            self.owner._buffers[self.name] = tensor
        else:
            parameter.data = tensor


def tensor_slots(module: nn.Module) -> list[TensorSlot]:
    """Return the slots of every parameter and buffer in the module's order; a shared tensor appears once."""
    slots: list[TensorSlot] = []
    seen: set[int] = set()
    for owner in module.modules():
        for name, tensor in [*owner._parameters.items(), *owner._buffers.items()]:
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                slots.append(TensorSlot(owner, name))
    return slots


def find_generators(module: nn.Module) -> list[torch.Generator]:
    """Return the generators that are attributes of a module's parts, in the module's order.

    Torch's default generators are left out.
    """
    found = [value for part in module.modules() for value in vars(part).values()]
    return [value for value in found if isinstance(value, torch.Generator) and not _is_default(value)]


def _is_default(generator: torch.Generator) -> bool:
    return any(generator is each for each in (torch.default_generator, *torch.cuda.default_generators))


def private_copy(module: Classifier) -> Classifier:
    """Return a copy that shares no tensor with the module, and no generator except torch's default ones.

    The copy has no Trainer. A value that its step read from a Trainer would be frozen by a capture, so
    reading one is an error.
    """
    defaults = (torch.default_generator, *torch.cuda.default_generators)
    memo: dict[int, Any] = {id(generator): generator for generator in defaults}
    for generator in find_generators(module):
        twin = torch.Generator(generator.device)
        twin.set_state(generator.get_state())
        memo[id(generator)] = twin
    twin_module = copy.deepcopy(module, memo)
    vars(twin_module)["_trainer"] = NoTrainer()
    return twin_module


class NoBatchIndex:
    """Replaces `batch_idx`, which a replay does not know. Each use raises `RuntimeError`."""

    def _refuse(self, *args: object) -> Any:
        raise RuntimeError("the step reads batch_idx, which a capture would freeze")

    __int__ = __index__ = __float__ = __bool__ = __add__ = __radd__ = __sub__ = __rsub__ = _refuse
    __mul__ = __rmul__ = __mod__ = __floordiv__ = __truediv__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __eq__ = __ne__ = __hash__ = _refuse


class NoTrainer:
    """Replaces a module's Trainer. Each use raises `RuntimeError`."""

    def __getattr__(self, name: str) -> Any:
        """Raise `RuntimeError`."""
        raise RuntimeError(f"the step reads the Trainer's {name}, which a capture would freeze")
