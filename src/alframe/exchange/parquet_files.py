"""Exports as Parquet: a table, and a data set for the library `datasets` of Hugging Face."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import yaml

from alframe.core.optional_package import require
from alframe.exchange.images import Images
from alframe.exchange.records import LabelRow, TrialLabels
from alframe.exchange.table_files import escaped_names
from alframe.exchange.tables import COLUMNS, cells, utf8

TABLE = "labels.parquet"
_TYPES = {
    "label_number": "int64",
    "index": "int64",
    "round": "int32",
    "confidence": "float64",
    "log_odds": "float64",
}
_CHUNK, _CHUNK_OF_IMAGES = 10_000, 100  # rows in memory, which are a row group of the file
_SHARD_BYTES = 500_000_000  # of images in one file of a data set


def write_parquet(labels: TrialLabels, images: Images, folder: Path, *, with_images: bool) -> list[str]:
    """Write a table of all samples, with a column of images if they are wanted."""
    columns = ["image", *COLUMNS] if with_images else list(COLUMNS)
    rows = (_row(row, images, with_images) for row in labels.rows)
    _write(folder / TABLE, rows, columns, _schema(columns), _CHUNK_OF_IMAGES if with_images else _CHUNK)
    return [] if with_images else escaped_names(labels)


def write_data_set(labels: TrialLabels, images: Images, folder: Path) -> list[str]:
    """Write images and labels as Parquet files with a README.md, for `datasets.load_dataset`.

    `label` is a class number with names, empty for samples without a class.
    """
    columns = [
        "image",
        "label",
        *(name for name in COLUMNS if name not in ("file_name", "label", "label_number")),
    ]
    schema = _schema(columns, labels.class_names)
    kept = (row for row in labels.rows if images.has(row))
    (folder / "data").mkdir()
    for number, shard in enumerate(_shards(kept, images)):
        rows = ({**each, "label": each["label_number"]} for each in shard)
        _write(folder / "data" / f"train-{number:05d}.parquet", rows, columns, schema, _CHUNK_OF_IMAGES)
    (folder / "README.md").write_text(_card(labels, columns), encoding="utf-8")
    return []


def check_installed() -> None:
    """Raise `ConfigError` if the library that writes Parquet files is not installed."""
    require("pyarrow", module="pyarrow.parquet", key="--to", use="Parquet files", install="alframe[export]")


def _row(row: LabelRow, images: Images, with_image: bool) -> dict[str, Any]:
    found = cells(row, row.path or "")
    if with_image:
        name = utf8(os.path.basename(images.file_name(row)))
        found["image"] = {"bytes": images.content(row), "path": name} if images.has(row) else None
    return found


def _shards(rows: Iterator[LabelRow], images: Images) -> Iterator[Iterator[dict[str, Any]]]:
    """Yield the rows of each file, of about `_SHARD_BYTES` each; an export without rows has one file."""
    made = (_row(row, images, True) for row in rows)

    def shard(first: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        size = 0
        for each in chain(first, made):
            yield each
            size += len(each["image"]["bytes"])
            if size >= _SHARD_BYTES:
                return

    yield shard(())
    while (next_one := next(made, None)) is not None:
        yield shard([next_one])


def _write(
    file: Path, rows: Iterator[dict[str, Any]], columns: Sequence[str], schema: Any, chunk: int
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetWriter(file, schema) as writer:
        while part := list(islice(rows, chunk)):
            arrays = [pa.array([row[name] for row in part], schema.field(name).type) for name in columns]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _schema(columns: Sequence[str], class_names: Sequence[str] | None = None) -> Any:
    """Return the types of columns; with class names the label is a number that has these names."""
    import pyarrow as pa

    types = dict(_TYPES)
    features: dict[str, Any] = {
        name: {"dtype": types.get(name, "string"), "_type": "Value"} for name in columns
    }
    if class_names is not None:
        types["label"] = "int64"
        features["label"] = {"names": list(class_names), "_type": "ClassLabel"}
    if "image" in columns:
        features["image"] = {"_type": "Image"}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    fields = [
        (name, image if name == "image" else pa.type_for_alias(types.get(name, "string"))) for name in columns
    ]
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def _card(labels: TrialLabels, columns: Sequence[str]) -> str:
    """Return a README.md whose front matter tells `load_dataset` the files and the types of the columns."""

    def kind(name: str) -> Any:
        if name == "label":
            return {"class_label": {"names": {str(k): each for k, each in enumerate(labels.class_names)}}}
        return "image" if name == "image" else _TYPES.get(name, "string")

    front = {
        "configs": [
            {"config_name": "default", "data_files": [{"split": "train", "path": "data/train-*.parquet"}]}
        ],
        "dataset_info": {"features": [{"name": name, "dtype": kind(name)} for name in columns]},
    }
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    described = "\n".join(
        f"- `{name}`: {COLUMNS[name]}" for name in columns if name not in ("image", "label")
    )
    return (
        f"---\n{text}---\n\n# {labels.data}\n\nLabels of a trial of alframe: {labels.counted()}.\n\n"
        f"`label` is empty for a sample without a class.\n\n{described}\n"
    )
