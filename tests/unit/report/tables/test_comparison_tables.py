"""Tables and pictures of comparisons: their content, what they leave out, many groups."""

from pathlib import Path

import pytest

from alframe.report.document import Table
from alframe.report.load.trials import find_trials
from alframe.report.naming.names import name_trials
from alframe.report.output.json import comparison_figures
from alframe.report.plots.comparison_pictures import comparison_pictures
from alframe.report.plots.draw_curves import THIN, draw_learning_curves
from alframe.report.plots.draw_rankings import MAX_ROWS
from alframe.report.plots.style import in_style, looks
from alframe.report.stats.comparison import GroupComparison, compare_groups
from alframe.report.stats.curves import Kind
from alframe.report.stats.ranking import drawn_groups, ranked
from alframe.report.tables import comparison_tables as tables
from tests.support.report_trials import MARGIN, leave_trial, rows_of

UNKNOWN = dict.fromkeys(("mislabelled", "mislabelled_share", "auto_label_error", "test_accuracy"))
UNKNOWN_ROWS = rows_of([5], [None], [None])


def compared(folder: Path, n_groups: int, n_seeds: int = 3, unknown: bool = False) -> GroupComparison:
    """Return a comparison of groups 0, 1 ...; each mislabels more than the one before."""
    for group in range(n_groups):
        for seed in range(n_seeds):
            wrong, score = 0.01 * (group + 1) + 0.001 * seed, 0.9 - 0.02 * group - 0.001 * seed
            rounds = rows_of([10, 20, 30], [0.5, 0.4, wrong], [score - 0.1, score, score + 0.05])
            leave_trial(
                folder / f"{group}_{seed}", seed, query={**MARGIN, "num": group},
                rounds=UNKNOWN_ROWS if unknown else rounds,
                figures=UNKNOWN if unknown else {"mislabelled_share": wrong, "seconds": 10 + seed},
            )  # fmt: skip
    return compare_groups(name_trials(find_trials([folder]).trials).groups)


def of(closing: tuple[int, float]) -> str:
    return rows_of([10, 20], [0.19, 0.18], [0.51, 0.52], closing=closing)


@pytest.mark.parametrize(("last", "scale"), [(29, "linear"), (31, "log")])
def test_the_axis_of_hand_labels_is_logarithmic_if_they_grow_thirty_times(tmp_path, monkeypatch, last, scale):
    header, seed, *rounds = rows_of([1, last, last], [0.0, 0.4, 0.3], [None, 0.6, 0.7]).splitlines(
        keepends=True
    )
    seed = seed.replace("round", "seed").replace("1,", "0,", 1)
    leave_trial(tmp_path / "0", 0, rounds="".join([header, seed, *rounds]))
    comparison = compare_groups(name_trials(find_trials([tmp_path]).trials).groups)
    (name,) = comparison.seeds
    figures = []
    monkeypatch.setattr(
        "alframe.report.plots.draw_curves.picture", lambda canvas, **_: figures.append(canvas)
    )
    with in_style():
        draw_learning_curves(comparison, "accuracy", [name], looks([name]))
    assert figures[0].axes[0].get_xscale() == scale


@pytest.mark.parametrize(
    ("kind", "rows", "text"),
    [
        (
            "mislabelled",
            of((25, 0.05)),
            "The thin end of a curve is the remainder",
        ),
        (
            "mislabelled",
            of((20, 0.05)),
            "A curve ends with the shortest of its trials.",
        ),
        (
            "accuracy",
            of((25, 0.05)),
            "A curve ends with the shortest of its trials.",
        ),
    ],
)
def test_the_remainder_is_a_stretch_of_its_own(kind: Kind, rows: str, text: str, tmp_path: Path) -> None:
    for seed in (1, 2):
        leave_trial(tmp_path / str(seed), seed, rounds=rows)
    comparison = compare_groups(name_trials(find_trials([tmp_path]).trials).groups)
    (name,) = comparison.means
    with in_style():
        picture = draw_learning_curves(comparison, kind, [name], looks([name]))
    assert picture.note.endswith(text + (", labelled without training." if "thin" in text else ""))
    # A line of its own for the thin stretch, in the SVG with its width.
    assert picture.svg.count(f"stroke-width: {THIN}") == ("thin" in text)


