"""MaxHerding and UHerding against the whole kernel matrix."""

import math

import pytest
import torch

from alframe.core.records import Labelled
from alframe.query import MaxHerding, UHerding
from alframe.query import coverage as module
from alframe.query.coverage import Coverage
from alframe.query.herding import smallest_distance
from tests.support.pool_scores import generator, labelled, normal, pool


def gains_of(
    x: torch.Tensor,
    start: torch.Tensor,
    chosen: list[int],
    bandwidth: float,
    weight: torch.Tensor | None = None,
) -> list[tuple[float, float]]:
    """Return the gain of each choice and the largest one before it, by the kernel of all pairs in float64."""
    x, start = (y.double() / y.double().norm(dim=1, keepdim=True) for y in (x, start))
    kernel, to_start = ((-(x[:, None] - y).square().sum(2) / bandwidth**2).exp() for y in (x, start))
    weight = torch.ones(len(x)).double() if weight is None else weight.double()
    covered = torch.cat([to_start, torch.zeros(len(x), 1)], dim=1).amax(dim=1)
    gains = []
    for place, choice in enumerate(chosen):
        gain = (kernel - covered).clamp_min(0) @ weight
        gain[chosen[:place]] = -1
        gains.append((float(gain[choice]), float(gain.max())))
        covered = torch.maximum(covered, kernel[:, choice])
    return gains


def check_greedy(
    x: torch.Tensor,
    start: torch.Tensor,
    chosen: list[int],
    bandwidth: float,
    weight: torch.Tensor | None = None,
) -> None:
    """Check that each choice has the largest gain, but for rounding; most are the largest in float64 too."""
    gains = gains_of(x, start, chosen, bandwidth, weight)
    assert all(gain > best * (1 - 1e-5) for gain, best in gains)
    assert sum(gain == best for gain, best in gains) > 0.9 * len(gains)


def asked(strategy: MaxHerding | UHerding, labels: Labelled, n: int, **fields: torch.Tensor) -> list[int]:
    scores = pool(len(fields["features_PD"]), **fields)
    return (strategy.select(scores, labels, n, generator()) - 10).tolist()


