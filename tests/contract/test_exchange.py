"""Every format of alframe-export keeps each label and its provenance, read back without our own code."""

import csv
import importlib.util
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alframe.core.errors import UserError
from alframe.core.ledger import Source
from alframe.data import ImageDataset
from alframe.exchange.export import FORMATS, ExportRequest, export
from alframe.oracle.answer_store import AnswerStore
from alframe.trial.import_answers import import_answers_of
from tests.support.labelled_trial import CLASSES, LABELS, leave, photos

Facts = dict[
    int, tuple[Any, ...]
]  # by index: kind, class name, source, round, confidence, person, has a time
needs_pyarrow = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="needs pip install 'alframe[export]'"
)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def expected(kinds: set[str]) -> Facts:
    found = {}
    for index, (kind, label, source, round, odds, who) in enumerate(LABELS):
        if kind in kinds:
            name = CLASSES[label] if label >= 0 else None
            confidence = None if odds is None else 1 / (1 + math.exp(-odds))
            by = f"trial round {round}" if kind == "auto" else who or None
            is_none = source is Source.NONE
            facts = (source.name.lower(), None if is_none else round, confidence, by)
            found[index] = (kind, name, *facts, kind not in ("auto", "none"))
    return found


def of_row(row: dict[str, Any]) -> tuple[Any, ...]:
    by = row.get("by") or None
    if row["kind"] == "auto":
        assert by.startswith("alframe ")
        by = by.split(maxsplit=2)[2]
    number = row.get("round")
    confidence = row.get("confidence")
    return (
        row["kind"],
        row.get("label") or None,
        row["source"],
        None if number in (None, "") else int(number),
        None if confidence in (None, "") else pytest.approx(float(confidence), abs=1e-6),
        by,
        bool(row.get("at")),
    )


def read_csv(folder: Path) -> Facts:
    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
        return {int(row["index"]): of_row(row) for row in csv.DictReader(file)}


def read_image_folder(folder: Path) -> Facts:
    """Return the labels that the class folders give, with the provenance from the table."""
    rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().split("\n") if line]
    for row in rows:
        assert pixel(folder / row["file_name"]) == 20 * row["index"]
    class_of = {Path(row["file_name"]).parts[0]: row["label"] for row in rows}
    assert len(class_of) == len({row["label"] for row in rows})
    return {row["index"]: of_row(row | {"label": class_of[row["file_name"].split("/")[0]]}) for row in rows}


def read_parquet(folder: Path) -> Facts:
    from pyarrow import parquet

    rows = parquet.read_table(folder / "labels.parquet").to_pylist()
    return {row["index"]: of_row(row) for row in rows}


def read_label_studio(folder: Path) -> Facts:
    """Return kind, class, person and confidence from annotations and predictions, the rest from `meta`."""
    found = {}
    for task in json.loads((folder / "tasks.json").read_text()):
        (given,) = [*task["annotations"], *task["predictions"]] or [{"result": []}]
        choices = [each["value"]["choices"] for each in given["result"]]
        kind = "none" if not task["annotations"] else "hand" if choices else "no_class"
        kind = "auto" if task["predictions"] else "cannot_tell" if given.get("was_cancelled") else kind
        meta = task["meta"]
        by = given.get("model_version") or given.get("completed_by", {}).get("email") or meta.get("by")
        row = {"kind": kind, "source": meta["source"], "round": meta.get("round"), "at": meta.get("at")}
        row |= {"label": choices[0][0] if choices else None, "confidence": given.get("score"), "by": by}
        found[task["data"]["index"]] = of_row(row)
    return found


def read_data_set(folder: Path) -> Facts:
    from pyarrow import parquet

    rows = parquet.read_table(folder / "data" / "train-00000.parquet").to_pylist()
    for row in rows:
        row["label"] = None if row["label"] is None else CLASSES[row["label"]]
    return {row["index"]: of_row(row) for row in rows}


# The file of each format that oracle.answers_from takes.
ANSWERS = {
    "imagefolder": "metadata.jsonl",
    "csv": "metadata.csv",
    "parquet": "labels.parquet",
    "label-studio": "tasks.json",
    "huggingface": "data/train-00000.parquet",
}
READERS: dict[str, Callable[[Path], Facts]] = {
    "imagefolder": read_image_folder,
    "csv": read_csv,
    "parquet": read_parquet,
    "label-studio": read_label_studio,
    "huggingface": read_data_set,
}


def pixel(file: Path) -> int:
    with Image.open(file) as image:
        return int(image.getpixel((0, 0))[0])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ImageDataset:
    return photos(tmp_path_factory.mktemp("exchange") / "photos")


