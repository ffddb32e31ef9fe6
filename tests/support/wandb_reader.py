"""Reads back the file that an offline W&B run leaves behind: a log of protobuf records.

The layout is LevelDB's log: after a header, blocks of 32 KiB, each filled with chunks of
(crc32 u32, length u16, type u8, payload); a record is one chunk of type 1, or 2, 3, ..., 3, 4.
"""

import json
import struct
import time
import zlib

FILE_HEADER = 7
BLOCK = 32 * 1024
CHUNK_HEADER = struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def payloads(content):
    """Yield the bytes of each record of a `.wandb` file's content."""
    at, parts = FILE_HEADER, []
    while at < len(content):
        left = BLOCK - at % BLOCK
        if left < CHUNK_HEADER.size:  # too short for a chunk: the block's end is padded
            at += left
            continue
        crc, length, kind = CHUNK_HEADER.unpack_from(content, at)
        at += CHUNK_HEADER.size
        chunk = content[at : at + length]
        at += length
        assert len(chunk) == length, "the file ends within a chunk"
        assert zlib.crc32(chunk, zlib.crc32(bytes([kind]))) == crc, "a chunk's checksum is wrong"
        assert (kind in (FULL, FIRST)) == (not parts), "chunks come out of order"
        parts.append(chunk)
        if kind in (FULL, LAST):
            yield b"".join(parts)
            parts = []
    assert not parts, "the file ends within a record"


def whole_records(path, timeout):
    """Return the records of a file that ends with the run's exit; W&B's service writes it with a delay."""
    from wandb.proto.wandb_internal_pb2 import Record

    deadline = time.monotonic() + timeout
    while True:
        try:
            records = [Record.FromString(payload) for payload in payloads(path.read_bytes())]
            assert any(record.HasField("exit") for record in records), "the run was not closed"
            return records
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def fragments(directory):
    """Return the closed offline runs under a trial's directory, one for each process, in order of time."""
    folders = sorted(file.parent.name for file in directory.glob("wandb/offline-run-*/run-*.wandb"))
    return [WandbFile(directory, fragment=folder) for folder in folders]


class WandbFile:
    """The records of the one offline run under a trial's directory, once the run is closed.

    fragment: the name of the run's folder, if there are several.
    """

    def __init__(self, directory, timeout=20.0, fragment="offline-run-*"):
        [self.path] = directory.glob(f"wandb/{fragment}/run-*.wandb")
        self.records = whole_records(self.path, timeout)

    def of(self, kind):
        """Return the messages of one kind, such as "history", in order."""
        return [getattr(record, kind) for record in self.records if record.WhichOneof("record_type") == kind]

    def history(self):
        """Return the logged rows, each a dict from key to value."""
        return [
            {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in row.item}
            for row in self.of("history")
        ]

    def config(self):
        """Return the config as set when the run was opened."""
        [run] = self.of("run")[:1]
        return {
            item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in run.config.update
        }

    def summary(self):
        """Return the summary: the last value of each key."""
        return {
            item.key or ".".join(item.nested_key): json.loads(item.value_json)
            for summary in self.of("summary")
            for item in summary.update
        }
