"""What engines share that replay the steps of a fit inside an ordinary Trainer."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from alframe.core.errors import EngineWarning
from alframe.data.decoded import Progress
from alframe.learner.batches import TabledBatches
from alframe.learner.compute.device import Compute
from alframe.learner.engines.capture import CaptureError, device_generator
from alframe.learner.engines.reference import ReferenceEngine
from alframe.learner.engines.replay_callback import Replayer, Steps
from alframe.learner.engines.replay_checks import NotReplayable, check_replayable
from alframe.learner.interfaces import Engine, FitJob, FitResult


class ReplayEngine(ABC):
    """Replays recorded steps. If a fit cannot be recorded, it warns once and uses another engine.

    Args:
        compute: device and precision. other: the engine that runs fits which cannot be recorded.
        title: the name of this engine.
    """

    def __init__(self, compute: Compute, other: Engine, title: str) -> None:
        self._compute, self._other, self._title = compute, other, title
        self._trainer = ReferenceEngine(compute)
        self._warned = False

    @property
    def name(self) -> str:
        """The engine that runs: that of other fits after one that could not be replayed."""
        return self._other.name if self._warned else self._title

    def fit(self, job: FitJob, progress: Progress) -> FitResult:
        """Train `job.module` in place and leave it on the device.

        Raises:
            NotFiniteError: the loss or a weight is NaN or infinite.
            KeyboardInterrupt: on Ctrl-C.
        """
        if self._warned:
            return self._other.fit(job, progress)
        try:
            check_replayable(job)
            with _undone_on_failure(job, self._compute):
                return self._replay(job, progress)
        except (NotReplayable, CaptureError) as error:
            self._give_up(error)
            return self._other.fit(job, progress)

    @abstractmethod
    def steps(self, job: FitJob) -> AbstractContextManager[Steps]:
        """Return a block in which the recorded steps belong to a job, whose module is on the device.

        Raises:
            NotReplayable: the job cannot be recorded.
            CaptureError: the module cannot be copied.
        """

    def _replay(self, job: FitJob, progress: Progress) -> FitResult:
        job.module.to(self._compute.device)  # tensors that a Trainer moved later could not be shared
        with self.steps(job) as steps, _tied(steps, job):
            fit = Replayer(job, steps)
            with fit.in_place_of_steps():
                return self._trainer.run(
                    job,
                    progress,
                    batches=fit.train_tables(),
                    validation=fit.validation_tables(),
                    callbacks=[fit],
                    # The recorded steps have their own autocast, whose cache ends with each step.
                    options={"precision": "32-true", "inference_mode": False},
                )

    def _give_up(self, error: Exception) -> None:
        """Use the other engine from now on, and say why, once."""
        if self._warned:
            return
        self._warned = True
        failed = "could not be captured" if isinstance(error, CaptureError) else "does not apply"
        warnings.warn(
            f"engine: {self._title} {failed}: {error}. The {self._other.name} engine is used.",
            EngineWarning,
            stacklevel=3,
        )


@contextmanager
def _tied(steps: Steps, job: FitJob) -> Iterator[None]:
    """Let a job's module share the tensors of the recorded steps in the block; see `memory_sharing.tie`."""
    untie, trained = steps.tie(job.module), False
    try:
        yield
        trained = True
    finally:
        untie(trained)


@contextmanager
def _undone_on_failure(job: FitJob, compute: Compute) -> Iterator[None]:
    """Restore generators and modes if the block cannot be replayed, so that the other engine starts anew.

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
