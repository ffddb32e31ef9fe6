"""Rates with their intervals, and mix-ups, against hand-worked numbers and a slow reference."""

import numpy as np
import pytest
from scipy.stats import binomtest

from alframe.report.load.trial_records import Bin, DiagnosisFile
from alframe.report.stats.error_rates import cumulative, mix_ups, rate, rates_above


@pytest.mark.parametrize(("wrong", "n"), [(0, 1), (1, 1), (0, 50), (3, 17), (50, 50), (2, 12672)])
def test_the_interval_is_clopper_and_pearson_s(wrong: int, n: int) -> None:
    expected = binomtest(wrong, n).proportion_ci(0.95, "exact")
    found = rate(wrong, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.low <= found.share <= found.high


def test_the_interval_of_none_in_ten_by_hand() -> None:
    # (1 - p) ** 10 = 0.025
    assert rate(0, 10).high == pytest.approx(1 - 0.025**0.1)


def test_rates_above_a_bin_count_it_and_all_more_confident_bins() -> None:
    bins = [
        Bin(low=low, high=high, n=n, wrong=wrong, stated_error=0.1)
        for low, high, n, wrong in ((0.5, 0.75, 10, 4), (0.75, 0.9, 20, 2), (0.99, 1.0, 70, 0))
    ]
    assert [(each.wrong, each.n) for each in rates_above(bins)] == [(6, 100), (2, 90), (0, 70)]


def test_mix_ups_are_sorted_by_frequency_as_shares_of_the_true_class() -> None:
    confusion_CC = np.array([[6, 0, 2], [1, 4, 0], [3, 0, 7]])
    found = mix_ups(DiagnosisFile(class_names=("a", "b", "c"), confusion_CC=confusion_CC, bins=()))
    assert [(each.truth, each.given, each.n, each.share) for each in found] == [
        ("c", "a", 3, 0.3),
        ("a", "c", 2, 0.25),
        ("b", "a", 1, 0.2),
    ]
    assert mix_ups(DiagnosisFile(class_names=("a",), confusion_CC=None, bins=None)) == []


def test_cumulative_counts_by_hand() -> None:
    assert cumulative({1: 2, 3: 5}, [0, 1, 2, 3]) == [0, 2, 2, 7]
