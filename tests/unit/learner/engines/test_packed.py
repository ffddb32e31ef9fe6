"""Fits that are trained together against the same fits alone."""

from functools import partial

import pytest
import torch
from torch import nn

from alframe.core.errors import EngineWarning
from alframe.learner import ReferenceEngine
from alframe.learner.engines.capture import as_it_is
from alframe.learner.engines.packed import PackedEngine
from alframe.learner.engines.turns import Turns
from alframe.learner.interfaces import NotFiniteError
from tests.support.emulated_graph import EmulatedGraph
from tests.support.graph_cases import (
    Dense,
    Smooth,
    assert_same,
    decided,
    epochs,
    make_bank,
    normed,
    photographs,
    run_rounds,
    supervised,
)

# The sizes of the labelled set in each round of each trial: the fits begin together and end one by one.
SIZES = [(40, 51), (30, 70), (24,)]
DIVISIBLE = [(40, 50), (30, 70)]  # by the batch size: no padding draws a number


@pytest.fixture
def together(cpu):
    """Run the rounds of several trials together, in turns, and return their fits and the engine's name."""

    def run(recipe, network, sizes, capture=as_it_is, at_a_time=None):
        turns, bank = Turns(at_a_time or len(sizes)), make_bank(recipe)
        engine = PackedEngine(cpu, turns, ReferenceEngine(cpu), capture)
        tasks = [
            partial(run_rounds, engine, recipe, network, cpu, each, seed=seed, bank=bank)
            for seed, each in enumerate(sizes)
        ]
        return turns.run(tasks), engine.name

    return run


@pytest.fixture
def alone(cpu):
    def run(recipe, network, sizes):
        run_one = partial(run_rounds, ReferenceEngine(cpu), recipe, network, cpu)
        return [run_one(each, seed=seed) for seed, each in enumerate(sizes)]

    return run


short = partial(supervised, patience=1, max_epochs=4)
CASES = {
    "early stopping, the last batch padded": (short, Dense, SIZES, EmulatedGraph()),
    "dropout": (short, partial(Dense, 0.3), SIZES[:2], as_it_is),
    "dropout, recorded": (short, partial(Dense, 0.3), DIVISIBLE, EmulatedGraph()),
    "batch norm, the last batch cut": (short, normed, SIZES[:2], as_it_is),
    "SGD with momentum": (partial(epochs, max_epochs=2), Dense, SIZES[:2], as_it_is),
    "consistency, one cycle, averaged network": (
        decided,
        Smooth,
        [(70,), (40,)],
        EmulatedGraph(),
    ),
    "consistency with the auto-labels": (
        partial(decided, auto_labels="agree"),
        Smooth,
        [(70,), (40,)],
        EmulatedGraph(),
    ),
    "photographs, cosine, curriculum": (photographs, partial(Smooth, 3), [(70,), (40,)], as_it_is),
}


@pytest.mark.parametrize(("recipe", "network", "sizes", "capture"), CASES.values(), ids=CASES)
def test_fits_together_are_the_fits_alone_step_by_step(together, alone, recipe, network, sizes, capture):
    found, name = together(recipe(), network, sizes, capture)
    assert name == "packed"
    for expected, got in zip(alone(recipe(), network, sizes), found, strict=True):
        assert_same(expected, got)


def test_more_trials_than_replicas_take_the_places_of_those_that_have_ended(together, alone):
    recipe, sizes = short(), [(24,), (40,), (24, 30)]
    found, name = together(recipe, Dense, sizes, at_a_time=2)
    assert name == "packed"
    for expected, got in zip(alone(recipe, Dense, sizes), found, strict=True):
        assert_same(expected, got)


class LooksAtItsInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = Dense()

    def forward(self, x_B):
        return self.body(x_B) * (2 if x_B.sum().item() > 1e9 else 1)


class Noisy(LooksAtItsInput):
    """A network that draws in a way of its own."""

    def forward(self, x_B):
        return self.body(x_B * torch.bernoulli(torch.full((12, 12), 0.5)))


@pytest.mark.parametrize("network", [LooksAtItsInput, Noisy])
def test_fits_that_cannot_be_trained_together_are_trained_alone(together, alone, network):
    recipe, sizes = supervised(max_epochs=1), [(40,), (50,)]
    with pytest.warns(EngineWarning, match=r"packed could not be captured.*reference engine") as warned:
        found, name = together(recipe, network, sizes)
    assert len(warned) == 1
    assert name == "reference"
    for expected, got in zip(alone(recipe, network, sizes), found, strict=True):
        assert_same(expected, got)


def test_a_fit_that_diverges_leaves_the_others(cpu, alone):
    recipe, turns = supervised(max_epochs=2), Turns(2)
    engine, bank = PackedEngine(cpu, turns, ReferenceEngine(cpu), as_it_is), make_bank(recipe)

    def broken():
        network = Dense()
        nn.init.constant_(network[0].bias, float("nan"))
        return network

    def diverging():
        with pytest.raises(NotFiniteError):
            run_rounds(engine, recipe, broken, cpu, (40,), seed=7, bank=bank)
        return run_rounds(engine, recipe, Dense, cpu, (50,), seed=1, bank=bank)

    after, other = turns.run(
        [diverging, partial(run_rounds, engine, recipe, Dense, cpu, (40,), seed=0, bank=bank)]
    )
    expected, expected_after = alone(recipe, Dense, [(40,), (50,)])
    assert_same(expected, other)
    assert_same(expected_after, after)


def test_what_ends_the_run_ends_every_fit(cpu, alone):
    recipe, turns = supervised(max_epochs=None), Turns(2)
    engine, bank = PackedEngine(cpu, turns, ReferenceEngine(cpu), as_it_is), make_bank(recipe)
    ended = []

    def fitting(seed):
        try:
            run_rounds(engine, recipe, Dense, cpu, (40, 50), seed=seed, bank=bank)
        except KeyboardInterrupt:
            ended.append(seed)
            raise

    calls = []

    def press_ctrl_c():
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    turns.add_work(press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        turns.run([partial(fitting, seed) for seed in range(3)])
    assert ended == [0, 1]  # the third has not begun
