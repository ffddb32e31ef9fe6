"""Trials are named by what differs between them, in as few words as tell them apart."""

from pathlib import Path

import pytest

from alframe.core.errors import UserError
from alframe.report.load.trials import find_trials
from alframe.report.naming.factors import ALONE
from alframe.report.naming.names import Naming, name_trials
from alframe.report.tables.naming_tables import differing_table, trials_table
from tests.support.report_trials import MARGIN, RANDOM, leave_trial

BADGE = {"_target_": "alframe.query.Badge", "candidates": 500}


def named(folder: Path, *by: str) -> Naming:
    return name_trials(find_trials([folder]).trials, by)


def seeds(naming: Naming) -> dict[str, list[int]]:
    return {name: [trial.seed for trial in trials] for name, trials in naming.groups.items()}


def test_trials_that_differ_in_nothing_but_the_seed_are_one_group(tmp_path: Path) -> None:
    for seed in (2, 1):
        tracker = {"_target_": f"tracker{seed}"}
        leave_trial(
            tmp_path / str(seed), seed, choices={"query": "margin", "tracker": str(seed)}, tracker=tracker
        )
    naming = named(tmp_path)
    assert (seeds(naming), naming.keys, naming.warnings) == ({ALONE: [1, 2]}, (), ())
    assert ("query", "margin") in naming.same
    assert ("query.spread", "3") in naming.same


def test_a_choice_names_its_settings_are_not_named_again(tmp_path: Path) -> None:
    for k, (name, query) in enumerate((("badge", BADGE), ("margin", MARGIN), ("badge", BADGE))):
        leave_trial(tmp_path / str(k), k, choices={"query": name}, query=query)
    naming = named(tmp_path)
    assert naming.keys == ("query",)
    assert seeds(naming) == {"badge": [0, 2], "margin": [1]}
    assert not [key for key, _ in naming.same if key.startswith("query")]


def test_settings_are_named_after_choices_and_one_that_another_decides_is_not(tmp_path: Path) -> None:
    for k, (name, threshold) in enumerate((q, t) for q in ("margin", "random") for t in (0.9, 0.999999)):
        leave_trial(
            tmp_path / str(k),
            1,
            choices={"query": name, "hydra/launcher": name},
            query=MARGIN if name == "margin" else RANDOM,
            auto_label={"threshold": threshold, "twice": 2 * threshold},
        )
    naming = named(tmp_path)
    assert naming.keys == ("query", "auto_label.threshold")
    assert list(naming.groups) == [
        "margin, threshold 0.9",
        "margin, threshold 0.999999",
        "random, threshold 0.9",
        "random, threshold 0.999999",
    ]


def test_a_setting_of_some_trials_is_not_in_the_names_of_others(tmp_path: Path) -> None:
    leave_trial(tmp_path / "0", 1, choices={"query": "margin"}, query={**MARGIN, "spread": 1})
    leave_trial(tmp_path / "1", 1, choices={"query": "margin"})
    leave_trial(tmp_path / "2", 1, choices={"query": "random"}, query=RANDOM)
    assert list(named(tmp_path).groups) == ["margin, spread 1", "margin, spread 3", "random"]


def test_the_choice_that_decides_most_names_alone(tmp_path: Path) -> None:
    # sweep/policy decides auto_label and query; an experiment that changes nothing is no name.
    cases = (
        ("none", "none", "margin"),
        ("rejudge", "threshold", "margin"),
        ("no_query", "threshold", "none"),
    )
    for k, (policy, auto_label, query) in enumerate(cases):
        choices = {"experiment": f"e{k}", "query": query, "auto_label": auto_label, "sweep/policy": policy}
        for seed in (1, 2):
            leave_trial(
                tmp_path / f"{k}{seed}",
                seed,
                choices={**choices, "experiment": f"e{seed}"},
                query=RANDOM if query == "none" else MARGIN,
                auto_label={"_target_": auto_label},
            )
    naming = named(tmp_path)
    assert naming.keys == ("sweep/policy",)
    assert seeds(naming) == {"none": [1, 2], "rejudge": [1, 2], "no_query": [1, 2]}