def test_intervals_are_cut_at_the_limits_of_a_figure(tmp_path: Path) -> None:
    for seed, (wrong, coverage, seconds) in enumerate(
        [(0.01, 0.99, 1.0), (0.03, 0.92, 5.0), (0.05, 0.85, 9.0)]
    ):
        figures = {"mislabelled_share": wrong, "coverage": coverage, "seconds": seconds}
        leave_trial(tmp_path / str(seed), seed, figures=figures)
    comparison = compare_groups(name_trials(find_trials([tmp_path]).trials).groups)
    means = tables.means_table(comparison)
    # Mean 3 %, standard error 2 / sqrt(3), t of two degrees of freedom 4.303: -1.97 to 7.97.
    assert column(means, "mislabelled, %") == ["3.000 (0.000 to 7.968)"]
    assert column(means, "coverage, %") == ["92.00 (74.61 to 100.00)"]
    assert column(means, "seconds") == ["5.0 (0.0 to 14.9)"]
    assert tables.CUT in means.note
    (row,) = comparison_figures(comparison)["means"].values()
    assert row["mislabelled_share"]["low"] == pytest.approx(-1.968, abs=1e-3)  # not cut in JSON


def test_what_the_check_says_has_a_column_if_there_was_one(tmp_path: Path) -> None:
    leave_trial(tmp_path / "a", 0)
    title = "check: error at most, %"
    without = tables.means_table(compare_groups(name_trials(find_trials([tmp_path]).trials).groups))
    assert title not in without.head
    check = {
        "n_auto": 10, "asked": 2, "found_wrong": 1, "undecided": 0, "confidence": 0.95, "error_share": 0.5,
        "least_share": 0.1, "most_share": 0.8, "most_left": 7, "warn": True, "simulated": True,
    }  # fmt: skip
    leave_trial(tmp_path / "b", 1, figures={"check": check})
    comparison = compare_groups(name_trials(find_trials([tmp_path]).trials).groups)
    assert column(tables.means_table(comparison), title) == ["80.00, 1 seeds"]


def column(table: Table, title: str) -> list[str]:
    return [row[list(table.head).index(title)] for row in table.rows]


def test_the_cells_of_means_and_differences(tmp_path: Path) -> None:
    comparison = compared(tmp_path, 2)
    means = tables.means_table(comparison)
    assert column(means, "group") == ["num 0", "num 1"]
    assert column(means, "trials") == ["3", "3"]
    # Mean 1.1 %, standard error .1 / sqrt(3), t of two degrees of freedom 4.303.
    assert column(means, "mislabelled, %") == ["1.100 (0.852 to 1.348)", "2.100 (1.852 to 2.348)"]
    assert column(means, "hand labels") == ["45", "45"]
    assert "from 0 to 20 % hand labels" in means.note
    differences = tables.differences_table(comparison)
    assert column(differences, "group") == ["num 1"]
    assert column(differences, "mislabelled, %") == ["+1.000"]
    assert column(tables.times_table(comparison), "seconds") == ["11.0 (8.5 to 13.5)"] * 2
    assert column(tables.front_table(comparison), "group") == ["num 0"]
    assert all(len(row) == len(means.head) for row in means.rows)


def test_two_seeds_show_their_range(tmp_path: Path) -> None:
    comparison = compared(tmp_path, 2, n_seeds=2)
    means = tables.means_table(comparison)
    assert column(means, "mislabelled, %") == ["1.050 (1.000 to 1.100)", "2.050 (2.000 to 2.100)"]
    assert "Means with the range of both trials" in means.note
    differences = tables.differences_table(comparison)
    assert "p: paired" not in differences.note
    assert tables.penalties_table(comparison) is None


def test_late_auto_labels_have_a_line_in_place_of_a_curve(tmp_path: Path) -> None:
    for seed in (1, 2):
        rounds = rows_of([10, 20], [0.0, 0.0], [0.5, 0.6], auto=0, closing=(20, 0.2))
        leave_trial(tmp_path / str(seed), seed, rounds=rounds)
    comparison = compare_groups(name_trials(find_trials([tmp_path]).trials).groups)
    means = tables.means_table(comparison)
    assert "AUBC mislabelled, %" not in means.head
    assert means.note.count("nothing is auto-labelled before the end") == 1
    names = [each.name for pictures in comparison_pictures(comparison).values() for each in pictures]
    assert names == ["learning_curves_accuracy"]


