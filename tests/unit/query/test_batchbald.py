"""BatchBALD against every configuration of a batch's labels."""

import itertools
import math

import pytest
import torch

from alframe.query import Bald, BatchBald
from alframe.query.batchbald import Joint, greedy_batch, information_gain, stratified_draw
from alframe.query.disagreement import bald
from tests.support.pool_scores import NO_LABELS, generator, pool


def random_members(n: int, n_members: int = 4, n_classes: int = 3, seed: int = 0) -> torch.Tensor:
    drawn = torch.randn(n, n_members, n_classes, generator=generator(seed), dtype=torch.float64)
    return drawn.mul(2).log_softmax(dim=2)


def joint_information(members_PKC: torch.Tensor, batch: list[int]) -> float:
    """I(y_1, ..., y_b; member) term by term, over all C^b configurations."""
    p = members_PKC.double().exp()[batch]
    n_members, n_classes = p.shape[1:]
    joint_entropy = 0.0
    for labels in itertools.product(range(n_classes), repeat=len(batch)):
        mean = (
            sum(math.prod(p[i, k, label].item() for i, label in enumerate(labels)) for k in range(n_members))
            / n_members
        )
        joint_entropy -= mean * math.log(mean)
    members_PKC = -(p * p.log()).sum(dim=2).mean(dim=1).sum().item()
    return joint_entropy - members_PKC


def slow_greedy(members_PKC: torch.Tensor, n: int) -> list[int]:
    batch: list[int] = []
    for _ in range(n):
        left = [i for i in range(len(members_PKC)) if i not in batch]
        batch.append(max(left, key=lambda i: joint_information(members_PKC, [*batch, i])))
    return batch


@pytest.mark.parametrize("seed", range(4))
def test_the_batch_is_that_of_a_search_over_all_configurations(seed: int) -> None:
    members_PKC = random_members(14, seed=seed)
    assert greedy_batch(members_PKC, bald(members_PKC), 3, 10**6, generator()).tolist() == slow_greedy(
        members_PKC, 3
    )


def test_the_gain_of_a_sample_is_the_difference_of_the_joint_information() -> None:
    members_PKC = random_members(6)
    joint = Joint(4)
    assert torch.allclose(information_gain(members_PKC, joint), bald(members_PKC), atol=1e-12)
    batch: list[int] = []
    for position in (2, 5):
        joint.add(members_PKC[position], 10**6, generator())
        batch.append(position)
        for other in (0, 1, 3, 4):
            expected = joint_information(members_PKC, [*batch, other]) - joint_information(members_PKC, batch)
            assert information_gain(members_PKC[other, None], joint).item() == pytest.approx(
                expected, abs=1e-10
            )
    assert len(joint.probability_S) == 9


def test_drawn_configurations_estimate_the_gain_by_all_configurations() -> None:
    members_PKC = random_members(40, seed=3)
    exact, drawn = Joint(4), Joint(4)
    for position in range(6):  # 729 configurations
        exact.add(members_PKC[position], 10**6, generator())
        drawn.add(members_PKC[position], 200, generator(position))
    assert (len(exact.probability_S), len(drawn.probability_S)) == (729, 200)
    error = information_gain(members_PKC[6:], drawn) - information_gain(members_PKC[6:], exact)
    assert error.abs().max() < 0.03
    assert error.abs().max() > 0


def test_one_sample_is_balds() -> None:
    scores = pool(30, members_PKC=random_members(30))
    strategy = BatchBald(max_candidates=None, joint=1, configurations=10, beta=1.0)
    first = strategy.select(scores, NO_LABELS, 1, generator())
    assert torch.equal(first, Bald(max_candidates=None).select(scores, NO_LABELS, 1, generator()))


def test_a_copy_of_an_asked_sample_is_not_asked() -> None:
    members_PKC = random_members(10, n_members=6, seed=1)
    best = bald(members_PKC).argmax()
    twice = torch.cat([members_PKC, members_PKC[best, None]])
    strategy = BatchBald(max_candidates=None, joint=2, configurations=100, beta=1.0)
    scores = pool(11, members_PKC=twice)
    by_bald = Bald(max_candidates=None).select(scores, NO_LABELS, 2, generator())
    assert set(by_bald.tolist()) == {int(best) + 10, 20}
    assert set(strategy.select(scores, NO_LABELS, 2, generator()).tolist()) != {int(best) + 10, 20}


def test_beyond_the_joint_samples_the_rest_is_drawn() -> None:
    scores = pool(60, members_PKC=random_members(60))
    strategy = BatchBald(max_candidates=None, joint=4, configurations=100, beta=1.0)
    asked = [strategy.select(scores, NO_LABELS, 20, generator(seed)).tolist() for seed in range(2)]
    assert asked[0][:4] == asked[1][:4] == (greedy_batch(
        scores.members_PKC, bald(scores.members_PKC), 4, 100, generator()
    ) + 10).tolist()  # fmt: skip
    assert set(asked[0]) != set(asked[1])


def test_a_stratified_draw_is_fair() -> None:
    probability = torch.tensor([0.05, 0.15, 0.8])
    counts = sum(
        torch.bincount(stratified_draw(probability, 10, generator(seed)), minlength=3) for seed in range(400)
    )
    assert torch.allclose(counts / 4000, probability, atol=0.01)