@pytest.fixture(scope="module")
def trial(dataset: ImageDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return leave(tmp_path_factory.mktemp("exchange") / "trial", dataset)


each_format = pytest.mark.parametrize(
    "to",
    [pytest.param(to, marks=needs_pyarrow) if to in ("parquet", "huggingface") else to for to in (*FORMATS,)],
)


def request(trial: Path, to: str, folder: Path) -> ExportRequest:
    images = to == "label-studio"  # which cannot serve a path that is not UTF-8
    return ExportRequest(directory=trial, to=to, out=folder / "out", images=images)


def test_each_format_has_a_reader() -> None:
    assert set(READERS) == set(ANSWERS) == set(FORMATS)


@each_format
def test_each_label_keeps_its_provenance(to: str, trial: Path, tmp_path: Path) -> None:
    labels, folder, _ = export(request(trial, to, tmp_path))
    kinds = {"hand", "auto"}
    if to != "imagefolder":
        kinds |= {"cannot_tell", "no_class", "none"}
    assert labels.notes == []
    assert READERS[to](folder) == expected(kinds)


def answers_taken(dataset: ImageDataset, other: Path, directory: Path) -> tuple[Facts, str]:
    """Return the answers that another trial takes over: number, person and time by index; and the line."""
    with AnswerStore(directory) as store:
        line = import_answers_of(store, dataset, other)
        assert all(each.way == f"answers_from {other.name}" for each in store.history())
        return {index: (each.answer, each.who, each.at) for index, each in store.answers().items()}, line


def test_a_number_that_is_a_name_of_another_class_is_no_answer(tmp_path: Path) -> None:
    arrays = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8)
    (tmp_path / "a.jsonl").write_text('{"index": 2, "label": 0}\n')
    for names, answer in ((["a", "b"], 0), (["0", "1"], 0), (["1", "0"], None)):
        data = ImageDataset.from_arrays("mine", arrays, class_names=names)
        if answer is None:
            with pytest.raises(UserError, match=r"expected one of 1, 0, .*, got '0' in line 1"):
                answers_taken(data, tmp_path / "a.jsonl", tmp_path)
        else:
            assert answers_taken(data, tmp_path / "a.jsonl", tmp_path)[0].keys() == {2}


def test_what_is_no_answer_is_told(dataset: ImageDataset, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("path,label\nnone.png,cat\none/same.png,cat\n")
    assert answers_taken(dataset, file, tmp_path)[1] == (
        f"1 answer of {file} (not those to 1 image that are not in the data, such as none.png)"
    )
    file.write_text("path,label\none/same.png,cow\n")
    with pytest.raises(
        UserError, match=r"oracle\.answers_from: expected one of cat, .*, got 'cow' in line 2"
    ):
        answers_taken(dataset, file, tmp_path)
    file.write_text("path,breed\none/same.png,cow\n")
    with pytest.raises(UserError, match=r"expected a column of labels in .*, got path, breed"):
        answers_taken(dataset, file, tmp_path)
    with pytest.raises(UserError, match=r"or a table with labels, got .*nothing"):
        answers_taken(dataset, tmp_path / "nothing", tmp_path)


def test_label_studio_s_own_names_and_times_count_only_for_its_own_annotations(
    trial: Path, dataset: ImageDataset, tmp_path: Path
) -> None:
    """Label Studio names whoever imports a task as the annotator, and leaves `meta` as it is."""
    folder = export(request(trial, "label-studio", tmp_path))[1]
    tasks = json.loads((folder / "tasks.json").read_text())
    theirs = {
        "completed_by": 1,
        "created_at": "2026-12-01T00:00:00.5Z",
        "updated_at": "2026-12-01T00:00:00.6Z",
    }
    for task in tasks:
        for given in task["annotations"]:
            given |= {**theirs, "import_id": given["id"], "updated_by": None}
    tasks[1]["annotations"][0]["updated_by"] = 1
    tasks[3]["annotations"] = [{"result": tasks[3]["predictions"][0]["result"], **theirs}]  # accepted there
    (folder / "tasks.json").write_text(json.dumps(tasks))
    found = answers_taken(dataset, folder / "tasks.json", tmp_path)[0]
    wanted = answers_taken(dataset, trial, tmp_path)[0]
    own = ("Label Studio user 1", "2026-12-01T00:00:00+00:00")
    assert found == wanted | {1: (0, *own), 3: (2, *own)}


@each_format
def test_answers_are_taken_over_with_person_and_time(
    to: str, trial: Path, dataset: ImageDataset, tmp_path: Path
) -> None:
    folder = export(request(trial, to, tmp_path))[1]
    (tmp_path / "new").mkdir()
    found, line = answers_taken(dataset, folder / ANSWERS[to], tmp_path / "new")
    wanted, _ = answers_taken(dataset, trial, tmp_path / "new")
    if to == "imagefolder":
        wanted = {index: answer for index, answer in wanted.items() if answer[0] >= 0}
    assert found == wanted
    assert {who for _, who, _ in found.values()} >= {"", "Bob", "ann@example.org"}
    assert line == f"{len(wanted)} answers of {folder / ANSWERS[to]}"
