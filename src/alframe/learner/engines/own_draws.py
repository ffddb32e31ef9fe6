"""Random numbers of replicas that run as one: each replica draws from its own generators.

`torch.vmap` draws one number for all replicas, or different ones from a single generator. Neither is what a
replica draws alone.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from alframe.learner.engines.capture import device_generator

FACTORIES = (torch.rand, torch.randn, torch.randint, torch.randperm)


class OwnDraws(TorchFunctionMode):
    """Inside `torch.vmap` over replicas, lets each replica draw what it would draw alone.

    It knows `F.dropout` and the functions of `FACTORIES`. Other functions draw the same for all replicas,
    which the check of a stacked step finds. It also drops the memory format of a copy, which `torch.vmap`
    does not know. For `torch.vmap(randomness="same")`.

    Args:
        replica: (), int64, the number of the replica, batched by `torch.vmap`.
        own: the generators of each replica, by the generator of the module that runs.
        default: each replica's generator in place of torch's default one.
    """

    def __init__(
        self,
        replica: Tensor,
        own: Sequence[tuple[torch.Generator, Sequence[torch.Generator]]],
        default: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        self._replica, self._own, self._default = replica, own, default

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is F.dropout:
            return self._dropout(*args, **kwargs)
        if func in FACTORIES:
            generators = self._generators(kwargs.pop("generator", None))
            return self._drawn([partial(func, *args, generator=each, **kwargs) for each in generators])
        if kwargs.get("memory_format") is torch.channels_last:
            if func is Tensor.contiguous:
                return args[0]
            del kwargs["memory_format"]
        return func(*args, **kwargs)

    def _generators(self, generator: torch.Generator | None) -> Sequence[torch.Generator]:
        return next((mine for each, mine in self._own if each is generator), self._default)

    def _dropout(self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if not training or p == 0:
            return input
        like = torch.empty((), dtype=input.dtype, device=input.device)
        draws = [partial(dropout_noise, input.shape, p, like, each) for each in self._default]
        return (input * self._drawn(draws)).to(input.dtype)

    def _drawn(self, draws: Sequence[Callable[[], Tensor]]) -> Tensor:
        """Return what this replica draws."""
        every = torch.stack([draw() for draw in draws])
        return every.index_select(0, self._replica.reshape(1))[0]


def dropout_noise(shape: Sequence[int], p: float, like: Tensor, generator: torch.Generator) -> Tensor:
    """Return the factors by which dropout multiplies: 0 with probability p, else 1 / (1 - p).

    The numbers are those that `F.dropout` draws for a tensor of that shape, channels last, if torch's default
    generator is in the state of `generator`.

    Args:
        p: in [0, 1). like: a tensor of the dtype and the device of the tensor that is multiplied.
    """
    layout = torch.channels_last if len(shape) == 4 else torch.contiguous_format
    if like.device.type != "cuda":
        noise = torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=layout)
        return noise.bernoulli_(1 - p, generator=generator).div_(1 - p or 1.0)
    # The kernel of CUDA takes no generator. Its factors are float32 for each dtype.
    ones = torch.ones(shape, device=like.device).contiguous(memory_format=layout)
    default = device_generator(like.device)
    before = default.graphsafe_get_state()
    default.graphsafe_set_state(generator.graphsafe_get_state())
    try:
        return torch.native_dropout(ones, p, True)[0]
    finally:
        default.graphsafe_set_state(before)
