import pytest
import torch

from alframe.learner.recipes.curriculum import Curriculum


def curriculum(n=8, pool=range(2, 8), confident=0.9):
    return Curriculum(n, torch.tensor(list(pool)), confident)


def step(module, index, predicted, confidence, n_classes=3):
    parts = torch.tensor(index), torch.tensor(predicted), torch.tensor(confidence)
    return module(*parts, n_classes).tolist()


def test_at_first_every_prediction_teaches():
    module = curriculum()
    assert module.thresholds(3).tolist() == [0, 0, 0]
    assert step(module, [2, 3], [0, 1], [0.95, 0.4]) == [True, True]


def test_thresholds_follow_the_confident_predictions_of_the_pool():
    module = curriculum()
    step(module, [2, 3, 4, 5], [0, 0, 1, 2], [0.95, 0.91, 0.99, 0.9])  # 0.9 is not above the threshold
    # Two of class 0, one of class 1, none of class 2, three images of the pool without a class so far: the
    # shares are 2/3, 1/3 and 0, and the thresholds 0.9 * s / (2 - s).
    assert module.thresholds(3).tolist() == pytest.approx([0.9 * 0.5, 0.9 * 0.2, 0])
    assert step(module, [6, 7, 5], [0, 1, 2], [0.44, 0.19, 0.1]) == [False, True, True]
    # Now two of six have no class any more: class 0 has most.
    step(module, [5, 6], [1, 0], [0.95, 0.95])
    assert module.thresholds(3).tolist() == pytest.approx([0.9, 0.9 * 0.5, 0])


def test_the_newest_confident_prediction_of_an_image_counts():
    module = curriculum(pool=range(8))
    step(module, [0, 1], [0, 1], [0.95, 0.95])
    step(module, [0, 1], [2, 2], [0.95, 0.5])  # the second is not confident: the old class stays
    assert module.class_N.tolist() == [2, 1, -1, -1, -1, -1, -1, -1]


def test_an_image_that_comes_twice_is_counted_once():
    module = curriculum(pool=range(4), n=4)
    step(module, [0, 0, 0], [1, 2, 0], [0.95, 0.95, 0.5])
    assert module.class_N.tolist() == [2, -1, -1, -1]


def test_no_confident_prediction_keeps_all_thresholds_at_zero():
    module = curriculum()
    step(module, [2, 3], [0, 1], [0.5, 0.5])
    assert module.thresholds(3).tolist() == [0, 0, 0]


def slow(pool, steps, confident, n_classes):
    """Return what teaches, step by step, by dictionaries, as in the paper's algorithm 1."""
    newest, taught = {}, []
    for index, predicted, confidence in steps:
        counts = [sum(c == k for c in newest.values()) for k in range(n_classes)]
        most = max(*counts, len(pool) - sum(counts))
        shares = [count / most for count in counts]
        limits = [confident * share / (2 - share) for share in shares]
        taught.append([q > limits[c] for c, q in zip(predicted, confidence, strict=True)])
        newest |= {i: c for i, c, q in zip(index, predicted, confidence, strict=True) if q > confident}
    return taught


def test_many_steps_are_those_of_the_slow_reference():
    generator = torch.Generator().manual_seed(0)
    pool, module, steps = list(range(10, 40)), curriculum(40, range(10, 40), 0.7), []
    for _ in range(30):
        index = (torch.randperm(30, generator=generator)[:8] + 10).tolist()
        predicted = torch.randint(0, 4, (8,), generator=generator).tolist()
        steps.append((index, predicted, torch.rand(8, generator=generator).tolist()))
    got = [step(module, *parts, n_classes=4) for parts in steps]
    assert got == slow(pool, steps, 0.7, 4)
    assert 30 < sum(map(sum, got)) < 230
