"""The figures of a comparison, worked by hand."""

import json
from pathlib import Path

import pytest

from alframe.core.errors import UserError
from alframe.report.load.trials import find_trials
from alframe.report.naming.factors import ALONE
from alframe.report.naming.names import name_trials
from alframe.report.output.json import comparison_figures
from alframe.report.stats.comparison import compare_groups, pareto_front
from alframe.report.stats.statistics import Estimate
from alframe.report.tables.comparison_tables import classes_table
from tests.support.made_trial import CERTIFICATE
from tests.support.report_trials import MARGIN, RANDOM, leave_trial, rows_of

UNKNOWN = dict.fromkeys(("mislabelled", "mislabelled_share", "auto_label_error", "test_accuracy"))


def sweep(folder: Path, figures: dict[str, list[dict]], **config) -> dict:
    """Return groups of trials with these figures, seeds 1, 2 ..."""
    for name, trials in figures.items():
        for seed, each in enumerate(trials, start=1):
            held = dict(each)
            rounds = held.pop("rounds", rows_of([10, 20], [0.2, 0.1], [0.5, 0.7]))
            query = RANDOM if name == "random" else {**MARGIN, "name": name}
            leave_trial(
                folder / f"{name}{seed}", seed, choices={"query": name}, query=query, rounds=rounds,
                figures=held, **config,
            )  # fmt: skip
    return name_trials(find_trials([folder]).trials).groups


def test_means_and_paired_differences(tmp_path: Path) -> None:
    groups = sweep(
        tmp_path,
        {
            "random": [{"hand_labels": 40}, {"hand_labels": 50}, {"hand_labels": 60}],
            "margin": [{"hand_labels": 41}, {"hand_labels": 52}, {"hand_labels": 63}],
        },
    )
    got = compare_groups(groups)
    assert got.baseline == "random"
    assert got.means["margin"]["hand_labels"].mean == 52
    # Differences 1, 2, 3: mean 2, t = 2 / (1 / sqrt(3)) = 3.464 with 2 degrees of freedom, p = 0.0742.
    result = got.differences["hand_labels"]["margin"]
    assert result.comparison.difference.mean == 2
    assert result.p_holm == pytest.approx(0.0742, abs=1e-4)
    assert "random" not in got.differences["hand_labels"]


def test_holm_takes_the_groups_of_a_column_together(tmp_path: Path) -> None:
    labels = {"random": (40, 50, 60), "margin": (41, 52, 63), "badge": (41, 52, 63)}
    groups = sweep(tmp_path, {name: [{"hand_labels": each} for each in row] for name, row in labels.items()})
    result = compare_groups(groups).differences["hand_labels"]
    assert [result[name].p_holm for name in ("margin", "badge")] == pytest.approx([2 * 0.0742] * 2, abs=2e-4)


def test_areas_and_ranges(tmp_path: Path) -> None:
    # Accuracy after a round stands at the hand labels before it: shares 0, .1, .2 against 0, .2.
    groups = sweep(
        tmp_path,
        {
            "margin": [{"rounds": rows_of([10, 20, 30], [0.3, 0.2, 0.1], [0.4, 0.6, 0.8])}],
            "random": [{"rounds": rows_of([20, 30], [0.2, 0.1], [0.4, 0.6])}],
        },
    )
    got = compare_groups(groups)
    assert got.ranges["accuracy"] == (0.0, 0.2)
    assert got.ranges["mislabelled"] == (0.2, 0.3)
    # margin: .1 * .5 + .1 * .7 = .12 over .2; random: (.4 + .6) / 2. In percent.
    assert got.means["margin"]["aubc_accuracy"].mean == pytest.approx(60)
    assert got.means["random"]["aubc_accuracy"].mean == pytest.approx(50)
    assert got.means["margin"]["aubc_mislabelled"].mean == pytest.approx(15)


def test_bands_are_means_over_seeds_at_common_points(tmp_path: Path) -> None:
    groups = sweep(
        tmp_path,
        {
            "margin": [
                {"rounds": rows_of([10, 20], [0.30, 0.10], [0.4, 0.6])},
                {"rounds": rows_of([10, 20], [0.20, 0.20], [0.6, 0.6])},
            ],
            "random": [
                {"rounds": rows_of([10, 20, 40], [0.3, 0.2, 0.2], [0.1, 0.2, 0.3])},
                {"rounds": rows_of([20, 30], [0.4, 0.2], [0.1, 0.2])},
            ],
        },
    )
    curves = compare_groups(groups).curves["mislabelled"]
    same = [(point.hand_share, point.value.mean) for point in curves["margin"]]
    assert same == [(0.1, pytest.approx(0.25)), (0.2, pytest.approx(0.15))]
    # Common range: .2 to .3, at 20 points. The first: .2 and .4; the last: .2 and .2.
    others = curves["random"]
    assert (len(others), others[0].hand_share, others[-1].hand_share) == (20, 0.2, pytest.approx(0.3))
    assert (others[0].value.mean, others[-1].value.mean) == (pytest.approx(0.3), pytest.approx(0.2))
    assert others[0].value.low < 0.3 < others[0].value.high


