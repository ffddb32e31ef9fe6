"""Strategies that look at features, against slow and plain second versions."""

import math

import pytest
import torch

from alframe.core.records import Labelled
from alframe.query import Badge, ClusterMargin, Coreset, ProbCover, TypiClust
from alframe.query import coreset as coreset_module
from alframe.query.badge import output_errors
from alframe.query.cluster_margin import in_turns
from alframe.query.clustering import average_linkage, k_means, plus_plus
from alframe.query.coreset import farthest_first
from alframe.query.distances import nearest, squared_distances
from alframe.query.probcover import ball_graph, greedy_cover, largest_pure_radius
from alframe.query.typiclust import cluster_order, most_typical, typicality
from tests.unit.query.test_scores import generator, pool


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


def held(features_LD: torch.Tensor) -> Labelled:
    n = len(features_LD)
    return Labelled(
        index_L=torch.arange(n),
        label_L=torch.arange(n) % 2,
        hand_L=torch.ones(n, dtype=torch.bool),
        pool_P=torch.arange(10),
        features_LD=features_LD,
    )


def test_distances_are_those_of_cdist_and_nearest_is_their_minimum() -> None:
    a, b = normal(30, 5), normal(9000, 5, seed=1)
    assert torch.allclose(squared_distances(a, b), torch.cdist(a, b) ** 2, atol=1e-4)
    assert torch.allclose(nearest(a, b), (torch.cdist(a, b) ** 2).amin(dim=1), atol=1e-4)
    assert nearest(a, b[:0]).isinf().all()


def slow_farthest_first(x: torch.Tensor, start: torch.Tensor, n: int) -> list[int]:
    chosen: list[int] = []
    for _ in range(n):
        centres = torch.cat([start, x[chosen]])
        distances = torch.cdist(x.double(), centres.double()).amin(dim=1)
        distances[chosen] = -1
        chosen.append(int(distances.argmax()))
    return chosen


@pytest.mark.parametrize("top", [1, 3, 16, 512])
def test_coreset_is_plain_farthest_first(top: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coreset_module, "TOP", top)
    x, start = normal(150, 4), normal(7, 4, seed=1)
    expected = slow_farthest_first(x, start, 40)
    assert farthest_first(x, nearest(x, start), 40).tolist() == expected
    strategy = Coreset(max_candidates=None)
    assert (strategy.select(pool(150, features_PD=x), held(start), 40, generator()) - 10).tolist() == expected


def test_coreset_on_a_line_by_hand() -> None:
    x = torch.tensor([[0.0], [1.0], [4.0], [10.0], [5.5]])
    strategy = Coreset(max_candidates=None)
    asked = strategy.select(pool(5, features_PD=x), held(torch.tensor([[0.0]])), 3, generator()) - 10
    # 10 is 10 away; then 5.5 is 4.5 from it; then 4 is 1.5 from that.
    assert asked.tolist() == [3, 4, 2]


def test_coreset_without_labels_begins_anywhere_and_goes_on_farthest_first() -> None:
    x, strategy = normal(50, 3), Coreset(max_candidates=None)
    firsts = set()
    for seed in range(8):
        asked = strategy.select(pool(50, features_PD=x), held(x[:0]), 5, generator(seed)) - 10
        firsts.add(int(asked[0]))
        assert asked.tolist()[1:] == slow_farthest_first(x, x[asked[:1]], 4)
    assert len(firsts) > 3


def slow_badge(log_probs: torch.Tensor, features: torch.Tensor, n: int, draws: torch.Tensor) -> list[int]:
    """K-means++ as published, with the embeddings written down and the same uniform draws."""
    probs = log_probs.double().exp()
    onehot = torch.nn.functional.one_hot(probs.argmax(dim=1), probs.shape[1])
    g = ((probs - onehot)[:, :, None] * features.double()[:, None, :]).flatten(1)
    chosen = [int(g.norm(dim=1).argmax())]
    for draw in draws[: n - 1]:
        squared = (g[:, None] - g[chosen][None]).square().sum(dim=2).amin(dim=1)
        upto = squared.cumsum(0)
        chosen.append(int((upto > draw * upto[-1]).nonzero()[0]))
    return chosen


