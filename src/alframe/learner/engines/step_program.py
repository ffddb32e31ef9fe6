"""A training step and a validation step that can be recorded once and replayed for fit after fit.

A program owns a private copy of a module and its optimizer. Fits lend it their own module: `tie` moves the
values into the private tensors and makes the lent module's parameters and buffers share them, so that whoever
looks at that module during the fit sees the weights being trained. Batches come from tables of integers, the
learning rate from a table too; which row is next is counted on the device.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from alframe.learner.batches import BatchTable, TabledBatches
from alframe.learner.compute.device import Compute
from alframe.learner.engines.capture import (
    Capture,
    CaptureError,
    Replay,
    device_generator,
    outside_a_capture,
    run_aside,
)
from alframe.learner.engines.flat_parameters import FlatWeights
from alframe.learner.engines.index_table import TABLE_ROWS, Table, move
from alframe.learner.engines.tensor_slots import NoNumber, find_generators, private_copy, tensor_slots
from alframe.learner.module import Classifier

CHUNK = 16  # steps in one graph; what is left of a table is replayed step by step
WARM_UP = 3  # eager runs before a capture, as torch advises
CHECKED = 4  # steps whose replays are compared with eager ones

Factory = Callable[[Classifier], torch.optim.Optimizer]


class RecordedStep:
    """The recorded steps of jobs of one program.

    Args:
        module: a module of such a job; copied.
        batches, validation: its batches; `validation` None where it is not to be replayed.
        compute: where and in what precision. capture: what records.
    """

    def __init__(
        self,
        module: Classifier,
        batches: TabledBatches,
        validation: TabledBatches | None,
        compute: Compute,
        capture: Capture,
    ) -> None:
        try:
            self._module = private_copy(module)
        except Exception as error:  # whatever a module of the user's own holds
            raise CaptureError(f"the module cannot be copied: {error}") from error
        # A module with a hook that sees the optimizer would look there for its own parameters.
        untouched = type(module).on_before_optimizer_step is Classifier.on_before_optimizer_step
        self._flat = FlatWeights(self._module) if untouched else None
        self._batches, self._validation = batches, validation
        self._compute, self._capture = compute, capture
        self._generators = find_generators(self._module)
        self._optimizer: torch.optim.Optimizer | None = None
        self._tables: dict[str, Table] = {}
        self._replays: dict[str, Replay] = {}
        self._loss_S = torch.zeros(TABLE_ROWS, device=compute.device)
        self._rate_SG = torch.zeros(0)
        self._rates: list[Tensor] = []
        self._logged: dict[str, Tensor] = {}
        self.log_options: dict[str, dict[str, Any]] = {}

    # Lending.

    def tie(self, module: Classifier) -> Callable[[bool], None]:
        """Share the private tensors with `module`, at its values, and return what unties them again.

        The returned function takes whether what was trained is to be kept in `module`.
        """
        slots, mine = tensor_slots(module), tensor_slots(self._module)
        originals, generators = [slot.get() for slot in slots], find_generators(module)

        def untie(keep: bool) -> None:
            with torch.no_grad():
                for slot, original in zip(slots, originals, strict=True):
                    if keep:
                        original.copy_(slot.get())
                    slot.set(original)
            if keep:
                for private_generator, generator in zip(self._generators, generators, strict=True):
                    generator.set_state(private_generator.get_state())

        try:
            with torch.no_grad():
                for slot, private, original in zip(slots, mine, originals, strict=True):
                    private.get().copy_(original)
                    slot.set(private.get())
            for private_generator, generator in zip(self._generators, generators, strict=True):
                private_generator.set_state(generator.get_state())
        except BaseException:
            untie(False)
            raise
        return untie

    def prepare(
        self, module: Classifier, table: BatchTable, make_optimizer: Factory, scheduled: bool
    ) -> None:
        """Make ready for a fit of a tied module: the steps recorded, the optimizer's state as new.

        Args:
            module: the tied module, in the modes in which it trains. table: its first steps.
            make_optimizer: makes the optimizer of a module. scheduled: whether its rate changes.

        Raises:
            CaptureError: a step could not be recorded.
        """
        if "step" not in self._replays:
            self._same_modes(module)
            self._optimizer = make_optimizer(self._module)
            if self._flat is not None:
                self._flat.merge(self._optimizer, scheduled)
            for group in self._optimizer.param_groups:
                if "capturable" in group and self._compute.device.type == "cuda":
                    group["capturable"] = True
            if scheduled:
                self._watch_rates()
            self._record("train", self._step, table)
        self._forget_optimizer()

    def autocast(self) -> AbstractContextManager[None]:
        """Return a block in the precision of the recorded steps."""
        return self._compute.autocast()

    # Running.

    def train(self, module: Classifier, table: BatchTable, rate_SG: Tensor, padded: bool) -> Tensor:
        """Take one step per row and return the losses (rows,) on the device.

        Args:
            module: the tied module, in the modes in which it trains.
            table: at most `TABLE_ROWS` rows.
            rate_SG: (rows, groups) learning rates; not read without a schedule.
            padded: whether the last row may be trained with its padding, or must be cut.
        """
        n = len(table)
        cut = table.last < self._batches.batch_size and not padded
        self._tables["train"].fill(table)
        if self._rates:
            move(rate_SG, self._rate_SG[:n])
        whole = n - cut
        for _ in range(whole // CHUNK):
            self._replays["chunk"]()
        for _ in range(whole % CHUNK):
            self._replays["step"]()
        if cut:
            self._same_modes(module)
            self._cut_step(table)
        return self._loss_S[:n].clone()

    def logged(self, n: int) -> dict[str, Tensor]:
        """Return what `training_step` logged in each of the last table's n steps, (n,) on the device."""
        return {name: value_S[:n] for name, value_S in self._logged.items()}

    def validate(self, module: Classifier, table: BatchTable, padded: bool) -> None:
        """Run the validation step on each row; the tied module's counters count. `padded` as for `train`."""
        assert self._validation is not None
        cut = table.last < self._validation.batch_size and not padded
        if "validate" not in self._replays:
            self._same_modes(module)
            self._record("validate", self._validation_step, table)
        self._tables["validate"].fill(table)
        for _ in range(len(table) - cut):
            self._replays["validate"]()
        if cut:
            self._same_modes(module)
            self._validate_on(self._last_row(self._validation, table))

    # The work that is recorded.

    def _step(self) -> None:
        table = self._tables["train"]
        for group, rate in enumerate(self._rates):
            rate.copy_(self._rate_SG.index_select(0, table.at)[0, group])
        self._train_on(self._batches.load(*table.row()), table.at)
        table.at += 1

    def _train_on(self, batch: Any, at: Tensor) -> None:
        assert self._optimizer is not None
        module = self._module
        with self._compute.autocast():
            out: Any = module.training_step(batch, NoNumber())  # type: ignore[arg-type]
        loss = out["loss"] if isinstance(out, dict) else out
        module.zero_grad()
        loss.backward()
        module.on_after_backward()
        module.on_before_optimizer_step(self._optimizer)
        if self._flat is not None:
            self._flat.gather()
        self._optimizer.step()
        module.on_train_batch_end({"loss": loss}, batch, 0)
        self._loss_S.index_copy_(0, at, loss.detach().float().reshape(1))

    def _validation_step(self) -> None:
        assert self._validation is not None
        table = self._tables["validate"]
        self._validate_on(self._validation.load(*table.row()))
        table.at += 1

    def _validate_on(self, batch: Any) -> None:
        with torch.no_grad(), self._compute.autocast():
            self._module.validation_step(batch, 0)

    def _last_row(self, batches: TabledBatches, table: BatchTable) -> Any:
        """Return the batch of a table's last row, without its padding."""
        row = (column[-1, : table.last] for column in table.columns)
        return batches.load(*(part.to(batches.bank.index_device) for part in row))

    def _cut_step(self, table: BatchTable) -> None:
        """Run the last row without its padding, eagerly: its shape is not the recorded one."""
        at = self._tables["train"].at
        for group, rate in enumerate(self._rates):
            rate.copy_(self._rate_SG.index_select(0, at)[0, group])
        with _intercepted(self._module, self._note), outside_a_capture():
            self._train_on(self._last_row(self._batches, table), at)

    # Recording.

    def _record(self, name: str, work: Callable[[], None], table: BatchTable) -> None:
        self._tables[name] = Table([column.shape[1] for column in table.columns], self._compute.device)
        with self._undone(), _intercepted(self._module, self._note):  # what warming up does is taken back
            generators, device = self._generators, self._compute.device
            try:
                self._tables[name].fill(table.first(1))
                run_aside(work, WARM_UP, self._compute.device)
                if name != "train":
                    self._replays[name] = self._capture(work, generators, device)
                else:
                    self._replays["step"] = self._capture(work, generators, device)
                    self._replays["chunk"] = self._capture(lambda: repeat(work, CHUNK), generators, device)
                    self._check(work, table)
            except (RuntimeError, TypeError, ValueError, AttributeError) as error:
                self._replays.clear()
                raise CaptureError(" ".join(str(error).split()[:40])) from error

    def _check(self, work: Callable[[], None], table: BatchTable) -> None:
        """Compare a few replayed steps with eager ones, from the same beginning.

        Raises:
            RuntimeError: they differ, so the step depends on something that a capture froze.
        """
        losses = []
        for step in (work, self._replays["step"]):
            with self._undone():
                self._forget_optimizer()
                self._tables["train"].fill(table.first(CHECKED))
                with outside_a_capture():
                    repeat(step, min(CHECKED, len(table)))
                losses.append(self._loss_S[: min(CHECKED, len(table))].clone())
        tolerance = 1e-3 if self._compute.precision == "float32" else 3e-2
        eager_S, replayed_S = losses
        if not torch.allclose(eager_S, replayed_S, rtol=tolerance, atol=tolerance, equal_nan=True):
            raise RuntimeError(
                "replayed steps give other losses than the step itself, which counts in Python?"
            )

    def _forget_optimizer(self) -> None:
        for state in self._optimizer_state():
            state.zero_()

    @contextmanager
    def _undone(self) -> Iterator[None]:
        """Put weights, statistics and generators back after the block."""
        tensors = [slot.get() for slot in tensor_slots(self._module)]
        generators = [*self._generators, device_generator(self._compute.device)]
        values, states = [tensor.clone() for tensor in tensors], [each.get_state() for each in generators]
        try:
            yield
        finally:
            with torch.no_grad():
                for tensor, value in zip(tensors, values, strict=True):
                    tensor.copy_(value)
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)

    def _watch_rates(self) -> None:
        assert self._optimizer is not None
        groups = self._optimizer.param_groups
        self._rate_SG = torch.tensor([[float(group["lr"]) for group in groups]]).repeat(TABLE_ROWS, 1)
        self._rate_SG = self._rate_SG.to(self._compute.device)
        for group in groups:
            group["lr"] = torch.tensor(float(group["lr"]), device=self._compute.device)
        self._rates = [group["lr"] for group in groups]

    def _optimizer_state(self) -> Iterable[Tensor]:
        assert self._optimizer is not None
        for state in self._optimizer.state.values():
            yield from (value for value in state.values() if isinstance(value, Tensor))

    def _same_modes(self, module: nn.Module) -> None:
        for private, theirs in zip(self._module.modules(), module.modules(), strict=True):
            private.training = theirs.training

    def _note(self, name: str, value: Any, **options: Any) -> None:
        """Stand in for the module's `log` while a step is recorded: the values go into a table.

        Raises:
            RuntimeError: a way to log that a table of steps does not give back.
        """
        both = options.get("on_step") and options.get("on_epoch")
        if both or options.get("reduce_fx", "mean") != "mean":
            raise RuntimeError(f"the step logs {name} by step and epoch at once, or not as a mean")
        if name not in self._logged:
            self._logged[name] = torch.zeros(TABLE_ROWS, device=self._compute.device)
            self.log_options[name] = options
        if not isinstance(value, Tensor):
            value = torch.full((1,), float(value), device=self._compute.device)
        self._logged[name].index_copy_(0, self._tables["train"].at, value.detach().float().reshape(1))


def repeat(work: Callable[[], None], times: int) -> None:
    """Call `work` so many times."""
    for _ in range(times):
        work()


@contextmanager
def _intercepted(module: Classifier, note: Callable[..., None]) -> Iterator[None]:
    """Let `note` take what the module logs."""
    vars(module)["log"] = note
    try:
        yield
    finally:
        del vars(module)["log"]
