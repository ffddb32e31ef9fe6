import math
import os
import signal
import sys

import pytest
import torch
from torch import nn

from alframe.learner import Classifier, FitJob, ReferenceEngine
from alframe.learner.compute.device import Compute
from alframe.learner.interfaces import NotFiniteError
from tests.support.helpers import interrupts_heard


class Counter(nn.Module):
    """One weight and one buffer; plain descent on minus the weight adds one at each step."""

    def __init__(self):
        super().__init__()
        self.steps = nn.Parameter(torch.zeros(()))
        self.register_buffer("seen", torch.zeros(()))


class Scripted(Classifier):
    """Counts its steps, reports a scripted validation accuracy, calls a function at a step."""

    def __init__(self, accuracies=(), at_step=None, losses=None):
        super().__init__(Counter(), nn.Identity(), lambda parameters: torch.optim.SGD(parameters, lr=1.0))
        self.accuracies = list(accuracies)
        self.at_step = at_step or {}
        self.losses = losses
        self.modes = []
        self.done = 0

    def training_step(self, batch, batch_idx):
        self.done += 1
        self.network.seen += 1
        self.modes.append(self.network.training)
        if self.done in self.at_step:
            self.at_step[self.done]()
        offset = 0.0 if self.losses is None else self.losses(self.done)
        return -self.network.steps + self.network.steps.detach() + offset

    def validation_step(self, batch, batch_idx):
        self.modes.append(self.network.training)

    def on_validation_epoch_end(self):
        self.log("val_accuracy", torch.tensor(self.accuracies.pop(0)))


@pytest.fixture
def two_batches(listed):
    return listed([torch.zeros(1)] * 2)


@pytest.fixture
def engine(cpu):
    return ReferenceEngine(cpu)


@pytest.fixture
def fit(engine, listed, two_batches, ignore_progress):
    def fit(module, *, patience=None, max_steps=-1, batches=two_batches, progress=ignore_progress):
        validation = None if patience is None else listed([torch.zeros(1)])
        job = FitJob(
            module=module, batches=batches, max_steps=max_steps, validation=validation, patience=patience
        )
        return engine.fit(job, progress)

    return fit


SCRIPTS = {
    "falls at once": ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 3, 1, 4),
    "rises, then falls": ([0.1, 0.5, 0.3, 0.4, 0.2, 0.9], 3, 2, 5),
    "equal is not better": ([0.1, 0.5, 0.5, 0.5, 0.5, 0.9], 3, 2, 5),
    "better at the last moment": ([0.5, 0.4, 0.3, 0.6, 0.1, 0.1, 0.1, 0.9], 3, 4, 7),
    "patience of one": ([0.2, 0.3, 0.3, 0.9], 1, 2, 3),
    "never right": ([0.0, 0.0, 0.0, 0.9], 2, 1, 3),
}


@pytest.mark.parametrize(("accuracies", "patience", "best", "last"), SCRIPTS.values(), ids=SCRIPTS)
def test_a_fit_ends_patience_epochs_after_the_first_best_and_restores_it(
    fit, accuracies, patience, best, last
):
    module = Scripted(accuracies)
    result = fit(module, patience=patience)
    assert (result.epochs, result.steps) == (last, 2 * last)
    assert len(module.accuracies) == len(accuracies) - last
    assert module.network.steps.item() == 2 * best
    assert module.network.seen.item() == 2 * best  # buffers are restored with the weights


def test_a_cap_on_steps_ends_a_fit_before_patience_does_and_the_best_is_restored(fit):
    module = Scripted([0.1, 0.5, 0.3, 0.9])
    result = fit(module, patience=10, max_steps=6)
    assert (result.epochs, result.steps) == (3, 6)
    assert module.network.steps.item() == 4


def test_a_fit_says_nothing_of_slurm_where_slurm_is_installed(engine, two_batches, tmp_path, monkeypatch):
    (tmp_path / "srun").write_text("#!/bin/sh\n")
    (tmp_path / "srun").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert engine.fit(FitJob(module=Scripted(), batches=two_batches, max_steps=2), lambda *_: None).steps == 2