@pytest.mark.parametrize("seed", range(5))
def test_badge_is_k_means_plus_plus_on_gradients_that_are_written_down(seed: int) -> None:
    features, log_probs = normal(120, 7, seed=seed), normal(120, 4, seed=seed + 50).mul(2).log_softmax(dim=1)
    scores = pool(
        120,
        features_PD=features,
        log_probs_PC=log_probs,
        predicted_P=log_probs.argmax(dim=1),
        log_odds_P=log_probs.exp().amax(dim=1).double().logit().float(),
    )
    asked = Badge(max_candidates=None).select(scores, held(features), 30, generator(seed)) - 10
    draws = torch.rand(29, dtype=torch.float64, generator=generator(seed))
    assert asked.tolist() == slow_badge(log_probs, features, 30, draws)


def test_gradient_embeddings_are_the_gradients_of_the_last_layer() -> None:
    layer, x = torch.nn.Linear(6, 4, bias=False), normal(1, 6)
    logits = layer(x)
    predicted = logits.argmax(dim=1)
    torch.nn.functional.cross_entropy(logits, predicted).backward()
    log_probs = logits.detach().log_softmax(dim=1)
    odds = log_probs.exp().amax(dim=1).logit()
    errors = output_errors(log_probs, predicted, odds)
    assert torch.allclose(errors.T @ x, layer.weight.grad, atol=1e-6)


def test_an_error_that_float32_probabilities_round_away_is_kept() -> None:
    errors = output_errors(torch.tensor([[0.0, -30.0]]), torch.tensor([0]), torch.tensor([30.0]))
    assert errors[0, 0].item() == pytest.approx(-math.exp(-30), rel=1e-5)


def test_k_means_plus_plus_draws_with_squared_distances_as_odds() -> None:
    x, draws = torch.tensor([[0.0], [1.0], [3.0]]), generator()
    second = torch.stack([plus_plus(torch.ones(3, 1), x, 2, 0, draws)[1] for _ in range(4000)])
    assert (second == 1).double().mean().item() == pytest.approx(0.1, abs=0.02)
    assert not (second == 0).any()


def test_k_means_finds_clusters_that_are_there() -> None:
    truth = torch.arange(300) % 5
    x = torch.eye(5)[truth] * 20 + normal(300, 5)
    found = k_means(x, 5, generator())
    assert len(torch.stack([truth, found]).unique(dim=1).T) == 5


def test_k_means_is_a_fixed_point_of_lloyds_iterations() -> None:
    x = normal(200, 3)
    cluster = k_means(x, 4, generator())
    centres = torch.stack([x[cluster == c].mean(dim=0) for c in range(4)])
    assert torch.equal(torch.cdist(x, centres).argmin(dim=1), cluster)


def test_average_linkage_by_hand() -> None:
    # 0, 1 | 4 | 10: 4 is 3.5 from the pair's mean distance, 6 from 10.
    assert len(average_linkage(torch.tensor([[0.0], [1.0], [4.0], [10.0]]), 2)[:3].unique()) == 1


def test_clusters_are_asked_in_turns_the_smallest_first() -> None:
    cluster = torch.tensor([2, 2, 2, 2, 0, 1, 1, 0, 0])  # sizes 4, 3, 2
    asked = cluster[in_turns(cluster, 9, generator())].tolist()
    assert asked == [1, 0, 2, 1, 0, 2, 0, 2, 2]
    assert len({tuple(in_turns(cluster, 3, generator(seed)).tolist()) for seed in range(20)}) > 5


@pytest.mark.parametrize("max_agglomerated", [1, 100])
def test_cluster_margin_takes_low_margins_from_every_cluster(max_agglomerated: int) -> None:
    place = torch.arange(60) % 3
    x = torch.eye(3)[place] * 50 + normal(60, 3)
    margin = torch.rand(60, generator=generator()) + (place == 0) * -0.5 + 5 * (torch.arange(60) >= 30)
    scores = pool(60, features_PD=x, margin_P=margin.clamp_min(0))
    strategy = ClusterMargin(spread=10, clusters_per_sample=1.0, max_agglomerated=max_agglomerated)
    close = strategy.candidates(scores, 3, generator())
    assert set((close - 10).tolist()) == set(range(30))
    asked = strategy.select(scores.at(torch.isin(scores.index_P, close)), held(x[:0]), 3, generator()) - 10
    assert set(place[asked].tolist()) == {0, 1, 2}
    assert (asked < 30).all()


