"""The parameters of a module side by side in one buffer, so that an optimizer moves them as one tensor.

On a GPU an optimizer's kernels over a list of small tensors keep few multiprocessors busy. Adadelta's eleven
kernels over 1.2 million weights took 10 to 17 us each on an H100, together a quarter of a training step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

ALIGNED = 64  # elements: each tensor begins at a multiple, like a separate tensor; some kernels need it


@dataclass(frozen=True, eq=False)
class _Piece:
    """The range of a parameter in the buffer: elements start to end; the first `n` are its values."""

    parameter: nn.Parameter
    start: int
    end: int
    n: int


@dataclass(frozen=True, eq=False)
class _Run:
    """Parameters next to each other in the buffer, which an optimizer moves as one."""

    flat: nn.Parameter
    pieces: Sequence[_Piece]
    grad: Tensor
    padding: Sequence[Tensor]


class FlatParameters:
    """Moves a module's trainable parameters into one buffer, each as a view with its shape and strides.

    Args:
        module: its parameters move into the buffer. A parameter stays where it is if it has another dtype
            or device than the first one, gaps in its memory, or no gradient.
    """

    def __init__(self, module: nn.Module) -> None:
        mine = [parameter for parameter in module.parameters() if can_move(parameter)]
        mine = [each for each in mine if (each.dtype, each.device) == (mine[0].dtype, mine[0].device)]
        self._pieces: dict[nn.Parameter, _Piece] = {}
        self._runs: list[_Run] = []
        start = 0
        for parameter in mine:
            end = start + -(-parameter.numel() // ALIGNED) * ALIGNED
            self._pieces[parameter] = _Piece(parameter, start, end, parameter.numel())
            start = end
        if mine:
            self._buffer = torch.zeros(start, dtype=mine[0].dtype, device=mine[0].device)
        for parameter, piece in self._pieces.items():
            view = self._buffer.as_strided(parameter.shape, parameter.stride(), piece.start)
            parameter.data = view.copy_(parameter.data)

    def merge(self, optimizer: torch.optim.Optimizer, scheduled: bool) -> None:
        """Make an optimizer that has no state yet move each group of neighbours as one parameter.

        Only for optimizers whose step treats each element alone. If the learning rate changes on the device
        (`scheduled`), torch's kernels for lists are kept, because those for single tensors wait for the rate.
        """
        for group in optimizer.param_groups:
            pieces = [self._pieces.get(parameter) for parameter in group["params"]]
            found = [piece for piece in pieces if piece is not None]
            if len(found) < max(2, len(pieces)) or any(a.end != b.start for a, b in pairwise(found)):
                continue
            run = self._run(found)
            self._runs.append(run)
            group["params"] = [run.flat]
            if not scheduled and group.get("foreach") is None and not group.get("fused"):
                group["foreach"] = False

    def gather(self) -> None:
        """Copy the parameters' gradients side by side into the merged parameters' gradients.

        Raises:
            RuntimeError: a parameter that the optimizer moves has no gradient.
        """
        for run in self._runs:
            torch.cat(_parts(run), out=run.grad)
            run.flat.grad = run.grad

    def _run(self, pieces: Sequence[_Piece]) -> _Run:
        start, end = pieces[0].start, pieces[-1].end
        grad = torch.zeros_like(self._buffer[start:end])
        return _Run(
            flat=nn.Parameter(self._buffer[start:end]),
            pieces=pieces,
            grad=grad,
            padding=[grad.new_zeros(piece.end - piece.start - piece.n) for piece in pieces],
        )


def _parts(run: _Run) -> list[Tensor]:
    """Return each gradient in the memory order of its parameter, followed by its padding."""
    parts: list[Tensor] = []
    for piece, padding in zip(run.pieces, run.padding, strict=True):
        parameter, grad = piece.parameter, piece.parameter.grad
        if grad is None:
            raise RuntimeError("a parameter has no gradient after the backward pass")
        if grad.stride() != parameter.stride():
            grad = torch.empty_like(parameter).copy_(grad)
        parts += [grad.as_strided((piece.n,), (1,)), padding]
    return parts


def can_move(parameter: nn.Parameter) -> bool:
    """Return True if a parameter is trained and fills a stretch of memory without gaps."""
    return (
        parameter.requires_grad
        and parameter.is_floating_point()
        and parameter.numel() > 0
        and _has_no_gaps(parameter)
    )


def _has_no_gaps(tensor: Tensor) -> bool:
    """Return True if a tensor's elements fill a stretch of memory without gaps, in any order of its axes."""
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1 and stride != expected:
            return False
        expected *= size if size > 1 else 1
    return True