def test_rounds_end_at_mean_hand_shares(tmp_path: Path) -> None:
    rows = (
        rows_of([10, 20], [0.3, 0.1], [0.4, 0.6], closing=(25, 0.05)),
        rows_of([20, 40, 50], [0.2] * 3, [0.6] * 3),
    )
    groups = sweep(tmp_path, {"margin": [{"rounds": each} for each in rows]})
    rounds = compare_groups(groups).rounds
    # The third round is one seed's alone, and the closing row is no round.
    assert rounds["mislabelled"][ALONE] == (pytest.approx(0.15), pytest.approx(0.3))
    # The classifier of a round was trained before its question: after 0 and 10, 0 and 20 hand labels.
    assert rounds["accuracy"][ALONE] == (0.0, pytest.approx(0.15))


def at(hand: float, wrong: float | None) -> dict[str, Estimate | None]:
    def mean(value: float | None) -> Estimate | None:
        return None if value is None else Estimate(mean=value, low=None, high=None, n=1)

    return {"hand_share": mean(hand), "mislabelled_share": mean(wrong)}


def test_the_pareto_front_by_hand() -> None:
    result = {
        "dear": at(5, 0.1),
        "cheap": at(1, 0.9),
        "beaten": at(3, 0.5),
        "middle": at(2, 0.5),
        "twin": at(2, 0.5),
        "worse_in_one": at(5, 0.2),
        "unknown": at(0.1, None),
    }
    assert pareto_front(result) == ("cheap", "middle", "twin", "dear")
    assert pareto_front({"a": at(1, None)}) == ()


def test_without_known_truth_there_are_hand_labels_and_seconds(tmp_path: Path) -> None:
    rows = rows_of([5, 10], [None, None], [None, None])
    figures = [{**UNKNOWN, "rounds": rows}, {**UNKNOWN, "rounds": rows}]
    got = compare_groups(sweep(tmp_path, {"margin": figures, "random": figures}))
    assert got.means["margin"]["mislabelled_share"] is None
    assert got.means["margin"]["hand_labels"].mean == 45
    assert (got.front, got.penalties, dict(got.curves)) == ((), None, {"accuracy": {}, "mislabelled": {}})
    assert got.differences["mislabelled_share"] == {}
    json.dumps(comparison_figures(got), allow_nan=False)


def test_groups_are_compared_pairwise_over_the_seeds_that_all_have(tmp_path: Path) -> None:
    def rounds(score: float) -> dict:
        return {"rounds": rows_of([10, 20, 30], [0.3, 0.2, 0.1], [score, score, score])}

    groups = sweep(
        tmp_path,
        {
            "margin": [rounds(0.90), rounds(0.92), rounds(0.91), rounds(0.1)],
            "random": [rounds(0.50), rounds(0.51), rounds(0.52)],
        },
    )
    got = compare_groups(groups)
    assert got.penalties.seeds == [1, 2, 3]
    assert got.penalties.points == [0.0, 0.1, 0.2]
    assert got.penalties.shares == {"margin": {"random": 1.0}, "random": {"margin": 0.0}}
    assert (
        "The groups have different seeds. Differences use only the seeds that both groups have."
        in got.warnings
    )


def test_certificates(tmp_path: Path) -> None:
    def certificate(asked: int, found: int, reached: bool) -> dict:
        changes = {"asked": asked, "found_wrong": found, "max_wrong_share": 0.01, "reached": reached}
        return {"certificate": CERTIFICATE | changes}

    groups = sweep(
        tmp_path, {"margin": [certificate(10, 1, True), certificate(20, 2, False)], "random": [{}]}
    )
    (result,) = compare_groups(groups).certified.values()
    assert (result.n, result.reached) == (2, 1)
    assert result.means["asked"].mean == 15
    assert result.means["hand_labels_before"].mean == 45 - 15
    assert result.means["mislabelled_before"].mean == 3 + 1.5
    assert result.means["max_wrong_share"].mean == pytest.approx(1)


