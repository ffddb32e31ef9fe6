"""alframe-export: which labels, which images, and that an export is whole or not there."""

import contextlib
import errno
import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from alframe.cli.export import main
from alframe.core.errors import TrialError, UserError
from alframe.data import ImageDataset
from alframe.data.directory_walk import walk
from alframe.exchange import output_folder
from alframe.exchange.export import ExportRequest, export
from alframe.exchange.legal_names import FileNames, folder_names
from alframe.oracle.answer_records import NewAnswer
from alframe.oracle.answer_store import AnswerStore
from alframe.trial.stored_images import png_of_arrays
from tests.support.helpers import read_rows, run_command
from tests.support.labelled_trial import CLASSES, LABELS, NAMES, folders_of, leave, photos

needs_pyarrow = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="needs pip install 'alframe[export]'"
)


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    return leave(tmp_path / "trial", photos(tmp_path / "photos"))


def exported(trial: Path, to: str = "csv", **options: Any) -> tuple[Path, list[str]]:
    options.setdefault("out", trial.parent / "out")
    _, folder, notes = export(ExportRequest(directory=trial, to=to, **options))
    return folder, notes


# --- folders by class


def test_a_class_folder_has_a_legal_name_and_files_of_one_name_stay_two(trial: Path) -> None:
    folder, notes = exported(trial, "imagefolder")
    assert folders_of(folder) == {
        "metadata.jsonl",
        "alframe-export.json",
        "cat/same.png",
        "cat/same_1.png",
        "cat/caf%E9.png",
        "a%2Fb/two words & %3Ctags%3E.png",
        "a%2Fb/plain10.png",
        "%43at/50%2541.png",
        "%43at/plain8.png",
        "%2E%2E/Käse,%0A1.png",
        "%2E%2E/plain9.png",
    }
    assert notes == [
        "3 images without a class: in no folder.",
        "Folders of other names than their classes, which no file system takes: a%2Fb for 'a/b', %43at for "
        "'Cat', %2E%2E for '..'.",
    ]


def test_links_lead_to_the_images_and_copies_are_files(trial: Path) -> None:
    linked, _ = exported(trial, "imagefolder", links=True)
    copied, _ = exported(trial, "imagefolder", out=trial.parent / "copied")
    assert (linked / "cat" / "same_1.png").readlink() == trial.parent / "photos" / "two" / "same.png"
    assert not (copied / "cat" / "same_1.png").is_symlink()
    for file in folders_of(copied) - {"alframe-export.json"}:
        assert (linked / file).read_bytes() == (copied / file).read_bytes()


@pytest.mark.parametrize("names", [["a", "A", "á", "a\u0301"], ["", " ", ".", "%2E"], ["x" * 300, "x" * 301]])
def test_folders_of_classes_differ_on_every_system(names: list[str]) -> None:
    found = folder_names(names)
    assert len({name.casefold() for name in found}) == len(names)
    assert all(len(name.encode()) <= 255 and "/" not in name and name not in (".", "..") for name in found)
    assert [unquote(new) for new, old in zip(found, names, strict=True) if 0 < len(old) < 99] == [
        old if new != "á" else "á" for new, old in zip(found, names, strict=True) if 0 < len(old) < 99
    ]


def test_a_name_with_an_index_can_be_taken_too() -> None:
    names = FileNames()
    assert [names.name(file, 7) for file in ("a/x.png", "x_7.png", "b/X.png")] == [
        "x.png", "x_7.png", "X_7_2.png",
    ]  # fmt: skip


# --- which labels


def test_answers_that_are_newer_than_the_table_count(trial: Path) -> None:
    with AnswerStore(trial) as store:
        store.put_question("check", 3, [3])
        store.put_answers({3: 1, 11: -2, 0: 1}, "answers.csv", "Eve")
    rows = {int(row["index"]): row for row in read_rows(exported(trial)[0] / "metadata.csv")}
    facts = ("label", "kind", "source", "round", "by", "way", "confidence")
    assert [rows[3][key] for key in facts] == ["a/b", "hand", "audit", "3", "Eve", "answers.csv", ""]
    assert [rows[0][key] for key in facts[:4]] == ["a/b", "hand", "seed", "0"]
    assert (rows[11]["label"], rows[11]["kind"]) == ("", "cannot_tell")


