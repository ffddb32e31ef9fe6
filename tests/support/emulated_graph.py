"""A CUDA graph emulated on a CPU: every operation is recorded once and replayed without Python.

A replay runs the recorded operations on the recorded tensors and writes the results into the same memory. So
the Python code of a step runs only once, at the capture. A value that reaches Python is an error, as in a
capture on a GPU.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

FORBIDDEN = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal"}


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.ops: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._schema.name in FORBIDDEN:
            raise RuntimeError(f"{func._schema.name} waits for the device, which a capture forbids")
        out = func(*args, **(kwargs or {}))
        self.ops.append((func, args, kwargs or {}, out))
        return out


class EmulatedGraph:
    """A `Capture` that counts how often it was called."""

    def __init__(self) -> None:
        self.captures = 0

    def __call__(
        self, work: Callable[[], None], generators: Sequence[torch.Generator], device: torch.device
    ) -> Callable[[], None]:
        self.captures += 1
        with _Recorder() as recorder:
            work()

        steps = [step for op in recorder.ops if (step := _step(*op)) is not None]

        def replay() -> None:
            with torch.no_grad():
                for step in steps:
                    step()

        return replay


def _step(func: Any, args: Any, kwargs: Any, out: Any) -> Callable[[], None] | None:
    """Return a function that runs an operation again; None if its results are views, which need no run."""
    outs = _tensors(out)
    ins = {_storage(tensor) for tensor in _tensors((args, kwargs))}
    if outs and not func._schema.is_mutable and all(_storage(tensor) in ins for tensor in outs):
        return None  # views of their base, which has the new values
    is_new = [_storage(tensor) not in ins for tensor in outs]

    def step() -> None:
        found = func(*args, **kwargs)
        news = [found] if isinstance(found, torch.Tensor) else _tensors(found)
        for old, new, copied in zip(outs, news, is_new, strict=True):
            if copied:
                old.copy_(new)

    return step


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
