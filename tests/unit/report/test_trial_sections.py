"""Sections of one trial: their content, and the sentences that replace unknown figures."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from alframe.core.errors import UserError
from alframe.report.document import Picture, Section, Table
from alframe.report.load.one_trial import hand_labels_by_source, mislabelled_of
from alframe.report.load.trial_records import DiagnosisFile
from alframe.report.load.trials import FinishedTrial
from alframe.report.plots.draw_mistakes import COLUMNS, ROWS, as_rgb, draw_confusion, draw_gallery
from alframe.report.plots.draw_rounds import draw_flow, draw_hand_labels, draw_quality
from alframe.report.tables.check_tables import check_warnings
from alframe.report.tables.trial_tables import facts_table
from alframe.report.trial_sections import NO_AUTO, NONE_WRONG, TOO_OLD, TRUTH_UNKNOWN, trial_sections
from tests.support.made_trial import (
    CERTIFICATE,
    DIAGNOSIS,
    NAMES,
    ROUNDS,
    SUMMARY,
    leave_mislabelled,
    leave_trial,
    read,
)

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: Picture) -> list[str]:
    root = ElementTree.fromstring(picture.svg)
    return [node.text or "" for node in root.iter(f"{SVG}text")]


def parts_of(sections: Sequence[Section], kind: type) -> dict[str, Picture | Table]:
    parts = [part for section in sections for part in section.parts if isinstance(part, kind)]
    names = [part.name for part in parts]
    assert len(set(names)) == len(names), "their names are file names"
    return dict(zip(names, parts, strict=True))


def text_of(sections: Sequence[Section], title: str) -> str:
    return next(section.text for section in sections if section.title == title)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> FinishedTrial:
    return read(leave_trial(tmp_path_factory.mktemp("whole") / "a", certificate=CERTIFICATE))


@pytest.fixture(scope="module")
def sections(trial: FinishedTrial) -> list[Section]:
    return trial_sections(trial)


def test_a_whole_trial(sections: list[Section]) -> None:
    assert [section.title for section in sections] == [
        "Trial a",
        "Rounds",
        "Confidence",
        "Classes",
        "Mislabelled samples",
        "Certificate",
    ]
    pictures, tables = parts_of(sections, Picture), parts_of(sections, Table)
    assert list(pictures) == [
        *("flow", "hand_labels", "quality", "reliability", "error_by_confidence", "confusion", "classes"),
        *("mislabelled_1", "certificate"),
    ]
    for picture in pictures.values():
        assert isinstance(picture, Picture)
        assert ElementTree.fromstring(picture.svg).tag == f"{SVG}svg"
        assert picture.png.startswith(b"\x89PNG")
        assert picture.description
        assert texts(picture)
    for table in tables.values():
        assert isinstance(table, Table)
        assert {len(row) for row in table.rows} == {len(table.head)}


def test_the_figures_are_the_trial_s(sections: list[Section]) -> None:
    pictures, tables = parts_of(sections, Picture), parts_of(sections, Table)
    assert sections[0].text == (
        "10 of 20 samples (50.00 %) were labelled by hand and 10 by the model, in 2 rounds. "
        "1 label (5.00 %) is wrong."
    )
    facts = dict(tables["facts"].rows)
    assert facts["query strategy"] == "Margin"
    assert facts["auto-label policy"] == "none"
    assert "seed (4)" in texts(pictures["hand_labels"])
    assert "validation (2)" in texts(pictures["hand_labels"])
    assert {"5", "10"} <= set(texts(pictures["flow"]))  # not 2 x 10^1
    assert [n for n in texts(pictures["confusion"]) if n.isdigit()] == ["4", "1", "3", "2"]
    assert {"4", "1 wrong", "6", "0 wrong"} <= set(texts(pictures["error_by_confidence"]))
    assert {"proven 15.00 %", "tolerated 20.00 %", "true 5.00 %"} <= set(texts(pictures["certificate"]))
    assert tables["confidence"].rows[0][:5] == ("0.75 to 0.9", "4", "1", "20.00 %", "25.00 %")
    assert tables["mix_ups"].rows == [(NAMES[1], NAMES[0], "1", "25.00 %")]
    assert tables["mislabelled"].rows == [("17", NAMES[0], NAMES[1], "by hand")]
    rounds = tables["rounds"]
    assert rounds.rows[1][: rounds.head.index("unlabelled") + 1] == ("1", "6", "2", "8", "6")
    assert [row[rounds.head.index("note")] for row in rounds.rows] == ["", "", "a note", ""]


@pytest.mark.parametrize(
    ("unfrozen", "shown"),
    [
        (0, "lite0"),
        (1, "lite0; fine-tuned at the end: its last block"),
        (3, "lite0; fine-tuned at the end: its last 3 blocks"),
        (None, "lite0; fine-tuned at the end: all of it"),
    ],
)
def test_what_the_data_chose_is_named_instead_of_what_was_typed(
    trial: FinishedTrial, unfrozen: int | None, shown: str
) -> None:
    head = {"network": {"_target_": "alframe.learner.LinearHead"}, "fine_tuning": {"unfrozen": unfrozen}}
    chosen = {"encoder": {"_target_": "alframe.embedding.lite0"}, "learner": head}
    typed = {"encoder": "auto", "learner": "fast", "network": "fast"}
    auto = replace(trial, config={**trial.config, "chosen": chosen}, choices=typed)
    facts = dict(facts_table(auto).rows)
    assert [facts[group] for group in typed] == [shown, "head", "LinearHead"]
    chosen["encoder"] = {"_target_": None}
    del chosen["learner"]
    facts = dict(facts_table(auto).rows)
    assert [facts[group] for group in typed] == ["none", "fast", "fast"]


def test_without_pictures_there_are_the_tables_and_no_need_of_matplotlib(
    trial: FinishedTrial, sections: list[Section], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    plain = trial_sections(trial, pictures=False)
    assert parts_of(plain, Picture) == {}
    assert parts_of(plain, Table) == parts_of(sections, Table)
    assert [section.text for section in plain] == [section.text for section in sections]
    with pytest.raises(UserError, match=r"alframe\[report\]"):
        trial_sections(trial)


def test_the_test_accuracy_of_each_class_has_a_column_if_it_is_known(tmp_path: Path) -> None:
    table = parts_of(trial_sections(read(leave_trial(tmp_path / "a")), pictures=False), Table)["classes"]
    assert "test accuracy" not in table.head
    tested = zip(SUMMARY["per_class"], (0.5, None, 1.0), strict=True)
    per_class = [{**each, "test_accuracy": accuracy} for each, accuracy in tested]
    figures = {"per_class": per_class, "test_accuracy_macro": 0.75, "mislabelled_share_macro": 0.125 / 3}
    trial = read(leave_trial(tmp_path / "b", **figures))
    table = parts_of(trial_sections(trial, pictures=False), Table)["classes"]
    assert [row[-1] for row in table.rows] == ["50.00 %", "", "100.00 %", "75.00 %"]
    assert table.rows[-1][:-1] == ("mean over the classes", "", "", "", "", "4.17 %")


def test_without_known_truth(tmp_path: Path) -> None:
    directory = leave_trial(
        tmp_path / "a", mislabelled=None, mislabelled_share=None, auto_label_error=None, test_accuracy=None,
        per_class=None, certificate=CERTIFICATE,
    )  # fmt: skip
    (directory / "mislabelled.npz").unlink()
    held = DIAGNOSIS | {"confusion": None, "reliability": None}
    (directory / "diagnosis.json").write_text(json.dumps(held))
    blank = [
        ",".join("" if k in (6, 7, 8, 10) else cell for k, cell in enumerate(row.split(",")))
        for row in ROUNDS.splitlines()[1:]
    ]
    (directory / "rounds.csv").write_text("\n".join([ROUNDS.splitlines()[0], *blank]))
    sections = trial_sections(read(directory))
    assert text_of(sections, "Wrong labels") == TRUTH_UNKNOWN
    assert "no test accuracy" in text_of(sections, "Rounds")
    assert list(parts_of(sections, Picture)) == ["flow", "hand_labels", "certificate"]
    assert "true " not in " ".join(texts(parts_of(sections, Picture)["certificate"]))


def test_without_auto_labels(tmp_path: Path) -> None:
    directory = leave_trial(tmp_path / "a", auto_labels=0, auto_label_error=None, mislabelled=0)
    (directory / "mislabelled.npz").unlink()
    held = DIAGNOSIS | {"confusion": [[0] * 3] * 3, "reliability": []}
    (directory / "diagnosis.json").write_text(json.dumps(held))
    sections = trial_sections(read(directory))
    assert text_of(sections, "Confidence") == NO_AUTO
    assert text_of(sections, "Mislabelled samples") == NONE_WRONG
    assert list(parts_of(sections, Picture)) == ["flow", "hand_labels", "quality", "classes"]


def test_a_trial_from_before_there_was_a_diagnosis(tmp_path: Path) -> None:
    directory = leave_trial(tmp_path / "a", per_class=None)
    for name in ("diagnosis.json", "mislabelled.npz", "labels.csv"):
        (directory / name).unlink()
    sections = trial_sections(read(directory))
    assert text_of(sections, "Confidence") == text_of(sections, "Classes") == TOO_OLD
    assert TOO_OLD in text_of(sections, "Mislabelled samples")
    assert "There is no labels.csv" in text_of(sections, "Rounds")
    assert list(parts_of(sections, Picture)) == ["flow", "quality"]


def test_many_rounds_and_one(tmp_path: Path) -> None:
    head, seed, first, *_, last = ROUNDS.splitlines()
    many = [first.replace("1,", f"{k},", 1) for k in range(1, 90)]
    for name, rows in (("many", [seed, *many, last.replace("3,", "90,", 1)]), ("one", [first])):
        directory = leave_trial(tmp_path / name)
        (directory / "rounds.csv").write_text("\n".join([head, *rows]))
        trial = read(directory)
        rounds, by_source = trial.rounds, hand_labels_by_source(trial)
        assert by_source is not None
        pictures = [draw_flow(rounds), draw_hand_labels(by_source, rounds), draw_quality(rounds)]
        assert not any("37" in texts(picture) for picture in pictures)  # too many to name each
        assert all(any(word.startswith("round") for word in texts(picture)) for picture in pictures)


def test_a_summary_with_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a/summary\.json: expected n_classes"):
        trial_sections(read(leave_trial(tmp_path / "a", n_classes=None)))


@pytest.mark.parametrize(
    ("n", "shape"), [(1, (3, 40, 20)), (26, (1, 28, 28)), (3, (4, 200, 300)), (2, (2, 1, 9))]
)
def test_galleries_of_any_size(tmp_path: Path, n: int, shape: tuple[int, ...]) -> None:
    directory = leave_trial(tmp_path / "a")
    leave_mislabelled(directory, n, shape)
    found = mislabelled_of(read(directory))
    assert found is not None
    pages = draw_gallery(found, NAMES)
    assert [page.name for page in pages] == [f"mislabelled_{k + 1}" for k in range(-(-n // (COLUMNS * ROWS)))]
    words = [word for page in pages for word in texts(page)]
    assert len(words) == 4 * n
    assert words[-1] == "by hand"
    assert words[0] == "#17"
    assert words[2] == "✓ <script…pt>"
    assert sum(page.svg.count("<image") for page in pages) == n


def test_images_are_shown_as_they_are() -> None:
    colours = np.arange(3 * 2 * 5, dtype=np.uint8).reshape(3, 2, 5)
    assert (as_rgb(colours) == colours.transpose(1, 2, 0)).all()
    assert (as_rgb(colours[:1]) == colours[0][..., None]).all()
    assert as_rgb(np.zeros((1, 50, 400), dtype=np.uint8)).shape == (12, 96, 3)


@pytest.mark.parametrize("n", [2, 12, 13, 21, 100])
def test_confusion_of_any_number_of_classes(n: int) -> None:
    confusion_NN = np.full((n, n), 7) + 10**6 * np.eye(n, dtype=np.int64)
    names = tuple(f"${k}_{{x}}$" for k in range(n))  # no mathematics: a name
    picture = draw_confusion(DiagnosisFile(class_names=names, confusion_CC=confusion_NN, bins=()))
    words = texts(picture)
    assert ("1000k" in words) == (words.count("7") > 1) == (n <= 12)  # counts in cells, or a scale to 7
    assert (names[1] in words) == (n <= 20)
    assert picture.description.startswith(f"Confusion matrix of {7 * n * n + 10**6 * n:,} auto-labels")


def test_the_audit_has_a_row_of_its_own(tmp_path: Path) -> None:
    directory = leave_trial(tmp_path / "a", certificate=CERTIFICATE | {"found_wrong": 1})
    lines = (directory / "labels.csv").read_text().replace("remainder,3", "audit,3", 1)
    (directory / "labels.csv").write_text(lines)
    rows = (directory / "rounds.csv").read_text().splitlines()
    rows[3] = "2,2,10,8,11,1,1,0.05,0.1,0.75,0.9,1.5,round,0.5,a note"  # of 20, so that one is left
    (directory / "rounds.csv").write_text("\n".join([*rows, ""]))
    table = parts_of(trial_sections(read(directory), pictures=False), Table)["rounds"]
    assert isinstance(table, Table)
    cells = [dict(zip(table.head, row, strict=True)) for row in table.rows[-2:]]
    result = [
        (each["round"], each["hand labels"], each["new hand labels"], each["auto-labels"]) for each in cells
    ]
    assert result == [("remainder", "9", "1", "11"), ("audit", "10", "1", "10")]
    assert [each["mislabelled"] for each in cells] == ["", "1"]
    assert [each["time"] for each in cells] == ["", "0.5 s"]
    assert cells[1]["note"] == "1 found wrong and corrected"
    (directory / "labels.csv").unlink()  # then the certificate has the number: both answers are the audit's
    rows[3] = "2,2,10,8,12,0,1,0.05,0.1,0.75,0.9,1.5,round,0.5,a note"
    (directory / "rounds.csv").write_text("\n".join([*rows, ""]))
    table = parts_of(trial_sections(read(directory), pictures=False), Table)["rounds"]
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["seed", "1", "2", "audit"]


CHECK = {
    "n_auto": 10,
    "asked": 2,
    "found_wrong": 1,
    "undecided": 0,
    "confidence": 0.95,
    "error_share": 0.5,
    "least_share": 0.1,
    "most_share": 0.8,
    "most_left": 7,
    "warn": True,
    "simulated": False,
}


def test_the_check_has_a_section_and_a_row_of_the_rounds(tmp_path: Path) -> None:
    directory = leave_trial(tmp_path / "a", check=CHECK)
    sections = trial_sections(read(directory), pictures=False)
    assert text_of(sections, "Check") == (
        "With 95 % confidence at most 80.00 % of the 10 auto-labels were wrong. That is above check.warn: do "
        "not use the auto-labels as they are."
    )
    found = parts_of(sections, Table)
    assert ("found wrong and corrected", "1") in found["check"].rows
    assert ("wrong auto-labels left after the corrections, at most", "7") in found["check"].rows
    assert found["rounds"].rows[-1][0] == "check"


def test_a_check_that_was_simulated_asks_nothing_and_one_without_answers_knows_nothing(
    tmp_path: Path,
) -> None:
    directory = leave_trial(tmp_path / "a", check=CHECK | {"simulated": True, "warn": False})
    sections = trial_sections(read(directory), pictures=False)
    assert text_of(sections, "Check").endswith("Nothing was asked: the known labels judged the sample.")
    assert [row[0] for row in parts_of(sections, Table)["rounds"].rows] == ["seed", "1", "2", "end"]
    silent = CHECK | {"asked": 0, "found_wrong": 0, "error_share": None, "most_share": 1.0}
    sections = trial_sections(read(leave_trial(tmp_path / "b", check=silent)), pictures=False)
    assert text_of(sections, "Check").startswith("Nobody has looked at the auto-labels")


def test_a_report_warns_of_auto_labels_that_are_not_to_be_used(tmp_path: Path) -> None:
    trials = [
        read(leave_trial(tmp_path / name, check=CHECK | changes))
        for name, changes in (("a", {}), ("b", {"simulated": True}), ("c", {"warn": False}), ("d", {}))
    ]
    assert check_warnings(trials[1:3]) == []
    assert check_warnings(trials) == [
        "Do not use the auto-labels as they are. Up to this share of them may be wrong: 80.00 % (a), "
        "80.00 % (d)."
    ]


def test_the_time_of_people_is_a_fact(tmp_path: Path) -> None:
    times = {"n_single": 10, "single_seconds": 6.0, "n_grid": 60, "n_grids": 1, "grid_seconds": 4.0}
    trial = read(leave_trial(tmp_path / "a", answer_times=times))
    facts = parts_of(trial_sections(trial, pictures=False), Table)["facts"]
    assert isinstance(facts, Table)
    assert dict(facts.rows)["time of people"] == (
        "10.0 s: 10 images one at a time in 6.0 s, 60 images in 1 grid in 4.0 s; grids saved 32.0 s"
    )