def slow_typicality(x: torch.Tensor, cluster: torch.Tensor, neighbours: int) -> list[float]:
    found = []
    for i in range(len(x)):
        distances = sorted(
            float((x[i] - x[j]).norm()) for j in range(len(x)) if j != i and cluster[j] == cluster[i]
        )[:neighbours]
        found.append(1 / (sum(distances) / len(distances)) if distances else math.inf)
    return found


def test_typicality_is_that_of_a_plain_loop() -> None:
    x, cluster = normal(40, 3), torch.arange(40) % 3
    cluster[7] = 3  # alone
    found = typicality(x, cluster, 5, generator()).tolist()
    assert found == pytest.approx(slow_typicality(x, cluster, 5), rel=1e-4)


def test_clusters_without_labels_come_first_the_largest_of_them_first() -> None:
    cluster_P = torch.tensor([0] * 5 + [1] * 9 + [2] * 7 + [3] * 2)
    # Cluster 1 holds a label; 3 is small.
    assert cluster_order(cluster_P, torch.tensor([1]), 4, min_cluster=3).tolist() == [2, 0, 1, 3]
    order = torch.tensor([2, 0, 1, 3])
    typical = torch.arange(23).float()
    assert most_typical(typical, cluster_P, order, 5).tolist() == [20, 4, 13, 22, 19]


def test_typiclust_asks_the_middle_of_what_is_not_covered() -> None:
    angle = torch.arange(8) * math.pi / 4
    around = torch.cat([torch.zeros(1, 2), torch.stack([angle.cos(), angle.sin()], dim=1)])
    x = torch.cat([around + 100, around - 100, around + torch.tensor([100.0, -100.0])])
    strategy = TypiClust(max_candidates=None, max_clusters=500, min_cluster=1, neighbours=20)
    for seed in range(5):
        asked = (
            strategy.select(pool(27, features_PD=x), held(torch.full((1, 2), 100.2)), 2, generator(seed)) - 10
        )
        assert set(asked.tolist()) == {9, 18}


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


def test_one_cluster_alone_is_covered_by_one_ball() -> None:
    x = normal(9, 2)
    radius = largest_pure_radius(x, torch.zeros(9).long(), 0.95, generator())
    assert ball_graph(x, radius).all()


def test_the_greedy_cover_is_that_of_a_plain_loop() -> None:
    x = normal(80, 2)
    graph, covered = ball_graph(x, 0.3), torch.zeros(80, dtype=torch.bool)
    covered[[3, 5, 8]] = True
    expected, open_ = [], ~covered
    for _ in range(10):
        gains = (graph & open_).sum(dim=1)
        expected.append(int(gains.argmax()))
        open_ &= ~graph[expected[-1]]
    before = covered.clone()
    assert greedy_cover(graph, covered, 10, generator()).tolist() == expected
    assert torch.equal(covered, before)


def test_prob_cover_leaves_out_what_labels_cover() -> None:
    place = torch.tensor([0] * 20 + [1] * 15 + [2] * 10)
    x = torch.eye(3)[place] + 0.01 * normal(45, 3)
    labels = held(torch.tensor([[1.0, 0, 0], [5.0, 0, 0], [9.0, 0, 0]]))
    scores = pool(45, features_PD=x * 7, predicted_P=place)
    asked = ProbCover(max_candidates=None, purity=0.95).select(scores, labels, 2, generator()) - 10
    assert place[asked].tolist() == [1, 2]


def test_a_graph_that_rounding_left_lopsided_is_covered_without_a_sample_twice() -> None:
    graph = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 0, 1]], dtype=torch.bool)  # 0 sees nobody who sees it
    chosen = greedy_cover(graph, torch.zeros(3, dtype=torch.bool), 3, generator())
    assert sorted(chosen.tolist()) == [0, 1, 2]
