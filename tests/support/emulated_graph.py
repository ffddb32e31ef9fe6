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

        def replay() -> None:
            with torch.no_grad():
                for func, args, kwargs, out in recorder.ops:
                    _replay(func, args, kwargs, out)

        return replay


def _replay(func: Any, args: Any, kwargs: Any, out: Any) -> None:
    outs = [leaf for leaf in pytree.tree_leaves(out) if isinstance(leaf, torch.Tensor)]
    ins = {_storage(leaf) for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)}
    written = func._schema.is_mutable
    if outs and not written and all(_storage(leaf) in ins for leaf in outs):
        return  # views of their base, which has the new values
    news = [leaf for leaf in pytree.tree_leaves(func(*args, **kwargs)) if isinstance(leaf, torch.Tensor)]
    for old, new in zip(outs, news, strict=True):
        if _storage(old) not in ins:
            old.copy_(new)


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
