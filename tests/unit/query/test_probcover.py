"""ProbCover: the radius by search, the cover by a plain loop."""

import pytest
import torch

from alframe.query import ProbCover, neighbours
from alframe.query.probcover import ball_graph, greedy_cover, largest_pure_radius
from tests.support.pool_scores import generator, labelled, normal, pool


def slow_radius(x: torch.Tensor, pseudo: torch.Tensor, purity: float) -> float:
    """The largest distance between two samples at which enough of the open balls are pure."""
    distances = torch.cdist(x, x)
    other = pseudo[:, None] != pseudo[None]
    fits = [
        radius
        for radius in distances.unique().tolist()
        if (((distances < radius) & other).any(dim=1)).double().mean() <= 1 - purity + 1e-9
    ]
    return max(fits)


@pytest.mark.parametrize("purity", [0.5, 0.8, 0.95])
def test_the_radius_is_that_of_a_search_over_all_distances(purity: float) -> None:
    x, pseudo = normal(60, 2), torch.arange(60) % 2
    x[:, 0] += pseudo * 2
    found = largest_pure_radius(x, pseudo, purity, generator()) ** 0.5
    assert found == pytest.approx(slow_radius(x, pseudo, purity), rel=1e-4)


def test_only_samples_of_other_clusters_are_enemies_whatever_their_order() -> None:
    x = torch.tensor([[0.0], [9.0], [1.0], [20.0], [10.0], [2.0]])
    pseudo = torch.tensor([7, 2, 7, 5, 2, 7])
    # The nearest enemies are 9, 7, 8, 10, 8 and 7 away; half of six balls may be impure.
    assert largest_pure_radius(x, pseudo, 0.5, generator()) == pytest.approx(64.0)


def test_one_cluster_alone_is_covered_by_one_ball() -> None:
    x = normal(9, 2)
    radius = largest_pure_radius(x, torch.zeros(9).long(), 0.95, generator())
    assert ball_graph(x, radius, torch.arange(9), 9).all()


@pytest.mark.parametrize("side", [7, 2048])
def test_the_greedy_cover_is_that_of_a_plain_loop(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "SIDE", side)
    x, covered = normal(80, 2), torch.zeros(80, dtype=torch.bool)
    covered[[3, 5, 8]] = True
    expected, open_, graph = [], ~covered, torch.cdist(x, x).square() < 0.3
    for _ in range(10):
        gains = (graph & open_).sum(dim=1)
        expected.append(int(gains.argmax()))
        open_ &= ~graph[expected[-1]]
    order = covered.byte().argsort(stable=True)
    rows = ball_graph(x, 0.3, order, 77)
    assert torch.equal(rows, graph[order][:77, order])
    assert greedy_cover(rows, order, 10, generator()).tolist() == expected


def test_ties_go_to_the_lowest_position_also_if_a_label_covers_it() -> None:
    # 0 is covered and 1 is not; the ball of each holds both, and that of 2 holds 2 alone.
    rows, order = torch.tensor([[1, 0, 1], [0, 1, 0]], dtype=torch.bool), torch.tensor([1, 2, 0])
    assert greedy_cover(rows, order, 2, generator()).tolist() == [0, 2]


def test_a_pool_that_labels_cover_is_asked_at_random() -> None:
    x = normal(20, 2)
    rows = ball_graph(x, 0.3, torch.arange(20), 0)
    assert len(set(greedy_cover(rows, torch.arange(20), 30, generator()).tolist())) == 20


def test_prob_cover_asks_no_sample_that_labels_cover() -> None:
    place = torch.tensor([0] * 20 + [1] * 15 + [2] * 10)
    x = torch.eye(3)[place] + 0.01 * normal(45, 3)
    labels = labelled(torch.tensor([[1.0, 0, 0], [5.0, 0, 0], [9.0, 0, 0]]))
    scores = pool(45, features_PD=x * 7, predicted_P=place)
    asked = ProbCover(max_candidates=None, purity=0.95).select(scores, labels, 2, generator()) - 10
    assert place[asked].tolist() == [1, 2]
