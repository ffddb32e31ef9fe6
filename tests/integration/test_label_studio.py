"""Label Studio's own package reads our tasks, and we read what it writes: make test-label-studio."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from alframe.data import table
from alframe.exchange.export import ExportRequest, export
from alframe.oracle.answer_store import AnswerStore
from alframe.trial.import_answers import import_answers_of
from tests.support.labelled_trial import CLASSES, LABELS, NAMES, leave, photos

CHECKS = Path(__file__).parents[1] / "support" / "label_studio_checks.py"
PYTHON = os.environ.get("ALFRAME_LABEL_STUDIO_PYTHON", "")
pytestmark = [
    pytest.mark.skipif(not PYTHON, reason="needs a Python with label-studio-sdk: make test-label-studio"),
    pytest.mark.filterwarnings("ignore:.*after they were read"),
]
READING = {
    "name": "tasks",
    "data_dir": ".",
    "download": False,
    "size": None,
    "channels": None,
    "max_megapixels": None,
}
COLUMNS = {"image_column": None, "label_column": None, "split_column": None, "class_names": None}


def run_checks(what: str, folder: Path, root: Path) -> dict[str, Any]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(root), "LOCAL_FILES_DOCUMENT_ROOT": str(root)}
    done = subprocess.run(
        [PYTHON, str(CHECKS), what, str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_label_studio_reads_our_tasks(tmp_path: Path) -> None:
    trial = leave(tmp_path / "trial", photos(tmp_path / "photos"))
    _, folder, notes = export(ExportRequest(directory=trial, to="label-studio", out=tmp_path / "out"))
    assert notes[0].startswith("1 image left out: Label Studio cannot serve a path that is not UTF-8.")
    assert f"DOCUMENT_ROOT={tmp_path}," in notes[1]
    found = run_checks("read", folder, tmp_path)
    assert found["classes"] == CLASSES
    hand = {str(k): CLASSES[label] for k, (kind, label, *_) in enumerate(LABELS) if kind == "hand"}
    assert {index: label for index, label in found["labels"].items() if label} == hand
    files = {
        str(k): str(tmp_path / "photos" / name)
        for k, name in enumerate(NAMES)
        if name.isprintable() or k == 4
    }
    assert found["files"] == files
    copied = export(ExportRequest(directory=trial, to="label-studio", out=tmp_path / "copied", images=True))[
        1
    ]
    files = run_checks("read", copied, copied)["files"]
    assert files["5"] == str(copied / "images" / "caf%E9.png")
    assert all(Path(file).read_bytes() for file in files.values())


def test_we_read_the_tasks_of_label_studio(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for k in range(3):
        Image.new("L", (6, 5), 10 * k).save(folder / f"{k}.png")
    run_checks("write", folder, tmp_path)
    for name in ("tasks.json", "json.json"):
        settings = {**READING, **COLUMNS, "label_column": "none", "class_names": ["dog", "cat"]}
        data = table(**settings, path=str(folder / name))
        assert data.paths_N == tuple(folder / f"{k}.png" for k in range(3))
        with AnswerStore(tmp_path) as store:
            import_answers_of(store, data, folder / name)
            found = [(k, each.answer, each.who, each.at) for k, each in store.answers().items()]
        who, at = "Label Studio user 7", "2026-03-04T05:06:07+00:00"
        assert found == [(0, 1, who, at), (1, 0, who, at)]
    rows = json.loads((folder / "json_min.json").read_text())
    (folder / "json_min.json").write_text(json.dumps(rows[:2]))
    data = table(**READING, **COLUMNS, path=str(folder / "json_min.json"))
    assert [data.class_names[k] for k in data.truth_N.tolist()] == ["cat", "dog"]