def test_a_fit_trains_in_training_mode_and_validates_in_evaluation_mode(fit):
    module = Scripted([0.5, 0.4])
    fit(module, patience=1)
    assert module.modes == [True, True, False, True, True, False]


def test_a_budget_of_steps_is_used_up_across_epochs(fit):
    module = Scripted()
    assert fit(module, max_steps=5).steps == 5
    assert module.network.steps.item() == 5


def test_batches_without_an_end_are_cut_at_the_budget(fit):
    class Endless:
        def __iter__(self):
            while True:
                yield torch.zeros(1)

    assert fit(Scripted(), max_steps=5, batches=Endless()).steps == 5


def test_the_reported_loss_is_the_mean_of_the_last_tenth_of_the_steps(fit):
    assert fit(Scripted(losses=float), max_steps=40).loss == pytest.approx((37 + 38 + 39 + 40) / 4)
    assert fit(Scripted(losses=float), max_steps=5).loss == pytest.approx(5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_ends_the_fit(fit, value):
    with pytest.raises(NotFiniteError, match="NaN or infinite"):
        fit(Scripted(losses=lambda step: value if step == 3 else 0.0), max_steps=4)


def test_a_loss_that_is_not_finite_ends_a_long_fit_early(fit):
    module = Scripted(losses=lambda step: math.nan if step >= 10 else 0.0)
    with pytest.raises(NotFiniteError):
        fit(module, max_steps=2000)
    assert 10 <= module.done <= 64


def test_ctrl_c_raises_keyboard_interrupt_and_restores_the_handler(fit):
    module = Scripted(at_step={3: lambda: signal.raise_signal(signal.SIGINT)})
    with interrupts_heard():
        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            fit(module, max_steps=10)
        assert signal.getsignal(signal.SIGINT) is before
    assert module.done == 3


def test_a_fit_leaves_sigterm_to_the_handler_of_the_process(fit):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        mine = signal.getsignal(signal.SIGTERM)
        module = Scripted(at_step={3: lambda: signal.raise_signal(signal.SIGTERM)})
        fit(module, max_steps=10)
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
    assert module.done == 10  # a job of submitit ignores it, and another handler may raise


def test_a_handler_that_ends_the_process_is_no_ctrl_c(fit):
    """As that of submitit does, when the time of a job is over: other jobs of the sweep go on."""
    with pytest.raises(SystemExit, match="-1"):
        fit(Scripted(at_step={3: lambda: sys.exit(-1)}), max_steps=10)


def test_a_second_fit_runs_after_one_that_was_interrupted(fit):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Scripted(at_step={1: interrupt}), max_steps=10)
    assert fit(Scripted(), max_steps=3).steps == 3


def test_other_errors_are_raised_unchanged(fit):
    def fail():
        raise ZeroDivisionError("ours")

    with pytest.raises(ZeroDivisionError, match="ours"):
        fit(Scripted(at_step={2: fail}), max_steps=10)


def test_a_fit_prints_nothing_and_leaves_no_file(fit, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    fit(Scripted([0.5, 0.4, 0.3]), patience=2)
    fit(Scripted(), max_steps=3)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("max_steps", "total"), [(4, 4), (-1, None)])
def test_progress_is_reported_after_each_step(fit, max_steps, total):
    reported = []
    module = Scripted([0.5, 0.4])
    fit(module, patience=1, max_steps=max_steps, progress=lambda *args: reported.append(args))
    assert reported == [("train", step, total) for step in (1, 2, 3, 4)]


def test_the_module_is_left_where_it_was_trained(engine, fit):
    module = Scripted()
    fit(module, max_steps=1)
    assert module.network.steps.device.type == "cpu"
    assert engine.name == "reference"


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_a_fit_runs_in_the_precision_asked_for(two_batches, ignore_progress, precision, dtype):
    seen = []

    def multiply():
        seen.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)

    engine = ReferenceEngine(Compute(device=torch.device("cpu"), precision=precision))
    job = FitJob(module=Scripted(at_step={1: multiply}), batches=two_batches, max_steps=1)
    engine.fit(job, ignore_progress)
    assert seen == [dtype]
