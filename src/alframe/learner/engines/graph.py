"""The graph engine: chunks of steps are replayed from a captured graph, inside an ordinary Trainer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from alframe.data.image_bank import Bank
from alframe.learner.batches import TabledBatches
from alframe.learner.compute.device import Compute
from alframe.learner.engines.capture import Capture, cuda_graph
from alframe.learner.engines.graph_forward import RecordedPass, ReplayedForward
from alframe.learner.engines.reference import ReferenceEngine
from alframe.learner.engines.replay_checks import counts_in_place
from alframe.learner.engines.replay_engine import ReplayEngine
from alframe.learner.engines.step_program import RecordedStep
from alframe.learner.interfaces import FitJob, Forward


class GraphEngine(ReplayEngine):
    """Replays captured steps. If a fit cannot be captured, it warns once and uses the reference engine.

    All its trials have one recipe and network, and what was captured for one of them serves the next.

    Args:
        compute: device and precision.
        capture: records work; a CUDA graph.
    """

    def __init__(self, compute: Compute, capture: Capture = cuda_graph) -> None:
        super().__init__(compute, ReferenceEngine(compute), "graph")
        self._capture = capture
        self._recorded: dict[Any, RecordedStep] = {}
        self._forwards: list[ReplayedForward] = []
        self._passes: dict[tuple[Bank, int], RecordedPass] = {}

    def forward(self, normalize: nn.Module) -> Forward:
        """Return a function that runs networks over images by replaying a captured pass."""
        forward = ReplayedForward(normalize, self._compute, self._capture, self._passes)
        self._forwards.append(forward)
        return forward

    @contextmanager
    def steps(self, job: FitJob) -> Iterator[RecordedStep]:
        """Return a block with the recorded steps of a job; jobs with equal programs get the same ones."""
        recorded = self._recorded.pop(job.program, None) if job.program is not None else None
        if recorded is None:
            assert isinstance(job.batches, TabledBatches)
            validation = job.validation if counts_in_place(job) else None
            assert validation is None or isinstance(validation, TabledBatches)
            recorded = RecordedStep(job.module, job.batches, validation, self._compute, self._capture)
        yield recorded
        if job.program is not None:
            self._recorded = {job.program: recorded}  # a trial uses one program at a time

    def _give_up(self, error: Exception) -> None:
        for forward in self._forwards:
            forward.give_up()
        super()._give_up(error)