@pytest.mark.parametrize("to", ["csv", pytest.param("parquet", marks=needs_pyarrow), "label-studio"])
def test_all_answers_of_all_people_are_exported(to: str, trial: Path) -> None:
    with AnswerStore(trial) as store:
        store.put_question("query", 3, [3])
        for who, answer in (("Ada", 0), ("Bob", 1), ("Ada", -1), ("Eve", -2)):
            store.add([NewAnswer(sample=3, answer=answer, way="page")], who=who, at="2026-11-28T10:00:00")
        store.add([NewAnswer(sample=3, answer=1, way="page review")], who="Eve", at="2026-11-28T11:00:00")
    folder, _ = exported(trial, to)
    if to == "csv":
        rows: list[Any] = read_rows(folder / "metadata.csv")
    elif to == "parquet":
        rows = importlib.import_module("pyarrow.parquet").read_table(folder / "labels.parquet").to_pylist()
    else:
        rows = [each["meta"] for each in json.loads((folder / "tasks.json").read_text())]
    row = next(each for each in rows if int(each["index"]) == 3)
    assert (row["label"], row["by"]) == (CLASSES[1], "Eve")
    found = [(each["by"], each["label"], each["way"], each["at"]) for each in json.loads(row["answers"])]
    assert found[-5:] == [
        ("Ada", CLASSES[0], "page", "2026-11-28T10:00:00"),
        ("Bob", CLASSES[1], "page", "2026-11-28T10:00:00"),
        ("Ada", "", "page", "2026-11-28T10:00:00"),
        ("Eve", "?", "page", "2026-11-28T10:00:00"),
        ("Eve", CLASSES[1], "page review", "2026-11-28T11:00:00"),
    ]


def test_a_trial_that_waits_or_runs_gives_the_labels_so_far(trial: Path, tmp_path: Path) -> None:
    waiting = leave(tmp_path / "waiting", photos(tmp_path / "photos"), status="waiting")
    done = run_command(main, "waiting", "--to", "csv", cwd=tmp_path)
    assert done.stdout.splitlines() == [
        "alframe-export: 12 samples of waiting (the trial is waiting: labels so far): 6 hand labels, "
        "3 auto-labels, 2 set aside by people, 1 without a label",
        "1 path with bytes that are not UTF-8, escaped in file_name. Add --images to copy the files.",
        "Written to waiting/export/csv",
    ]
    for name in ("failure.json", "labels.csv", "labels_by_name.csv"):  # nothing but its store of answers
        (waiting / name).unlink()
    rows = read_rows(exported(waiting)[0] / "metadata.csv")
    assert [row["kind"] for row in rows].count("none") == 4
    assert [row["label"] for row in rows[:3]] == ["cat", "cat", "a/b"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda trial: shutil.rmtree(trial),
            "expected the directory of a trial, got a path that is no direct",
        ),
        (lambda trial: (trial / "config.yaml").unlink(), "expected the directory of a trial, got no trial"),
        (lambda trial: (trial / "labels.csv").write_text("index,label\nx"), "labels.csv: cut off or damaged"),
        (lambda trial: (trial / "answers.sqlite").write_text("no"), "answers.sqlite: file is not a database"),
        (lambda trial: (trial / "data.json").write_text("{"), "data.json: cut off or damaged"),
    ],
)
def test_what_is_no_trial_is_refused(change: Any, message: str, trial: Path) -> None:
    change(trial)
    with pytest.raises(UserError, match=message):
        exported(trial)


def test_a_simulation_that_runs_is_refused(tmp_path: Path) -> None:
    trial = leave(tmp_path / "trial", photos(tmp_path / "photos"), people=False)
    (trial / "summary.json").unlink()
    with pytest.raises(UserError, match="got one that is running or was killed"):
        exported(trial)


# --- which images


def test_images_that_are_gone_or_replaced_are_told_and_keep_their_labels(trial: Path) -> None:
    root = trial.parent / "photos"
    (root / NAMES[0]).unlink()
    Image.new("RGB", (9, 9)).save(root / NAMES[2])
    content = (root / NAMES[8]).read_bytes()
    (root / NAMES[8]).write_bytes(content[:-1] + b"x")  # as long as before
    shutil.copy(root / NAMES[9], root / "copy.png")
    os.replace(root / "copy.png", root / NAMES[9])  # another time, the same content
    folder, notes = exported(trial)
    assert notes[:2] == [
        "1 image with no file any more: one/same.png.",
        "2 images with another content than when it was labelled: two words & <tags>.png, plain8.png.",
    ]
    rows = read_rows(folder / "metadata.csv")
    assert [row["index"] for row in rows if not row["file_name"]] == ["0", "2", "8"]
    assert [row["label"] for row in rows[:3]] == ["cat", "cat", "a/b"]
    assert "cat/same.png" in folders_of(exported(trial, "imagefolder", out=trial.parent / "f")[0])


