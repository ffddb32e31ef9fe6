"""Directories of trials with labels of every kind, written by the product without running a trial."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image

from alframe._files import replace_file
from alframe.core.ledger import CANNOT_TELL, NO_CLASS, LabelLedger, Source
from alframe.data import ImageDataset, content_digest
from alframe.data.fingerprint import fingerprint
from alframe.data.image_files import FileList, Reading, dataset_of_files
from alframe.data.path_text import utf8_name
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.sample_matching import match
from alframe.tracking.files import file_lines, label_lines, named_label_lines
from alframe.trial.data_file import data_file_text
from alframe.trial.matched_data import image_now

CLASSES = ["cat", "a/b", "Cat", ".."]
# Files with names that are hard to write down: equal ones in two folders, signs, line ends, no UTF-8.
NAMES = [
    "one/same.png",
    "two/same.png",
    "two words & <tags>.png",
    "50%41.png",
    "Käse,\n1.png",
    "caf\udce9.png",
    *(f"plain{k}.png" for k in range(6, 12)),
]
# kind, class, source, round, log-odds and person of each image; the last one has no label.
LABELS: list[tuple[str, int, Source, int, float | None, str]] = [
    ("hand", 0, Source.SEED, 0, None, "ann@example.org"),
    ("hand", 0, Source.SEED, 0, None, ""),
    ("hand", 1, Source.QUERY, 1, None, "Bob"),
    ("auto", 2, Source.AUTO, 1, 3.25, ""),
    ("auto", 3, Source.AUTO, 2, 40.0, ""),
    ("auto", 0, Source.AUTO, 1, 0.0, ""),
    ("cannot_tell", CANNOT_TELL, Source.CANNOT_TELL, 1, None, "Bob"),
    ("no_class", NO_CLASS, Source.NO_CLASS, 1, None, ""),
    ("hand", 2, Source.AUDIT, 3, None, "ann@example.org"),
    ("hand", 3, Source.REMAINDER, 3, None, ""),
    ("hand", 1, Source.VALIDATION, 0, None, ""),
    ("none", -1, Source.NONE, -1, None, ""),
]
_SETTINGS: dict[str, Any] = {"seed": 0, "oracle": {"_target_": "alframe.oracle.FilesOracle"}}


def photos(root: Path) -> ImageDataset:
    """Write an image of its own for each name and return them as a data set."""
    paths = [Path(root, name) for name in NAMES]
    for k, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 20 * k, dtype=np.uint8)).save(path)
    files = FileList(paths=paths, names=[utf8_name(name) for name in NAMES], truth=None)
    reading = Reading(size=None, channels=None, max_megapixels=None)
    return dataset_of_files("photos", files, None, CLASSES, reading, key="data.path", where=str(root))


def ledger() -> LabelLedger:
    """Return the ledger with `LABELS`."""
    made = LabelLedger.empty(len(LABELS))
    for index, (kind, label, source, round, odds, _) in enumerate(LABELS):
        at = torch.tensor([index])
        if kind in ("hand", "auto"):
            given = None if odds is None else torch.tensor([odds])
            made = made.commit(at, torch.tensor([label]), source, round, given)
        elif kind != "none":
            made = made.set_aside(at, torch.tensor([label]), round)
    return made


def leave(
    directory: Path, dataset: ImageDataset, *, status: str = "finished", people: bool = True, **config: Any
) -> Path:
    """Write the files of a trial with `LABELS`, and its store of answers if people answered."""
    directory.mkdir(parents=True)
    made, member_N = ledger(), torch.ones(len(dataset), dtype=torch.bool)
    (directory / "config.yaml").write_text(yaml.safe_dump({**_SETTINGS, **config}))
    replace_file(directory / "labels.csv", label_lines(made))
    replace_file(directory / "labels_by_name.csv", named_label_lines(made, CLASSES, dataset.files_N))
    if dataset.files_N is not None:
        replace_file(directory / "files.csv", file_lines(dataset.files_N))
    replace_file(directory / "data.json", data_file_text(dataset, fingerprint(dataset, member_N)))
    name, content = ("summary.json", {}) if status == "finished" else ("failure.json", {"status": status})
    (directory / name).write_text(json.dumps(content))
    if people:
        _answer(directory, dataset)
    return directory


def _answer(directory: Path, dataset: ImageDataset) -> None:
    with AnswerStore(directory) as store:
        store.add_classes(CLASSES)
        images = [image_now(dataset, index) for index in range(len(dataset))]
        store.put_samples(match([], images).samples)
        for index, (kind, label, source, round, _, who) in enumerate(LABELS):
            if kind not in ("auto", "none"):
                store.put_digests({index: content_digest(dataset, index)})
                purpose = source.name.lower() if kind == "hand" else "query"
                store.put_question(purpose, round, [index])
                store.put_answers({index: label}, "to_label.csv", who)
        store.keep()


def folders_of(root: Path) -> set[str]:
    """Return the paths of all files below a folder, relative to it."""
    return {os.path.relpath(path, root) for path in root.rglob("*") if not path.is_dir()}
