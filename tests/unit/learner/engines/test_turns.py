from functools import partial

import pytest
import torch

from alframe.learner.engines.turns import Ended, Turns


def test_one_task_works_at_a_time_and_the_order_is_always_the_same():
    turns, seen, opened = Turns(2), [], set()

    def task(name):
        seen.append(f"{name} begins")
        turns.wait(lambda: name in opened)
        seen.append(f"{name} ends")
        return name

    turns.add_work(lambda: opened.update("abc" if seen.append("work") is None else ""))
    assert turns.run([partial(task, name) for name in "abc"]) == ["a", "b", "c"]
    assert seen == ["a begins", "b begins", "work", "a ends", "b ends", "c begins", "c ends"]


def test_each_task_has_its_own_random_state():
    turns = Turns(2)
    before = torch.get_rng_state()

    def draw(seed):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            drawn = []
            for _ in range(3):
                drawn.append(torch.rand(1).item())
                turns.wait(lambda: True)
        return drawn

    both = turns.run([partial(draw, seed) for seed in (1, 2)])
    for seed, drawn in zip((1, 2), both, strict=True):
        generator = torch.Generator().manual_seed(seed)
        assert drawn == [torch.rand(1, generator=generator).item() for _ in range(3)]
    assert torch.equal(torch.get_rng_state(), before)


def test_an_error_of_a_task_ends_those_that_wait():
    turns, ended = Turns(3), []

    def waiting():
        try:
            turns.wait(lambda: False)
        except Ended as error:
            ended.append(error.reason)
            raise

    def failing():
        raise ZeroDivisionError("ours")

    with pytest.raises(ZeroDivisionError, match="ours"):
        turns.run([waiting, failing, waiting])
    assert [str(reason) for reason in ended] == ["ours"]