@pytest.mark.parametrize("n_labelled", [0, 1, 12])
@pytest.mark.parametrize("bandwidth", [0.3, 1.0])
@pytest.mark.parametrize("most_pairs", [0, 3000, module.MOST_PAIRS])
def test_max_herding_is_the_greedy_choice_by_the_kernel_of_all_pairs(
    n_labelled: int, bandwidth: float, most_pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_PAIRS", most_pairs)  # 0: all choices from the matrix
    monkeypatch.setattr(module, "AT_ONCE", 5)
    x, start = normal(150, 6) + 0.5, normal(n_labelled, 6, seed=1) + 0.5
    found = asked(MaxHerding(max_candidates=None, bandwidth=bandwidth), labelled(start), 40, features_PD=x)
    check_greedy(x, start, found, bandwidth)


@pytest.mark.parametrize(("offset", "spread"), [(100, 0.1), (0, 1e20), (0, 1e-25)])
def test_features_that_share_an_offset_or_are_huge(offset: float, spread: float) -> None:
    x, start = offset + spread * normal(150, 30), offset + spread * normal(7, 30, seed=1)
    found = asked(MaxHerding(max_candidates=None, bandwidth=1.0), labelled(start), 25, features_PD=x)
    check_greedy(x, start, found, 1.0)


def test_the_first_choices_of_a_part_of_the_samples_cover_nearly_as_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_PAIRS", 20_000)
    monkeypatch.setattr(module, "MATRIX", 60 * 400)
    x, start = normal(400, 5), normal(1, 5, seed=1)
    strategy = MaxHerding(max_candidates=None, bandwidth=1.0)
    found = asked(strategy, labelled(start), 30, features_PD=x)
    monkeypatch.setattr(module, "MATRIX", 400 * 400)
    exact = asked(strategy, labelled(start), 30, features_PD=x)
    assert found != exact
    covered, most = (sum(gain for gain, _ in gains_of(x, start, each, 1.0)) for each in (found, exact))
    assert covered > 0.98 * most


def test_max_herding_by_hand() -> None:
    # Directions 0 (twice), 60 and 90 degrees: squared distances 2 - 2 cos are 1 (60), 2 (90), 0.268 (30).
    angle = torch.tensor([0.0, 0.0, 60.0, 90.0]) * math.pi / 180
    x = 7 * torch.stack([angle.cos(), angle.sin()], dim=1)
    # Gains without labels: 0: 2 + 0.368 + 0.135 = 2.503; 60: 2 * 0.368 + 1 + 0.765 = 2.501; 90: 2.036.
    strategy = MaxHerding(max_candidates=None, bandwidth=1.0)
    assert asked(strategy, labelled(x[:0]), 1, features_PD=x) == [0]
    # With a label at 0 degrees: 60: 0.632 + 0.765 - 0.135 = 1.262; 90: 0.865 + 0.765 - 0.368 = 1.262. They
    # tie: each covers itself from 0, and the other by k(30 degrees).
    assert [round(gain, 3) for gain, _ in gains_of(x, x[:1], [2], 1.0)] == [1.262]
    assert asked(strategy, labelled(x[:1]), 1, features_PD=x)[0] in {2, 3}
    # A label at 90 degrees covers 60 better than 0: 0: 2 * 0.865 = 1.729; 60: 2 * 0.233 + 0.235 = 0.700.
    assert [round(gain, 3) for gain, _ in gains_of(x, x[3:], [0], 1.0)] == [1.729]
    assert asked(strategy, labelled(x[3:]), 1, features_PD=x) == [0]


def test_the_uncertainty_is_that_of_the_covered_sample() -> None:
    # The sample at 0 degrees is certain, with uncertain ones 5 degrees from it on both sides. One at 90
    # degrees is as uncertain but alone. The certain one covers most, although its own uncertainty is 0.
    angle = torch.tensor([-5.0, 0.0, 5.0, 90.0]) * math.pi / 180
    x = torch.stack([angle.cos(), angle.sin()], dim=1)
    log_odds = torch.tensor([0.0, 60.0, 0.0, 0.0])  # p_1st = p_2nd = 0.5, but for the second
    margin = torch.tensor([0.0, 60.0, 0.0, 0.0])
    strategy = UHerding(max_candidates=None, bandwidth=0.1)
    fields = {"features_PD": x, "log_odds_P": log_odds, "margin_P": margin}
    # 5 degrees are 0.0872, with k = 0.467: gains 2 * 0.467 = 0.935 for 0 degrees, 1 + 0.048 for -5 degrees.
    assert asked(strategy, labelled(x[:0]), 1, **fields) == [0]
    # With a bandwidth of 0.3, k = 0.919, and 0.714 from -5 to 5 degrees: 1.838 and 1.714.
    strategy = UHerding(max_candidates=None, bandwidth=0.3)
    assert asked(strategy, labelled(x[:0]), 1, **fields) == [1]


def test_u_herding_is_weighted_coverage_with_the_smallest_distance_between_hand_labels() -> None:
    x, start = normal(120, 5), normal(9, 5, seed=1)
    start[4] = 2 * start[2]  # the same direction, which does not count
    margin = normal(120, seed=2).abs()
    log_odds = margin  # of two classes
    closeness = 1 - torch.tanh(margin / 2)  # p_1st - p_2nd = tanh(m / 2) then
    unit = start / start.norm(dim=1, keepdim=True)
    distances = torch.pdist(unit)
    bandwidth = float(distances[distances > 1e-3].min())
    found = asked(
        UHerding(max_candidates=None, bandwidth=9.0),
        labelled(start),
        30,
        features_PD=x,
        margin_P=margin,
        log_odds_P=log_odds,
    )
    check_greedy(x, start, found, bandwidth, closeness)


def test_an_auto_label_covers_but_does_not_change_the_bandwidth() -> None:
    x, start = normal(80, 5), normal(6, 5, seed=1)
    start[5] = start[4] + 1e-2
    hand = torch.tensor([True, True, True, True, True, False])
    labels = labelled(start)
    labels = Labelled(**{**vars(labels), "hand_L": hand})
    unit = start[:5] / start[:5].norm(dim=1, keepdim=True)
    found = asked(
        UHerding(max_candidates=None, bandwidth=9.0), labels, 20, features_PD=x, margin_P=torch.zeros(80)
    )
    check_greedy(x, start, found, float(torch.pdist(unit).min()))


def test_the_smallest_distance_is_that_of_rows_that_differ() -> None:
    x = normal(50, 3)
    assert smallest_distance(torch.cat([x, x])) == pytest.approx(float(torch.pdist(x).min()), rel=1e-3)
    assert smallest_distance(x[:1]) == smallest_distance(x[:0]) == math.inf
    assert smallest_distance(torch.ones(4, 3)) == math.inf


def test_what_is_covered_is_asked_last_and_at_random() -> None:
    x = torch.eye(3)[torch.arange(30) % 3]
    strategy = MaxHerding(max_candidates=None, bandwidth=1.0)
    lasts = set()
    for seed in range(5):
        index_Q = strategy.select(pool(30, features_PD=x), labelled(x[:1]), 30, generator(seed)) - 10
        assert sorted(index_Q.tolist()) == list(range(30))
        assert index_Q[:2].tolist() == [1, 2]  # ties go to the lowest position
        lasts.add(int(index_Q[-1]))
    assert len(lasts) > 2


def test_weights_of_zero_need_no_cover() -> None:
    coverage = Coverage(x_PD=torch.eye(3), weight_P=torch.tensor([0.0, 0.0, 1.0]), bandwidth=0.1)
    assert coverage.greedy(torch.full((3,), torch.inf), 1, generator()).tolist() == [2]
    none = Coverage(x_PD=torch.eye(3), weight_P=torch.zeros(3), bandwidth=0.1)
    assert sorted(none.greedy(torch.full((3,), torch.inf), 3, generator()).tolist()) == [0, 1, 2]
