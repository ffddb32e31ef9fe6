"""Trials that read the same images and train in the same way use the same objects."""

from types import SimpleNamespace

import pytest
import torch

from alframe.data import ImageBank
from alframe.learner import ReferenceEngine
from alframe.learner.compute.device import Compute
from alframe.learner.engines.packed import PackedEngine
from alframe.learner.engines.turns import Turns
from alframe.trial import shared_parts
from alframe.trial.shared_parts import Parts, in_common, parts_in_common, parts_of_sweeps
from tests.support.graph_cases import supervised

CPU = Compute(device=torch.device("cpu"), precision="float32")
SUBJECT = SimpleNamespace(image_shape=(1, 4, 4), n_classes=3)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(shared_parts, "_OF_SWEEPS", shared_parts.SharedParts())


def parts_of(pixel=0, *, test=None, rate=1.0, engine="auto", recipe=None, compute=CPU):
    """Return the parts of a trial as it makes them, and those that it gets."""
    bank = ImageBank(torch.full((5, 1, 4, 4), pixel, dtype=torch.uint8))
    test_bank = None if test is None else ImageBank(torch.full((2, 1, 4, 4), test, dtype=torch.uint8))
    own = Parts(recipe=recipe or supervised(), engine=ReferenceEngine(compute), banks=(bank, test_bank))
    learner = SimpleNamespace(recipe={"lr": rate}, network={"_target_": "alframe.learner.FastCNN"})
    return own, in_common(SimpleNamespace(learner=learner, engine=engine), SUBJECT, own, compute)


def test_equal_trials_of_a_sweep_use_the_parts_of_the_first():
    with parts_of_sweeps():
        own, first = parts_of(test=1)
        assert first is own
    with parts_of_sweeps():  # another trial of the sweep
        assert parts_of(test=1)[1] is first
        for other in ({"pixel": 1, "test": 1}, {"test": 2}, {}, {"test": 1, "rate": 0.5}):
            assert parts_of(**other)[1] is not first
            assert parts_of(**other)[1] is parts_of(**other)[1]


def test_only_the_newest_parts_are_kept():
    with parts_of_sweeps():
        _, first = parts_of(0)
        parts_of(1)
        assert parts_of(0)[1] is not first


def test_nothing_is_shared_outside_a_sweep_or_with_a_recipe_of_the_users_own():
    class Own:
        pass

    own, found = parts_of()
    assert found is own
    with parts_of_sweeps():
        first, second = (parts_of(recipe=Own()) for _ in range(2))
        assert first[1] is first[0]
        assert second[1] is second[0]


def test_trials_in_turns_get_one_packed_engine_for_each_kind_unless_they_name_an_engine():
    with parts_in_common(Turns(3)), parts_of_sweeps():
        (_, first), (_, other), (_, again) = parts_of(0), parts_of(1), parts_of(0)
        assert isinstance(first.engine, PackedEngine)
        assert first.engine.name == "packed"
        assert again is first
        assert other.engine is not first.engine
        own, found = parts_of(0, engine="reference")
        assert found is own
    assert parts_of(0)[1] is not first
