"""A CUDA graph's rules on a CPU: record every operation once, replay them without Python.

A replay runs the recorded operations on the recorded tensors and writes what they give where it stood. So
whatever a step does in Python happens once, at the capture; a value that reaches Python is an error, as it
is in a capture on a GPU.
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
    """A `Capture` that counts how often it was asked for one."""

    def __init__(self) -> None:
        self.captures = 0

    def __call__(self, work: Callable[[], None], generators: Sequence[torch.Generator]) -> Callable[[], None]:
        self.captures += 1
        with _Recorder() as recorder:
            work()

        def replay() -> None:
            with torch.no_grad():
                for func, args, kwargs, out in recorder.ops:
                    _replay(func, args, kwargs, out)

        return replay


def _replay(func: Any, args: Any, kwargs: Any, out: Any) -> None:
    aliases = [returned.alias_info for returned in func._schema.returns]
    if any(alias is not None and not alias.is_write for alias in aliases):
        return  # a view: it shows what its base holds
    new = func(*args, **kwargs)
    for alias, old_leaf, new_leaf in zip(
        aliases,
        *(pytree.tree_leaves(each if len(aliases) != 1 else [each]) for each in (out, new)),
        strict=False,
    ):
        if alias is None and isinstance(old_leaf, torch.Tensor):
            old_leaf.copy_(new_leaf)
