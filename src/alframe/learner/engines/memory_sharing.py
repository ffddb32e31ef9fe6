"""Sharing of memory between a fit's module and the private copy whose steps are recorded."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn

from alframe.learner.engines.tensor_slots import find_generators, tensor_slots


def tie(
    private: nn.Module, private_generators: Sequence[torch.Generator], module: nn.Module
) -> Callable[[bool], None]:
    """Let `module` share the private copy's tensors, at its own values; return the function that unties it.

    Args:
        private: the copy. private_generators: its generators, in order.
        module: a module with the same structure.

    Returns:
        A function that gives `module` its own tensors back. Its argument: True copies the trained values
        and the generators' states to `module`, False leaves the values from before.
    """
    slots, mine = tensor_slots(module), tensor_slots(private)
    originals, generators = [slot.get() for slot in slots], find_generators(module)

    def untie(keep: bool) -> None:
        with torch.no_grad():
            for slot, original in zip(slots, originals, strict=True):
                if keep:
                    original.copy_(slot.get())
                slot.set(original)
        if keep:
            for private_generator, generator in zip(private_generators, generators, strict=True):
                generator.set_state(private_generator.get_state())

    try:
        with torch.no_grad():
            for slot, private_slot, original in zip(slots, mine, originals, strict=True):
                private_slot.get().copy_(original)
                slot.set(private_slot.get())
        for private_generator, generator in zip(private_generators, generators, strict=True):
            private_generator.set_state(generator.get_state())
    except BaseException:
        untie(False)
        raise
    return untie


def undone(module: nn.Module, generators: Sequence[torch.Generator]) -> AbstractContextManager[None]:
    """Return a block after which the module's tensors and the generators' states are as they were."""
    return restored([slot.get() for slot in tensor_slots(module)], generators)


@contextmanager
def restored(tensors: Sequence[Tensor], generators: Sequence[torch.Generator]) -> Iterator[None]:
    """Restore the values of tensors and the states of generators after the block."""
    values, states = [tensor.clone() for tensor in tensors], [each.get_state() for each in generators]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(value)
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


def copy_modes(source: nn.Module, target: nn.Module) -> None:
    """Put each part of `target` into the mode, training or evaluation, of the same part of `source`."""
    for theirs, ours in zip(source.modules(), target.modules(), strict=True):
        ours.training = theirs.training


def zero_state(optimizer: torch.optim.Optimizer | None) -> None:
    """Set the tensors of an optimizer's state to zero, their initial value."""
    assert optimizer is not None
    for state in optimizer.state.values():
        for value in state.values():
            if isinstance(value, Tensor):
                value.zero_()
