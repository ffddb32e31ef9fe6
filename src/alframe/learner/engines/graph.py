"""The graph engine: whole chunks of steps replayed from a captured graph, inside an ordinary Trainer.

The Trainer sees the user's own module, one batch per table of steps, real epochs and validations, and the
same logged values as under the reference engine; what happens within a table happens on the device.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities.types import LRSchedulerConfig
from torch import Tensor, nn

from alframe.core.errors import EngineWarning
from alframe.learner.batches import BatchTable, TabledBatches
from alframe.learner.compute.device import Compute
from alframe.learner.engines.capture import Capture, CaptureError, cuda_graph, device_generator
from alframe.learner.engines.graph_forward import ReplayedForward
from alframe.learner.engines.index_table import TABLE_ROWS
from alframe.learner.engines.reference import ReferenceEngine
from alframe.learner.engines.replayable import (
    NotReplayable,
    check_optimizers,
    check_replayable,
    counts_in_place,
    may_be_padded,
)
from alframe.learner.engines.step_program import RecordedStep
from alframe.learner.interfaces import FitJob, FitResult, Forward, Progress
from alframe.learner.module import Classifier


class GraphEngine:
    """Replays captured steps; what cannot be captured goes to the reference engine, with one warning.

    Args:
        compute: where and in what precision.
        capture: what records; a CUDA graph.
    """

    def __init__(self, compute: Compute, capture: Capture = cuda_graph) -> None:
        self._compute = compute
        self._capture = capture
        self._reference = ReferenceEngine(compute)
        self._programs: dict[Any, RecordedStep] = {}
        self._warned = False
        self._forwards: list[ReplayedForward] = []

    @property
    def name(self) -> str:
        """What runs: "graph", or "reference" once a fit has fallen back to it."""
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
            with _as_before_after_failure(job, self._compute):
                return self._replay(job, progress)
        except (NotReplayable, CaptureError) as error:
            self._warned = True
            for forward in self._forwards:
                forward.give_up()
            failed = "could not be captured" if isinstance(error, CaptureError) else "does not apply"
            warnings.warn(
                f"engine: graph {failed}: {error}. Going on with the reference engine.",
                EngineWarning,
                stacklevel=2,
            )
            return self._reference.fit(job, progress)

    def forward(self, normalize: nn.Module) -> Forward:
        """Return what runs networks over images by replaying a captured pass."""
        forward = ReplayedForward(normalize, self._compute, self._capture)
        self._forwards.append(forward)
        return forward

    def _replay(self, job: FitJob, progress: Progress) -> FitResult:
        job.module.to(self._compute.device)  # what a Trainer would move later could not be shared
        program = self._programs.pop(job.program, None) if job.program is not None else None
        if program is None:
            assert isinstance(job.batches, TabledBatches)
            validation = job.validation if counts_in_place(job) else None
            assert validation is None or isinstance(validation, TabledBatches)
            program = RecordedStep(job.module, job.batches, validation, self._compute, self._capture)
        fit = _Replayer(job, program)
        untie = program.tie(job.module)
        trained = False
        try:
            with fit.in_place_of_steps():
                result = self._reference.run(
                    job,
                    progress,
                    batches=fit.train_tickets(),
                    validation=fit.validation_tickets(),
                    callbacks=[fit],
                    # The recorded steps have an autocast of their own, whose cache ends with each step.
                    options={"precision": "32-true", "inference_mode": False},
                )
            trained = True
        finally:
            untie(trained)
        if job.program is not None:
            self._programs = {job.program: program}  # one trial has one program at a time
        return result


class _Ticket:
    """A table on its way through the Trainer, which moves tensors and leaves other objects alone."""

    def __init__(self, table: BatchTable) -> None:
        self.table = table


class _Tickets:
    """What the Trainer takes for a loader: each batch is a table of steps."""

    def __init__(self, batches: TabledBatches, max_steps: int = -1) -> None:
        self._batches = batches
        self._left = max_steps

    def __iter__(self) -> Iterator[_Ticket]:
        for table in self._batches.tables():
            for part in table.parts(TABLE_ROWS):
                if 0 <= self._left < len(part):
                    # The Trainer ends after these; that something follows tells it of an unfinished epoch.
                    yield _Ticket(part.first(self._left))
                self._left -= len(part) if self._left >= 0 else 0
                yield _Ticket(part)


class _Replayer(Callback):
    """Stands in for a module's steps during one fit, and counts them for the Trainer."""

    def __init__(self, job: FitJob, program: RecordedStep) -> None:
        self._job, self._module, self._program = job, job.module, program
        self._padded = may_be_padded(job.module)
        self._scheduler: LRSchedulerConfig | None = None
        self._trainer: pl.Trainer | None = None
        self._epoch_steps = 0

    def train_tickets(self) -> Any:
        assert isinstance(self._job.batches, TabledBatches)
        return _Tickets(self._job.batches, self._job.max_steps)

    def validation_tickets(self) -> Any:
        if not counts_in_place(self._job):
            return self._job.validation
        assert isinstance(self._job.validation, TabledBatches)
        return _Tickets(self._job.validation)

    @contextmanager
    def in_place_of_steps(self) -> Iterator[None]:
        """Put the replays where the Trainer calls the module's steps."""
        own = counts_in_place(self._job)
        stand_ins = {
            "training_step": self._train,
            "on_train_batch_end": lambda *_: None,
            "validation_step": self._validate
            if own
            else self._validate_eagerly(self._module.validation_step),
        }
        vars(self._module).update(stand_ins)
        try:
            yield
        finally:
            for name in stand_ins:
                del vars(self._module)[name]
            self._module.automatic_optimization = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Read the optimizer and its schedule; from here on the Trainer leaves both alone."""
        self._trainer = trainer
        check_optimizers(trainer)
        self._scheduler = trainer.lr_scheduler_configs[0] if trainer.lr_scheduler_configs else None
        pl_module.automatic_optimization = False

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count an epoch's steps from its first, as the Trainer does for a schedule's frequency."""
        self._epoch_steps = 0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Move a schedule of epochs on."""
        if self._scheduler is not None and self._scheduler.interval == "epoch":
            self._step_scheduler(trainer.current_epoch + 1)

    def _train(self, ticket: _Ticket, batch_idx: int) -> dict[str, Tensor]:
        trainer = self._trainer
        assert trainer is not None
        if trainer.global_step == 0:
            self._program.prepare(self._module, ticket.table, self._optimizer_of, self._scheduler is not None)
        table = ticket.table
        rate_SG = self._rates(trainer, len(table))
        losses = self._program.train(self._module, table, rate_SG, self._padded)
        self._log(table)
        # What the Trainer counts where it steps the optimizer itself.
        steps = trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        for counter in (steps.total, steps.current):
            counter.ready += len(table)
            counter.completed += len(table)
        return {"loss": losses}

    def _validate(self, ticket: _Ticket, batch_idx: int) -> None:
        self._program.validate(self._module, ticket.table, self._padded)

    def _validate_eagerly(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def validate(*args: Any) -> Any:
            with self._program.autocast():
                return step(*args)

        return validate

    def _optimizer_of(self, module: Classifier) -> torch.optim.Optimizer:
        nobody, vars(module)["_trainer"] = vars(module)["_trainer"], self._trainer
        configured = module.configure_optimizers()
        vars(module)["_trainer"] = nobody
        while not isinstance(configured, torch.optim.Optimizer):
            configured = configured["optimizer" if isinstance(configured, dict) else 0]
        return configured

    def _rates(self, trainer: pl.Trainer, n: int) -> Tensor:
        """Return the learning rates (n, groups) of the next n steps, and move the schedule past them."""
        groups = trainer.optimizers[0].param_groups
        if self._scheduler is None:
            return torch.empty(0)
        if self._scheduler.interval != "step":
            return torch.tensor([[group["lr"] for group in groups]]).repeat(n, 1)
        rates = []
        for _ in range(n):
            rates.append([group["lr"] for group in groups])
            self._epoch_steps += 1
            self._step_scheduler(self._epoch_steps)
        return torch.tensor(rates)

    def _step_scheduler(self, done: int) -> None:
        assert self._scheduler is not None
        if done % self._scheduler.frequency == 0:
            with warnings.catch_warnings():
                # The optimizer that steps is the program's own.
                warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*before.*optimizer.step.*")
                schedule: Any = self._scheduler.scheduler
                schedule.step()

    def _log(self, table: BatchTable) -> None:
        """Log what the recorded steps logged: the mean over their samples, or the last step's value."""
        sizes = torch.full((len(table),), float(table.columns[0].shape[1]))
        sizes[-1] = table.last
        for name, value_S in self._program.logged(len(table)).items():
            options = dict(self._program.log_options[name])
            if options.pop("on_epoch", False):
                weight_S = sizes.to(value_S.device)
                options |= {"on_step": False, "on_epoch": True, "batch_size": int(sizes.sum())}
                self._module.log(name, (value_S * weight_S).sum() / weight_S.sum(), **options)
            else:
                self._module.log(name, value_S[-1], **options)


@contextmanager
def _as_before_after_failure(job: FitJob, compute: Compute) -> Iterator[None]:
    """Put generators and modes back when the block fails, so that the reference engine does the same."""
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