def test_over_one_seed_there_are_no_differences_from_the_first(tmp_path: Path) -> None:
    comparison = compared(tmp_path, 3, n_seeds=1)
    assert tables.differences_table(comparison) is None
    assert tables.NO_BASELINE in tables.means_table(comparison).note
    assert drawn_groups(comparison) == ["num 0", "num 1", "num 2"]
    asked = compare_groups(name_trials(find_trials([tmp_path]).trials).groups, against="num 1")
    assert tables.NO_BASELINE not in tables.means_table(asked).note
    differences = tables.differences_table(asked)
    assert differences is not None
    assert column(differences, "mislabelled, %") == ["-1.000", "+1.000"]


def test_unknown_figures_have_no_column(tmp_path: Path) -> None:
    comparison = compared(tmp_path, 2, unknown=True)
    means = tables.means_table(comparison)
    assert list(means.head) == ["group", "trials", "rounds", "hand labels", "coverage, %", "seconds"]
    assert "No AUBC of test accuracy: it is unknown." in means.note
    assert tables.front_table(comparison) is None
    assert tables.penalties_table(comparison) is None
    drawn = comparison_pictures(comparison)
    assert {key: [each.name for each in pictures] for key, pictures in drawn.items()} == {
        "results": [],
        "curves": [],
        "penalties": [],
        "seconds": ["seconds"],
    }


def test_a_single_group_is_compared_with_nothing(tmp_path: Path) -> None:
    comparison = compared(tmp_path, 1)
    assert tables.differences_table(comparison) is None
    assert tables.front_table(comparison) is None
    names = [each.name for pictures in comparison_pictures(comparison).values() for each in pictures]
    assert names == ["learning_curves_accuracy", "learning_curves_mislabelled"]


def test_of_many_groups_the_best_and_the_baseline_are_shown(tmp_path: Path) -> None:
    comparison = compared(tmp_path, 40)
    comparison = compare_groups(name_trials(find_trials([tmp_path]).trials).groups, against="num 39")
    assert len(tables.means_table(comparison).rows) == 40
    shown = drawn_groups(comparison)
    assert shown == [*(f"num {k}" for k in range(11)), "num 39"]
    matrix = tables.penalties_table(comparison)
    assert (len(matrix.rows), len(matrix.head)) == (12, 14)
    assert "12 of 40 groups are shown" in matrix.note
    pictures = {each.name: each for some in comparison_pictures(comparison).values() for each in some}
    assert set(pictures) == {
        "pareto_front",
        "learning_curves_accuracy",
        "learning_curves_mislabelled",
        "aubc",
        "penalty_matrix",
        "seconds",
    }
    assert "28 of 40 groups are in grey" in pictures["learning_curves_accuracy"].note
    assert f"The first {MAX_ROWS} of 40 groups." in pictures["aubc"].note
    assert "num 39 " in pictures["aubc"].description
    assert "num 35 " not in pictures["aubc"].description


def test_pictures_contain_the_texts_of_their_descriptions(tmp_path: Path) -> None:
    pictures = [each for some in comparison_pictures(compared(tmp_path, 3)).values() for each in some]
    for each in pictures:
        assert each.png.startswith(b"\x89PNG")
        assert each.svg.rstrip().endswith("</svg>")
        assert "num 2" in each.svg
        assert each.description.endswith(".")
    by_name = {each.name: each for each in pictures}
    assert "Pareto front: num 0 45.00 % and 1.100 %." in by_name["pareto_front"].description
    assert "num 1 2.1 %" in by_name["learning_curves_mislabelled"].description


def test_ranks_fall_back_to_test_accuracy(tmp_path: Path) -> None:
    for group, score in ((0, 0.7), (1, 0.9)):
        figures = {**UNKNOWN, "test_accuracy": score}
        leave_trial(
            tmp_path / str(group), 1, query={**MARGIN, "num": group}, rounds=UNKNOWN_ROWS, figures=figures
        )
    comparison = compare_groups(name_trials(find_trials([tmp_path]).trials).groups)
    assert ranked(comparison) == ["num 1", "num 0"]


@pytest.mark.parametrize(("p", "text"), [(0.0004, "p < 0.001"), (0.0123, "p 0.012")])
def test_p_values_as_text(p: float, text: str) -> None:
    from alframe.report.stats.compared_figures import RESULTS
    from alframe.report.stats.comparison import Difference
    from alframe.report.stats.statistics import Comparison, Estimate

    each = Comparison(difference=Estimate(mean=-0.5, low=-1.0, high=0.0, n=3), p=p)
    result = tables.difference_text(Difference(comparison=each, p_holm=p), RESULTS["coverage"])
    assert result == f"-0.50 (-1.00 to +0.00), {text}"
    assert tables.difference_text(None, RESULTS["coverage"]) == ""