def test_few_seeds_are_warned_about(tmp_path: Path) -> None:
    groups = sweep(tmp_path, {"margin": [{}] * 5, "random": [{}] * 5, "badge": [{}] * 4})
    few, unequal = compare_groups(groups).warnings
    assert few.startswith("Fewer than 5 seeds in badge. With three seeds")
    assert unequal.startswith("The groups have different seeds")
    del groups["badge"]
    assert compare_groups(groups).warnings == ()


def test_the_baseline(tmp_path: Path) -> None:
    groups = sweep(tmp_path, {"badge": [{}], "none": [{}], "margin": [{}]})
    assert compare_groups(groups).baseline == "none"
    assert compare_groups(groups, against="margin").baseline == "margin"
    assert compare_groups({"b": groups["badge"], "random, spread 3": groups["none"]}).baseline[:6] == "random"
    del groups["none"]
    result = compare_groups(groups)  # over one seed no difference from the first would say anything
    assert result.baseline is None
    assert not any(result.differences.values())
    json.dumps(comparison_figures(result), allow_nan=False)
    two = sweep(tmp_path / "two", {"badge": [{}, {}], "margin": [{}]})
    assert compare_groups(two).baseline == next(iter(two))
    with pytest.raises(UserError, match=r"--against: expected one of badge, margin, got random\."):
        compare_groups(groups, against="random")


def test_without_early_auto_labels_there_is_no_mislabelled_curve(tmp_path: Path) -> None:
    late = rows_of([10, 20], [0.0, 0.0], [0.5, 0.7], auto=0, closing=(20, 0.2))
    early = rows_of([10, 20], [0.3, 0.1], [0.5, 0.7])
    got = compare_groups(
        sweep(tmp_path / "all", {"random": [{"rounds": late}], "margin": [{"rounds": late}]})
    )
    assert got.labelled_at_the_end == ("margin", "random")
    assert dict(got.curves["mislabelled"]) == {}
    assert got.means["random"]["aubc_mislabelled"] is None
    assert set(got.curves["accuracy"]) == {"random", "margin"}
    got = compare_groups(
        sweep(tmp_path / "one", {"random": [{"rounds": late}], "margin": [{"rounds": early}]})
    )
    assert got.labelled_at_the_end == ("random",)
    assert set(got.curves["mislabelled"]) == {"margin"}
    assert got.means["margin"]["aubc_mislabelled"] is not None


def test_two_seeds_have_a_range_and_no_tests(tmp_path: Path) -> None:
    figures = {
        "random": [{"hand_labels": 40}, {"hand_labels": 50}],
        "margin": [{"hand_labels": 41}, {"hand_labels": 53}],
    }
    got = compare_groups(sweep(tmp_path, figures))
    mean = got.means["margin"]["hand_labels"]
    assert (mean.low, mean.mean, mean.high) == (41, 47, 53)
    difference = got.differences["hand_labels"]["margin"]
    assert (difference.comparison.difference.low, difference.comparison.difference.high) == (1, 3)
    assert difference.p_holm is None
    assert got.penalties is None


def classes(*wrong: int) -> dict:
    """Return the figures of classes of 80, 40 and 10 samples with some wrong labels each."""
    counts = zip("abc", (80, 10, 40), wrong, strict=True)
    shares = [(name, n, k, k / n) for name, n, k in counts]
    names = ("class", "n_samples", "mislabelled", "mislabelled_share")
    per_class = [dict(zip(names, each, strict=True)) for each in shares]
    return {"per_class": per_class, "mislabelled_share_macro": sum(each[3] for each in shares) / 3}


def test_classes_of_unequal_size_are_compared_the_largest_first(tmp_path: Path) -> None:
    groups = sweep(
        tmp_path,
        {"random": [classes(8, 5, 4), classes(8, 3, 4)], "margin": [classes(8, 1, 0), classes(0, 1, 0)]},
    )
    got = compare_groups(groups)
    assert list(got.classes) == ["a", "c", "b"]
    assert [got.class_means["random"][name].mean for name in "acb"] == pytest.approx([10, 10, 40])
    assert got.means["margin"]["mislabelled_share_macro"].mean == pytest.approx(5)  # (10 + 10) / 3, 10 / 3
    table = classes_table(got)
    assert table.head == ["group", "a", "c", "b"]
    assert [row[0] for row in table.rows] == ["margin", "random"]
    equal = [{**classes(1, 1, 1), "per_class": None}]
    assert compare_groups(sweep(tmp_path / "equal", {"random": equal})).classes == {}
