from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from alframe.core.errors import ConfigError
from alframe.oracle import NoisyOracle
from alframe.oracle.noisy import checked_confusion, cumulative_rows, drawn_from_rows, uniform_of_samples

N = 20_000
CONFUSION = [[0.7, 0.2, 0.1], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]]


def oracle(n_classes: int = 10, **changes) -> NoisyOracle:
    settings = {"rate": 0.1, "confusion": None, "seed": 0}
    return NoisyOracle(torch.arange(N) % n_classes, n_classes, **(settings | changes))


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.4, 0.95])
def test_the_rate_of_flips_and_their_classes(rate: float) -> None:
    noisy = oracle(rate=rate)
    answer_N = noisy.label(torch.arange(N))
    wrong_N = answer_N != noisy.truth_N
    low, high = stats.binom.interval(1 - 1e-6, N, rate)
    assert low <= int(wrong_N.sum()) <= high
    if rate:
        # How far the wrong answer lies from the truth: 1 to 9, all alike.
        step = (answer_N - noisy.truth_N)[wrong_N] % 10
        assert stats.chisquare(torch.bincount(step, minlength=10)[1:].numpy()).pvalue > 1e-6


def test_two_classes_flip_to_the_other() -> None:
    noisy = oracle(2, rate=0.3)
    answer_N = noisy.label(torch.arange(N))
    assert set(answer_N.tolist()) == {0, 1}
    assert 0.28 < float((answer_N != noisy.truth_N).double().mean()) < 0.32


def test_the_rows_of_a_confusion_matrix_are_the_frequencies_of_the_answers() -> None:
    noisy = oracle(3, rate=None, confusion=CONFUSION)
    answer_N = noisy.label(torch.arange(N))
    for row, probabilities in enumerate(CONFUSION):
        seen = torch.bincount(answer_N[noisy.truth_N == row], minlength=3).numpy()
        expected = np.array(probabilities) * seen.sum()
        assert not seen[expected == 0].any()
        if (expected > 0).sum() > 1:
            assert stats.chisquare(seen[expected > 0], expected[expected > 0]).pvalue > 1e-6


def test_the_edges_of_a_row_by_hand() -> None:
    cumulative_CC = cumulative_rows(torch.tensor([[0.0, 0.25, 0.0, 0.75], [1.0, 0.0, 0.0, 0.0]]).double())
    uniform_Q = torch.tensor([0.0, 0.2, 0.25, 1 - 2**-53, 0.0, 1 - 2**-53], dtype=torch.float64)
    drawn = drawn_from_rows(cumulative_CC, torch.tensor([0, 0, 0, 0, 1, 1]), uniform_Q)
    assert drawn.tolist() == [1, 1, 3, 3, 0, 0]


def test_seeds_differ_and_samples_do_not_follow_each_other() -> None:
    index_N = torch.arange(N)
    uniform = [uniform_of_samples(seed, index_N) for seed in (0, 1, 2**62)]
    for one in uniform:
        assert stats.kstest(one.numpy(), "uniform").pvalue > 1e-6
        assert abs(float(torch.corrcoef(torch.stack([one[:-1], one[1:]]))[0, 1])) < 0.04
    assert torch.corrcoef(torch.stack(uniform)).fill_diagonal_(0).abs().max() < 0.04
    assert not torch.equal(oracle(seed=0).label(index_N), oracle(seed=1).label(index_N))


def test_the_order_of_the_questions_changes_no_answer() -> None:
    noisy, order = oracle(rate=0.5), torch.randperm(N, generator=torch.Generator().manual_seed(1))
    together = noisy.label(torch.arange(N))
    assert torch.equal(noisy.label(order), together[order])
    assert torch.equal(torch.cat([noisy.label(part) for part in order.split(999)]), together[order])


@pytest.mark.parametrize("name", ["matrix.npy", "matrix.csv"])
def test_a_matrix_in_a_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    if name.endswith("npy"):
        np.save(file, np.array(CONFUSION))
    else:
        file.write_text("".join(",".join(map(str, row)) + "\n" for row in CONFUSION))
    from_file, from_rows = (oracle(3, rate=None, confusion=given) for given in (str(file), CONFUSION))
    assert torch.equal(from_file.label(torch.arange(N)), from_rows.label(torch.arange(N)))


@pytest.mark.parametrize(
    ("confusion", "message"),
    [
        ([[1.0, 0.0]], "expected 2 rows of 2 probabilities, one per class, got '1 x 2'"),
        ([[0.5, 0.5], [0.5]], "expected rows of numbers"),
        ([["a", 0.5], [0.5, 0.5]], "expected rows of numbers"),
        ([[1.0, 0.0], [1.1, -0.1]], r"at least 0 in row 1 \(counted from 0\), got '\[1.1, -0.1\]'"),
        ([[float("nan"), 1.0], [0.0, 1.0]], "at least 0 in row 0"),
        ([[float("inf"), 1.0], [0.0, 1.0]], "at least 0 in row 0"),
        ([[1.0, 0.0], [0.6, 0.400002]], r"row 1 \(counted from 0\) to sum to 1, got a sum of 1.000002"),
        ("matrix.txt", "ends in neither"),
        ("missing.npy", "No such file"),
        ("missing.csv", "not found"),
    ],
)
def test_an_invalid_matrix_is_refused(confusion, message, in_tmp) -> None:
    with pytest.raises(ConfigError, match=f"^oracle.confusion: .*{message}") as caught:
        oracle(2, rate=None, confusion=confusion)
    assert "\n" not in str(caught.value)


def test_a_sum_within_the_tolerance_is_accepted() -> None:
    rows = [[0.6, 0.4 + 9e-7], [0.0, 1.0]]
    assert cumulative_rows(checked_confusion(rows, 2))[:, -1].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate": 0.1, "confusion": CONFUSION}, "oracle: expected a rate or a confusion matrix, not both"),
        ({"rate": None}, "oracle: expected oracle.rate or oracle.confusion"),
        ({"rate": 1.0}, "oracle.rate: expected a share in .0, 1. or null, got 1.0"),
        ({"rate": -0.1}, "oracle.rate: expected"),
        ({"rate": float("nan")}, "oracle.rate: expected"),
    ],
)
def test_contradicting_settings_are_refused(changes, message) -> None:
    with pytest.raises(ConfigError, match=message):
        oracle(3, **changes)