def test_a_choice_that_only_some_made(tmp_path: Path) -> None:
    leave_trial(tmp_path / "0", 1, choices={"data": "digits", "experiment": None}, learner={"steps": 5})
    leave_trial(tmp_path / "1", 1, choices={"data": "digits", "experiment": "fast"}, learner={"steps": 9})
    assert list(named(tmp_path).groups) == ["no experiment", "fast"]


def test_without_hydra_s_folder_classes_and_settings_name(tmp_path: Path) -> None:
    leave_trial(tmp_path / "a", 1)
    leave_trial(tmp_path / "b", 1, query={**MARGIN, "spread": 1})
    leave_trial(tmp_path / "c", 1, query=RANDOM, choices={"query": "random"})
    naming = named(tmp_path)
    assert list(naming.groups) == ["Margin, spread 3", "Margin, spread 1", "RandomQuery"]
    assert naming.keys == ("query", "query.spread")


def test_numbers_are_shortened_if_they_stay_different(tmp_path: Path) -> None:
    def names(*values: float | None) -> list[str]:
        folder = tmp_path / str(len(values))
        for k, value in enumerate(values):
            leave_trial(folder / str(k), 1, auto_label={"threshold": value})
        return list(named(folder).groups)

    short = ["threshold 0.123457", "threshold 0.999999999", "threshold null"]
    assert names(0.1234567890123, 1 - 1e-9, None) == short
    assert names(0.1234567890123, 0.1234567890124, 0.5, 0.25)[:2] == [
        "threshold 0.1234567890123",
        "threshold 0.1234567890124",
    ]


def test_long_texts_are_cut_if_they_stay_different(tmp_path: Path) -> None:
    start = "/a/folder/of/many/letters/of/some/length/"
    for k, path in enumerate((f"{start}x.npz", f"{start}y.npz")):
        leave_trial(tmp_path / "end" / str(k), 1, data={"path": path})
        leave_trial(tmp_path / "begin" / str(k), 1, data={"path": path[::-1] + "1" * 32})
    assert next(iter(named(tmp_path / "end").groups)) == "path .../letters/of/some/length/x.npz"
    assert next(iter(named(tmp_path / "begin").groups)) == f"path zpn.x{start[::-1]}{'1' * 32}"


def test_values_that_read_the_same_are_numbered(tmp_path: Path) -> None:
    for k, value in enumerate(("null", None)):
        leave_trial(tmp_path / str(k), 1, data={"limit": value})
    assert list(named(tmp_path).groups) == ["limit null", "limit null #2"]


def test_two_keys_of_one_last_part_are_named_in_full(tmp_path: Path) -> None:
    for k, (initial, asked) in enumerate(((10, 5), (10, 6), (20, 5), (20, 6))):
        leave_trial(tmp_path / str(k), 1, query={**MARGIN, "num": asked}, initial={"num": initial})
    assert next(iter(named(tmp_path).groups)) == "query.num 5, initial.num 10"


def test_keys_that_are_asked_for(tmp_path: Path) -> None:
    for seed, name, keep in ((2, "margin", "rejudge"), (1, "margin", "rejudge"), (1, "random", "permanent")):
        leave_trial(
            tmp_path / f"{name}{9 - seed}",
            seed,
            choices={"query": name, "sweep/policy": keep[:4], "experiment": None},
            query=MARGIN if name == "margin" else RANDOM,
            auto_label={"keep": keep, "thresholds": None},
        )
    assert seeds(named(tmp_path, "query")) == {"margin": [1, 2], "random": [1]}
    assert list(named(tmp_path, "policy").groups) == ["reju", "perm"]
    assert list(named(tmp_path, "sweep/policy").groups) == ["reju", "perm"]
    names = list(named(tmp_path, "query", "auto_label.keep").groups)
    assert names == ["margin, keep rejudge", "random, keep permanent"]
    for key in ("nothing", "query.spread", "auto_label"):
        with pytest.raises(
            UserError, match=rf"--by {key}: expected a config group or setting of every trial"
        ):
            named(tmp_path, key)


def test_two_different_trials_of_a_seed_and_a_name_are_refused(tmp_path: Path) -> None:
    for k, keep in enumerate(("rejudge", "permanent")):
        leave_trial(tmp_path / str(k), 1, choices={"query": "margin"}, auto_label={"keep": keep})
    with pytest.raises(UserError, match=r"two of seed 1 for margin.*They differ in auto_label.keep\. Add"):
        named(tmp_path, "query")
    assert list(named(tmp_path).groups) == ["keep rejudge", "keep permanent"]


