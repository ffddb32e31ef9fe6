"""What offline W&B runs hold: each process of a trial leaves a fragment, a log of protobuf records.

The layout is LevelDB's log: after a header, blocks of 32 KiB, each filled with chunks of
(crc32 u32, length u16, type u8, payload); a record is one chunk of type 1, or 2, 3, ..., 3, 4. A process that
was killed leaves a torn end; what comes before it counts.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alframe.core.layout import OFFLINE_RUNS

FILE_HEADER = 7
BLOCK = 32 * 1024
CHUNK_HEADER = struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def fragments(directory: Path, run_id: str = "*") -> list[Path]:
    """Return the `.wandb` files of a run in a trial's directory, in the order of their folders' names."""
    return sorted(directory.glob(f"{OFFLINE_RUNS}/run-{run_id}.wandb"))


def rounds_logged(directory: Path, run_id: str) -> set[int]:
    """Return the rounds that the fragments of a run hold."""
    return {
        int(row["round"])
        for file in fragments(directory, run_id)
        for row in history(file.read_bytes())
        if "round" in row
    }


def history(content: bytes) -> Iterator[dict[str, Any]]:
    """Yield the logged rows of a file's content, each from key to value, as far as it is whole."""
    from wandb.proto.wandb_internal_pb2 import Record

    for payload in whole_payloads(content):
        record = Record.FromString(payload)
        if record.WhichOneof("record_type") == "history":
            yield {
                item.key or ".".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            }


def whole_payloads(content: bytes) -> Iterator[bytes]:
    """Yield the bytes of each record, up to the first that is torn or damaged."""
    parts: list[bytes] = []
    for kind, chunk in _chunks(content):
        if (kind in (FULL, FIRST)) != (not parts):
            return
        parts.append(chunk)
        if kind in (FULL, LAST):
            yield b"".join(parts)
            parts = []


def _chunks(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = FILE_HEADER
    while at < len(content):
        left = BLOCK - at % BLOCK
        if left < CHUNK_HEADER.size:  # too short for a chunk: the block's end is padded
            at += left
            continue
        if len(content) - at < CHUNK_HEADER.size:
            return
        crc, length, kind = CHUNK_HEADER.unpack_from(content, at)
        at += CHUNK_HEADER.size
        chunk = content[at : at + length]
        at += length
        if len(chunk) != length or zlib.crc32(chunk, zlib.crc32(bytes([kind]))) != crc:
            return
        yield kind, chunk
