"""The raw loop with its networks under `torch.compile(mode="reduce-overhead")`.

In this mode torch itself records a network's forward and backward pass as CUDA graphs. Gathering the images,
the alterations, the loss and the optimizer run without a graph, as in the raw loop.
"""

from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from alframe.learner.compute.device import Compute
from speed.clock import FIRST_LENGTH
from speed.floor import Floor
from speed.task import Task

MODE = "reduce-overhead"
WARM_UP = 3  # torch warms up, records, and replays from the third call on


class KeptNetworks(Floor):
    """A recipe as a raw loop whose fits all train the same network, so that it is prepared once."""

    def __init__(self, task: Task, compute: Compute) -> None:
        super().__init__(task, compute)
        self._kept: dict[str, nn.Module] = {}

    def _network(self) -> nn.Module:
        return self._once("network", super()._network)

    def _average(self, network: nn.Module) -> AveragedModel:
        make = super()._average
        average = self._once("average", lambda: make(network))
        assert isinstance(average, AveragedModel)
        return average

    def _once(self, name: str, make: Callable[[], nn.Module]) -> nn.Module:
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]


class Compiled(KeptNetworks):
    """A recipe as a raw loop with compiled networks.

    Torch compiles one network: it falls back to the eager network after a few compilations of the same code.
    """

    engine = "compiled"

    def _begin_step(self) -> None:
        torch.compiler.cudagraph_mark_step_begin()  # the results of the step before may be overwritten

    def _prepared(self, network: nn.Module) -> nn.Module:
        return self._once(f"compiled {id(network)}", lambda: _compiled(network))

    def _scoring_network(self) -> nn.Module:
        make = Floor._network
        network = self._once("scoring", lambda: _compiled(make(self).eval()))
        self._scores(network, self._positions(WARM_UP))
        return network


def _compiled(network: nn.Module) -> nn.Module:
    compiled: nn.Module = torch.compile(network, mode=MODE)  # type: ignore[assignment]
    return compiled


def contestants_on_cuda(
    kinds: Sequence[type[KeptNetworks]], tasks: Sequence[Task], computes: Sequence[Compute]
) -> tuple[list[KeptNetworks], list[str]]:
    """Return the contestants of some kinds on CUDA, and a note for each that torch could not prepare.

    On a CPU nothing is recorded. There, compiling takes about 50 s and makes steps slower, so that there is
    no contestant.
    """
    contestants, notes = [], []
    for kind, task, compute in product(kinds, tasks, computes):
        if compute.device.type != "cuda":
            continue
        contestant = kind(task, compute)
        try:
            contestant.train(FIRST_LENGTH)
            contestant.score(1)
        except Exception as error:  # a missing compiler, or any of torch's errors
            reason = " ".join(str(error).split()[:40])
            notes.append(f"{task.name}, {compute.precision}: {kind.engine} failed: {reason}")
        else:
            contestants.append(contestant)
    return contestants, notes
