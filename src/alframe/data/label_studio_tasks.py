"""Tasks of Label Studio as rows of a table: its JSON, its JSON-MIN, and what is given to it for import.

A row has the keys of `data` as columns, and `label`, `kind`, `by` and `at` of the newest annotation.
Predictions are no labels and are left out.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

ROOT_VARIABLES = ("LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT", "LOCAL_FILES_DOCUMENT_ROOT")
_UPLOADED = ("/data/upload/", "data/upload/", "upload/", "/upload/")


def task_rows(content: Any, folder: Path) -> list[dict[str, Any]]:
    """Return a row for each task; addresses of images are paths of this machine if their files are here.

    Args:
        content: of the JSON file. folder: of the file.

    Raises:
        ValueError: it is no list of tasks.
    """
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        raise ValueError("it is no list of tasks of Label Studio")
    local = LocalFiles(folder)
    return [_row(task, local) for task in content]


class LocalFiles:
    """Finds the files of addresses such as /data/local-files/?d=photos/1.jpg."""

    def __init__(self, folder: Path) -> None:
        """Take the folder of the tasks; Label Studio's root is set, or it is this folder or one above it."""
        given = [Path(os.environ[name]) for name in ROOT_VARIABLES if os.environ.get(name)]
        self._roots = [*given, folder, *folder.absolute().parents]

    def path(self, value: str) -> str:
        """Return the path of an address, or the value itself if it is another text or no file is there."""
        address = urlparse(value)
        if address.path.endswith("/local-files/") or address.path.endswith("/local-files"):
            given = parse_qs(address.query, errors="surrogateescape").get("d", [""])[-1]
            return self._found([given.lstrip("/")]) or value
        if value.startswith(_UPLOADED):
            name = unquote(value.rpartition("/")[2], errors="surrogateescape")
            plain = name.partition("-")[2]  # Label Studio puts eight random signs before the name
            below = value.lstrip("/").removeprefix("data/")
            return self._found([below, name, f"images/{name}", plain, f"images/{plain}"]) or value
        if address.scheme == "file":
            return unquote(address.path, errors="surrogateescape")
        return value

    def _found(self, names: Sequence[str]) -> str | None:
        for root in self._roots:
            for name in names:
                if name and (root / name).is_file():
                    self._roots = [root, *(each for each in self._roots if each != root)]  # the next ones too
                    return str(root / name)
        return None


def _row(task: Mapping[str, Any], local: LocalFiles) -> dict[str, Any]:
    if not isinstance(task.get("data"), dict):  # JSON-MIN, or data alone
        row = {key: _plain(each) for key, each in task.items()}
        for column, key in (("by", "annotator"), ("at", "updated_at")):
            if row.get(key) is not None:
                row.setdefault(column, person(row[key]) if column == "by" else row[key])
    else:
        given = task.get("annotations", task.get("completions"))
        meta = task.get("meta") if isinstance(task.get("meta"), dict) else {}
        row = {**task["data"], **({} if given is None else _of_annotations(given, meta or {}))}
    return {key: local.path(each) if isinstance(each, str) else each for key, each in row.items()}


def _plain(value: Any) -> Any:
    """Return a value of JSON-MIN, where several choices are an object."""
    return _choice([{"value": value}]) if isinstance(value, dict) and "choices" in value else value


def _of_annotations(annotations: Sequence[Mapping[str, Any]], meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of the newest annotation; a skipped one means that nobody can tell."""
    if not annotations:
        return {"label": "", "kind": "none", "by": "", "at": ""}
    newest = max(annotations, key=_time)
    skipped = bool(newest.get("was_cancelled") or newest.get("skipped"))
    label = "" if skipped else _choice(newest.get("result") or [])
    by, at = person(newest.get("completed_by")), _time(newest)
    if _is_as_imported(newest, label, meta):  # Label Studio names the one who imported it, and that time
        by, at = "", ""
    return {
        "label": label,
        "kind": "hand" if label else "cannot_tell" if skipped else "no_class",
        "by": by or str(meta.get("by") or ""),
        "at": at or str(meta.get("at") or ""),
    }


def _is_as_imported(annotation: Mapping[str, Any], label: str, meta: Mapping[str, Any]) -> bool:
    """Return True for an annotation of `alframe-export` that nobody has changed in Label Studio."""
    is_own = meta.get("index") is not None and annotation.get("import_id") == meta["index"] + 1
    return is_own and annotation.get("updated_by") is None and label == (meta.get("label") or "")


def _time(annotation: Mapping[str, Any]) -> str:
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _choice(result: Sequence[Mapping[str, Any]]) -> str:
    """Return the one class that an annotation names, or an empty text.

    Raises:
        ValueError: it names several classes.
    """
    found = [each["value"]["choices"] for each in result if "choices" in (each.get("value") or {})]
    names = [str(name) for choices in found for name in (choices if isinstance(choices, list) else [choices])]
    if len(set(names)) > 1:
        raise ValueError(
            f"an annotation names the classes {', '.join(names)}, and an image has one class here"
        )
    return names[0] if names else ""


def person(completed_by: Any) -> str:
    """Return the name of a person: the e-mail address, the name or the number of the account.

    >>> person({"id": 3, "email": "ann@example.org"}), person(3), person(None)
    ('ann@example.org', 'Label Studio user 3', '')
    """
    if isinstance(completed_by, dict):
        names = " ".join(str(completed_by.get(key) or "") for key in ("first_name", "last_name")).strip()
        return str(completed_by.get("email") or names or person(completed_by.get("id")))
    if isinstance(completed_by, int):
        return f"Label Studio user {completed_by}"
    return "" if completed_by is None else str(completed_by)