def test_a_folder_that_has_moved_is_named_with_data(trial: Path) -> None:
    root = trial.parent / "photos"
    root.rename(trial.parent / "elsewhere")
    with pytest.raises(UserError, match=r"--data: expected the folder of the images at .*photos, found none"):
        exported(trial)
    rows = read_rows(exported(trial, data=trial.parent / "elsewhere")[0] / "metadata.csv")
    assert rows[0]["file_name"] == str(trial.parent / "elsewhere" / NAMES[0])
    names = folders_of(
        exported(trial, "csv", data=trial.parent / "elsewhere", images=True, overwrite=True)[0]
    )
    assert "images/caf%E9.png" in names


def test_a_trial_of_an_earlier_version_needs_the_folder(trial: Path) -> None:
    (trial / "data.json").unlink()
    with pytest.raises(UserError, match="--data: expected the folder of the images, since"):
        exported(trial)
    notes = exported(trial, data=trial.parent / "photos")[1]
    assert notes[0] == "1 image with no file any more: caf\\xe9.png."


ARRAYS = np.arange(len(LABELS) * 64, dtype=np.uint8).reshape(-1, 8, 8)


def of_arrays(directory: Path, *, people: bool) -> Path:
    dataset = ImageDataset.from_arrays("mine", ARRAYS, class_names=CLASSES)
    np.savez(directory / "mine.npz", images=ARRAYS, class_names=CLASSES)
    whole = {"_target_": "alframe.data.arrays", "name": "mine", "path": str(directory / "mine.npz")}
    whole |= {"in_memory": True, "class_names": None, "download": False, "limit": None}
    return leave(directory / "trial", dataset, people=people, data={**whole, "imbalance": None})


