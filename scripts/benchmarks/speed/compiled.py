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


class Compiled(Floor):
    """A recipe as a raw loop with compiled networks.

    All fits train the same network, so that torch compiles it once: it falls back to the eager network after
    a few compilations of the same code.
    """

    engine = "compiled"

    def __init__(self, task: Task, compute: Compute) -> None:
        super().__init__(task, compute)
        self._kept: dict[str, nn.Module] = {}

    def _begin_step(self) -> None:
        torch.compiler.cudagraph_mark_step_begin()  # the results of the step before may be overwritten

    def _network(self) -> nn.Module:
        return self._once("network", super()._network)

    def _average(self, network: nn.Module) -> AveragedModel:
        make = super()._average
        average = self._once("average", lambda: make(network))
        assert isinstance(average, AveragedModel)
        return average

    def _prepared(self, network: nn.Module) -> nn.Module:
        return self._once(f"compiled {id(network)}", lambda: _compiled(network))

    def _scoring_network(self) -> nn.Module:
        make = super()._network
        network = self._once("scoring", lambda: _compiled(make().eval()))
        self._scores(network, self._positions(WARM_UP))
        return network

    def _once(self, name: str, make: Callable[[], nn.Module]) -> nn.Module:
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]


def _compiled(network: nn.Module) -> nn.Module:
    compiled: nn.Module = torch.compile(network, mode=MODE)  # type: ignore[assignment]
    return compiled


def compiled_contestants(
    tasks: Sequence[Task], computes: Sequence[Compute]
) -> tuple[list[Compiled], list[str]]:
    """Return the compiled contestants on CUDA, and a note for each that torch could not compile.

    On a CPU the mode records no graph, compiling takes about 50 s, and steps become slower (docs/results.md),
    so there is no contestant.
    """
    contestants, notes = [], []
    for task, compute in product(tasks, computes):
        if compute.device.type != "cuda":
            continue
        contestant = Compiled(task, compute)
        try:
            contestant.train(FIRST_LENGTH)
            contestant.score(1)
        except Exception as error:  # a missing compiler, or any of torch.compile's errors
            reason = " ".join(str(error).split()[:40])
            notes.append(f"{task.name}, {compute.precision}: torch.compile failed: {reason}")
        else:
            contestants.append(contestant)
    return contestants, notes