def test_different_trials_in_one_group_give_a_warning(tmp_path: Path) -> None:
    for seed, keep in ((1, "rejudge"), (2, "permanent")):
        leave_trial(tmp_path / str(seed), seed, choices={"query": "margin"}, auto_label={"keep": keep})
    assert named(tmp_path, "query").warnings == ("margin combines trials that differ in auto_label.keep.",)


@pytest.mark.parametrize("by", [(), ("query",)])
def test_of_identical_trials_the_first_is_taken_with_a_warning(by: tuple[str, ...], tmp_path: Path) -> None:
    for name in ("a", "a_2", "a_3", "b"):
        seed = 2 if name == "b" else 1
        leave_trial(
            tmp_path / name, seed, choices={"query": "margin"}, data={"name": "x", "download": name == "a"}
        )
    naming = named(tmp_path, *by)
    (trials,) = naming.groups.values()
    assert [trial.directory.name for trial in trials] == ["a", "b"]
    (warning,) = naming.warnings
    assert f"{tmp_path}/a_2 has the same settings and seed as {tmp_path}/a" in warning
    assert "(2 repeats in all)" in warning


def test_settings_that_no_name_shows_give_a_warning(tmp_path: Path) -> None:
    searched = ((300, 25, 0.5), (400, 25, 0.6), (600, 50, 0.6))
    for k, (steps, num, threshold) in enumerate(searched):
        leave_trial(
            tmp_path / str(k), 1, choices={"query": "margin"}, query={**MARGIN, "num": num},
            learner={"steps": steps}, auto_label={"threshold": threshold},
        )  # fmt: skip
    naming = named(tmp_path)
    assert list(naming.groups) == ["steps 300", "steps 400", "steps 600"]
    assert naming.hidden == ("query.num", "auto_label.threshold")
    assert naming.warnings == (
        "Groups also differ in query.num, auto_label.threshold, which their names do not show.",
    )
    table = differing_table(naming, ["steps 600", "steps 300"])
    assert table is not None
    assert table.head == ["group", "query.num", "learner.steps", "auto_label.threshold"]
    assert table.rows == [["steps 600", "50", "600", "0.6"], ["steps 300", "25", "300", "0.5"]]
    trials = trials_table(naming, raw=True)
    assert trials.head[:6] == ["group", "seed", *table.head[1:], "hand_labels"]
    assert [row[-1] for row in trials.rows] == [f"{tmp_path}/{k}" for k in range(3)]
    assert trials.rows[1][:5] == ["steps 400", "1", "25", "400", "0.6"]


def test_settings_that_follow_from_a_named_choice_have_no_column(tmp_path: Path) -> None:
    for k, (name, query) in enumerate((("badge", BADGE), ("margin", MARGIN), ("random", RANDOM))):
        leave_trial(
            tmp_path / str(k), 1, choices={"experiment": name, "query": name}, query=query,
            learner={"steps": 300 if k else 200},
        )  # fmt: skip
    naming = named(tmp_path, "query")
    # The steps may follow from the query or not: nothing says so. The experiment is another name of it.
    assert list(naming.differing) == ["experiment", "query", "learner.steps"]
    assert list(named(tmp_path, "experiment").differing) == ["experiment"]
    assert differing_table(named(tmp_path, "experiment"), []) is None


def test_in_a_mixture_each_trial_has_its_own_value(tmp_path: Path) -> None:
    for k, (name, keep) in enumerate((("margin", "a"), ("margin", "b"), ("random", "b"))):
        query = MARGIN if name == "margin" else RANDOM
        leave_trial(tmp_path / str(k), k, choices={"query": name}, query=query, auto_label={"keep": keep})
    naming = named(tmp_path, "query")
    table = differing_table(naming, list(naming.groups))
    assert table is not None
    assert table.rows == [["margin", "margin", "a; b"], ["random", "random", "b"]]
    assert [row[3] for row in trials_table(naming, raw=True).rows] == ["a", "b", "b"]
