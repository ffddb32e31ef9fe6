"""The graph engine: chunks of steps are replayed from a captured graph, inside an ordinary Trainer."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from alframe.core.errors import EngineWarning
from alframe.data.decoded import Progress
from alframe.learner.batches import TabledBatches
from alframe.learner.compute.device import Compute
from alframe.learner.engines.capture import Capture, CaptureError, cuda_graph, device_generator
from alframe.learner.engines.graph_forward import ReplayedForward
from alframe.learner.engines.reference import ReferenceEngine
from alframe.learner.engines.replay_callback import Replayer
from alframe.learner.engines.replay_checks import NotReplayable, check_replayable, counts_in_place
from alframe.learner.engines.step_program import RecordedStep
from alframe.learner.interfaces import FitJob, FitResult, Forward


class GraphEngine:
    """Replays captured steps. If a fit cannot be captured, it warns once and uses the reference engine.

    Args:
        compute: device and precision.
        capture: records work; a CUDA graph.
    """

    def __init__(self, compute: Compute, capture: Capture = cuda_graph) -> None:
        self._compute = compute
        self._capture = capture
        self._reference = ReferenceEngine(compute)
        self._recorded: dict[Any, RecordedStep] = {}
        self._warned = False
        self._forwards: list[ReplayedForward] = []

    @property
    def name(self) -> str:
        """The engine that runs: "graph", or "reference" after a fit that could not be replayed."""
        return "reference" if self._warned else "graph"

    def fit(self, job: FitJob, progress: Progress) -> FitResult:
        """Train `job.module` in place and leave it on the device.

        Raises:
            NotFiniteError: the loss or a weight is NaN or infinite.
            KeyboardInterrupt: on Ctrl-C.
        """
        if self._warned:
            return self._reference.fit(job, progress)
        try:
            check_replayable(job)
            with _undone_on_failure(job, self._compute):
                return self._replay(job, progress)
        except (NotReplayable, CaptureError) as error:
            self._warned = True
            for forward in self._forwards:
                forward.give_up()
            failed = "could not be captured" if isinstance(error, CaptureError) else "does not apply"
            warnings.warn(
                f"engine: graph {failed}: {error}. The reference engine is used.",
                EngineWarning,
                stacklevel=2,
            )
            return self._reference.fit(job, progress)

    def forward(self, normalize: nn.Module) -> Forward:
        """Return a function that runs networks over images by replaying a captured pass."""
        forward = ReplayedForward(normalize, self._compute, self._capture)
        self._forwards.append(forward)
        return forward

    def _replay(self, job: FitJob, progress: Progress) -> FitResult:
        job.module.to(self._compute.device)  # tensors that a Trainer moved later could not be shared
        recorded = self._recorded.pop(job.program, None) if job.program is not None else None
        if recorded is None:
            assert isinstance(job.batches, TabledBatches)
            validation = job.validation if counts_in_place(job) else None
            assert validation is None or isinstance(validation, TabledBatches)
            recorded = RecordedStep(job.module, job.batches, validation, self._compute, self._capture)
        fit = Replayer(job, recorded)
        untie = recorded.tie(job.module)
        trained = False
        try:
            with fit.in_place_of_steps():
                result = self._reference.run(
                    job,
                    progress,
                    batches=fit.train_tables(),
                    validation=fit.validation_tables(),
                    callbacks=[fit],
                    # The recorded steps have their own autocast, whose cache ends with each step.
                    options={"precision": "32-true", "inference_mode": False},
                )
            trained = True
        finally:
            untie(trained)
        if job.program is not None:
            self._recorded = {job.program: recorded}  # a trial uses one program at a time
        return result


@contextmanager
def _undone_on_failure(job: FitJob, compute: Compute) -> Iterator[None]:
    """Restore generators and modes if the block cannot be replayed, so that the reference engine starts anew.

    It then computes the same as without this attempt.
    """
    generators = [torch.default_generator, device_generator(compute.device)]
    both = [each for each in (job.batches, job.validation) if isinstance(each, TabledBatches)]
    generators += [batches.generator for batches in both if batches.generator is not None]
    states = [generator.get_state() for generator in generators]
    modes = [(part, part.training) for part in job.module.modules()]
    try:
        yield
    except (NotReplayable, CaptureError):
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)
        for part, training in modes:
            part.training = training
        raise
