"""The packed engine: fits of several trials are trained as one, each inside a Trainer of its own."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import nn

from alframe.data.decoded import Progress
from alframe.learner.batches import TabledBatches
from alframe.learner.compute.device import Compute
from alframe.learner.engines.capture import Capture
from alframe.learner.engines.replay_checks import check_stackable, counts_in_place
from alframe.learner.engines.replay_engine import ReplayEngine
from alframe.learner.engines.replica import Replica
from alframe.learner.engines.stacked_step import StackedStep
from alframe.learner.engines.turns import Ended, Turns
from alframe.learner.interfaces import Engine, FitJob, FitResult, Forward


class PackedEngine(ReplayEngine):
    """Trains the fits of several trials together. The trials are tasks of `turns` and use the same engine.

    Fits with equal programs are trained together. A fit that cannot be, and a fit without a program, is
    trained alone by the other engine.

    Args:
        compute: device and precision. turns: runs the trials. other: runs fits alone, and scores.
        capture: records work.
    """

    def __init__(self, compute: Compute, turns: Turns, other: Engine, capture: Capture) -> None:
        super().__init__(compute, other, "packed")
        self._turns, self._capture = turns, capture
        self._packs: dict[Hashable, _Pack] = {}

    def fit(self, job: FitJob, progress: Progress) -> FitResult:
        """Train `job.module` in place and leave it on the device.

        Raises:
            NotFiniteError: the loss or a weight is NaN or infinite.
            BaseException: what ended the run of all trials, such as KeyboardInterrupt.
        """
        try:
            return super().fit(job, progress)
        except Ended as ended:
            raise ended.reason from None

    def forward(self, normalize: nn.Module) -> Forward:
        """Return the other engine's function that runs networks."""
        return self._other.forward(normalize)

    @contextmanager
    def steps(self, job: FitJob) -> Iterator[Replica]:
        """Return a block in which a replica belongs to a job."""
        check_stackable(job)
        if job.program not in self._packs:
            self._packs[job.program] = self._pack(job)
        pack = self._packs[job.program]
        number = pack.free.pop(0)
        try:
            if number not in pack.replicas:
                pack.replicas[number] = self._replica(number, pack.stacked, job)
            yield pack.replicas[number]
        finally:
            pack.free = sorted([*pack.free, number])

    def _pack(self, job: FitJob) -> "_Pack":
        assert isinstance(job.batches, TabledBatches)
        n = self._turns.at_a_time
        stacked = StackedStep(job.module, job.batches, n, self._compute, self._capture)
        self._turns.add_work(stacked.advance)
        return _Pack(stacked, list(range(n)))

    def _replica(self, number: int, stacked: StackedStep, job: FitJob) -> Replica:
        assert isinstance(job.batches, TabledBatches)
        validation = job.validation if counts_in_place(job) else None
        assert validation is None or isinstance(validation, TabledBatches)
        return Replica(number, stacked, self._turns, job.batches, validation, self._compute, self._capture)


@dataclass(eq=False)
class _Pack:
    """The fits of one program. `free` are the numbers of replicas without a fit, in order."""

    stacked: StackedStep
    free: list[int]
    replicas: dict[int, Replica] = field(default_factory=dict)
