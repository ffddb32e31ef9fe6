"""Tasks for Label Studio: hand labels as annotations, auto-labels and given labels as predictions.

Its format has no place for some facts: `meta` of a task, which Label Studio keeps, has all of them.

Source: Label Studio's documentation, "Import data" and "Import pre-annotated data".
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from alframe._text import counted
from alframe.exchange.images import Images
from alframe.exchange.records import LabelRow, TrialLabels
from alframe.exchange.table_files import write_images
from alframe.exchange.tables import cells, utf8

TASKS = "tasks.json"
LABEL_CONFIG = "label_config.xml"
LOCAL_FILES = "/data/local-files/?d="  # the address at which Label Studio serves files of its machine
_IMAGE, _CHOICES = "image", "label"  # names of the two tags, and of the image's key in `data`


def write_tasks(
    labels: TrialLabels, images: Images, folder: Path, home: Path, *, with_images: bool
) -> list[str]:
    """Write the tasks and the labelling config.

    Args:
        folder: to write into. home: the folder in which the files will be.
        with_images: copy images that are files; those of arrays are always written.
    """
    if with_images or not labels.has_files:
        names = write_images(labels, images, folder)
        paths = {index: f"{home.absolute()}/{name}" for index, name in names.items()}
    else:
        paths = {row.index: row.path for row in labels.rows if row.path is not None}
    served = {index: path for index, path in paths.items() if utf8(path) == path}
    n_left_out, paths = len(paths) - len(served), served
    root = _document_root(list(paths.values()))
    rows = [row for row in labels.rows if row.index in paths]
    with (folder / TASKS).open("w", encoding="utf-8") as file:
        file.writelines(_json_array(task(row, _address(paths[row.index], root)) for row in rows))
    (folder / LABEL_CONFIG).write_text(label_config(labels.class_names), encoding="utf-8")
    left_out = (
        f"{counted(n_left_out, 'image')} left out: Label Studio cannot serve a path that is not UTF-8. Add "
        "--images to copy the files."
    )
    return [
        *([left_out] if n_left_out else []),
        "Start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and "
        f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={root}, paste {LABEL_CONFIG} as the labelling interface, "
        f"add the folder of the images as local storage, and import {TASKS}.",
    ]


def task(row: LabelRow, address: str) -> dict[str, Any]:
    """Return a task with its annotation or prediction.

    "Cannot tell" is a skipped annotation, "none of these" an annotation without a choice.

    Args:
        row: the sample. address: of its image.
    """
    facts = {name: value for name, value in cells(row, "").items() if value is not None}
    found: dict[str, Any] = {
        "id": row.index + 1,
        "data": {_IMAGE: address, "index": row.index, "name": facts.get("name", "")},
        "meta": facts,
        "annotations": [],
        "predictions": [],
    }
    if row.kind in ("auto", "given"):
        found["predictions"] = [_prediction(row)]
    elif row.kind != "none":
        found["annotations"] = [_annotation(row)]
    return found


def label_config(class_names: Any) -> str:
    """Return the labelling interface: one class for each image."""
    choices = "\n".join(f"    <Choice value={_attribute(name)}/>" for name in class_names)
    return (
        f'<View>\n  <Image name="{_IMAGE}" value="${_IMAGE}"/>\n'
        f'  <Choices name="{_CHOICES}" toName="{_IMAGE}" choice="single" showInline="true">\n{choices}\n'
        "  </Choices>\n</View>\n"
    )


def _annotation(row: LabelRow) -> dict[str, Any]:
    found = {
        "id": row.index + 1,
        "result": _result(row) if row.label >= 0 else [],
        "was_cancelled": row.kind == "cannot_tell",
        "ground_truth": False,
    }
    if row.at:
        found |= {"created_at": row.at, "updated_at": row.at}
    if _is_address(row.by):  # Label Studio knows people by their e-mail address and refuses other names
        found["completed_by"] = {"email": row.by}
    return found


def _prediction(row: LabelRow) -> dict[str, Any]:
    return {"result": _result(row), "score": row.confidence, "model_version": row.by or row.kind}


def _result(row: LabelRow) -> list[dict[str, Any]]:
    choice = {"choices": [row.class_name]}
    names = {"from_name": _CHOICES, "to_name": _IMAGE, "type": "choices"}
    return [{"id": f"{row.index}", **names, "value": choice}]


def _is_address(name: str) -> bool:
    user, _, host = name.partition("@")
    return bool(user) and "." in host and " " not in name


def _document_root(paths: list[str]) -> str:
    """Return the folder above that of all images: Label Studio serves no files right in its root."""
    common = os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else "/"
    above = os.path.dirname(common)
    return common if above == "/" else above


def _address(path: str, root: str) -> str:
    return LOCAL_FILES + quote(os.fsencode(os.path.relpath(path, root)))


def _attribute(name: str) -> str:
    return quoteattr(name, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _json_array(tasks: Iterator[dict[str, Any]]) -> Iterator[str]:
    yield "["
    for number, each in enumerate(tasks):
        yield ("\n" if number == 0 else ",\n") + json.dumps(each, ensure_ascii=False, allow_nan=False)
    yield "\n]\n"