@pytest.fixture
def settings_of_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a config be read that has a section for the data alone."""
    from alframe.trial import stored_images

    def read(config: Any) -> Any:
        data = {key: value for key, value in config["data"].items() if key not in ("limit", "imbalance")}
        return mock.Mock(data=data, trusted=[], data_dir=".", limit=None, imbalance=None, seed=0)

    monkeypatch.setattr(stored_images, "read_settings", read)


@pytest.mark.usefixtures("settings_of_data")
@pytest.mark.parametrize("people", [True, False])
def test_images_of_arrays_are_written_as_png(people: bool, tmp_path: Path) -> None:
    trial = of_arrays(tmp_path, people=people)
    folder, _ = exported(trial, images=True)
    for row in read_rows(folder / "metadata.csv"):
        with Image.open(folder / row["file_name"]) as image:
            assert (np.asarray(image) == ARRAYS[int(row["index"])]).all()
    assert "images" not in os.listdir(exported(trial, overwrite=True)[0])


@pytest.mark.usefixtures("settings_of_data")
def test_arrays_in_another_order_are_matched_or_refused(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "simulated").mkdir()
    for name in ("people", "simulated"):
        trial = of_arrays(tmp_path / name, people=name == "people")
        np.savez(tmp_path / name / "mine.npz", images=ARRAYS[::-1], class_names=CLASSES)
        if name == "people":
            png = png_of_arrays(trial, None)(2)
            (tmp_path / "2.png").write_bytes(png)
            with Image.open(tmp_path / "2.png") as image:
                assert (np.asarray(image) == ARRAYS[2]).all()
        else:
            with pytest.raises(UserError, match="--data: expected the images of the trial, got others"):
                png_of_arrays(trial, None)


def test_arrays_of_a_call_from_python_have_no_images_to_read(tmp_path: Path) -> None:
    dataset = ImageDataset.from_arrays("mine", ARRAYS, class_names=CLASSES)
    trial = leave(tmp_path / "trial", dataset, people=False, data={"path": "memory"})
    with pytest.raises(UserError, match="got arrays of a call from Python"):
        exported(trial, "imagefolder")
    assert not (tmp_path / "out").exists()
    assert len(read_rows(exported(trial)[0] / "metadata.csv")) == len(LABELS)


# --- whole or not at all


def test_a_folder_with_other_files_is_never_replaced(trial: Path) -> None:
    out = trial.parent / "out"
    out.mkdir()
    (out / "mine.txt").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(UserError, match=r"a folder with other files\. Empty it yourself"):
            exported(trial, overwrite=overwrite)
    assert (out / "mine.txt").read_text() == "precious"
    (out / "mine.txt").unlink()
    exported(trial)  # an empty folder is taken
    with pytest.raises(UserError, match=r"an earlier export\. Add --overwrite"):
        exported(trial)
    exported(trial, "imagefolder", overwrite=True)
    assert "metadata.csv" not in folders_of(out)
    assert sorted(os.listdir(trial.parent)) == ["out", "photos", "trial"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_leaves_nothing_that_looks_finished(
    error: BaseException, overwrite: bool, trial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = exported(trial)[0] if overwrite else trial.parent / "out"
    files = folders_of(before)
    monkeypatch.setattr(shutil, "copy2", mock.Mock(side_effect=[None, None, error]))
    with pytest.raises((TrialError, KeyboardInterrupt)) as caught:
        exported(trial, "imagefolder", overwrite=overwrite)
    if isinstance(error, OSError):
        assert "could not be written (No space left on device). Nothing of it is left" in str(caught.value)
    assert folders_of(before) == files
    assert set(os.listdir(trial.parent)) == {"photos", "trial", *(["out"] if overwrite else [])}


def test_an_export_inside_the_images_is_no_data_and_one_alone_is(trial: Path) -> None:
    root = trial.parent / "photos"
    out = exported(trial, "imagefolder", out=root / "labelled")[0]
    assert not any("labelled" in parts for parts in walk(root).files)
    assert len(walk(out).files) == 11  # nine images, the table and the mark
    (trial.parent / "empty").mkdir()
    with contextlib.chdir(trial.parent / "empty"), pytest.raises(UserError, match="the current directory"):
        exported(trial, out=Path())


def test_a_disk_without_room_is_told_before_anything_is_written(
    trial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_folder.shutil, "disk_usage", lambda path: mock.Mock(free=10))
    with pytest.raises(UserError, match=r"--out: expected room for 0.00 MB .* Or add --links"):
        exported(trial, "imagefolder")
    exported(trial, "imagefolder", links=True)


# --- the command, and what others read


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "coco"], "argument --to: invalid choice: 'coco'"),
        (["--to", "csv", "--links"], "--links: expected --to imagefolder, or --images with csv"),
        ([], "the following arguments are required: --to"),
    ],
)
def test_a_mistake_in_the_command_is_one_line(arguments: list[str], message: str, trial: Path) -> None:
    done = run_command(main, "trial", *arguments, cwd=trial.parent)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr


def test_an_export_without_images_loads_no_torch(trial: Path) -> None:
    code = (
        "import sys; from alframe.cli.export import main\n"
        "try: main(['trial', '--to', 'imagefolder', '--links'])\n"
        "except SystemExit as end: sys.exit(end.code or 3 * ('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=trial.parent, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr


@needs_pyarrow
def test_a_table_can_hold_the_images(trial: Path) -> None:
    from pyarrow import parquet

    rows = parquet.read_table(exported(trial, "parquet", images=True)[0] / "labels.parquet").to_pylist()
    assert rows[1]["image"]["bytes"] == (trial.parent / "photos" / NAMES[1]).read_bytes()
    assert rows[5]["image"]["path"] == "caf\\xe9.png"


@pytest.mark.skipif(
    importlib.util.find_spec("datasets") is None, reason="the library datasets is not installed"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_datasets_of_hugging_face_loads_both_exports(trial: Path) -> None:
    from datasets import load_dataset

    cache = str(trial.parent / "cache")
    whole = load_dataset(str(exported(trial, "huggingface")[0]), cache_dir=cache, split="train")
    assert whole.features["label"].names == CLASSES
    assert whole["label"] == [label if label >= 0 else None for _, label, *_ in LABELS]
    assert whole[3]["image"].getpixel((0, 0)) == (60, 60, 60)
    by_class = load_dataset(
        "imagefolder",
        data_dir=str(exported(trial, "imagefolder", out=trial.parent / "f")[0]),
        cache_dir=cache,
    )["train"]
    assert sorted(by_class["label"]) == sorted(CLASSES[label] for _, label, *_ in LABELS if label >= 0)
    for row in by_class:
        assert row["image"].getpixel((0, 0))[0] == 20 * row["index"]
