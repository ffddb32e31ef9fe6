"""Encodes images at a tenth of a second each, in a process that a test kills.

python -m tests.support.encode_slowly STORE NUMBER_OF_IMAGES SHARD OF_SHARDS
"""

import sys
from functools import partial
from pathlib import Path

import torch

from alframe.embedding import embed, store_writer
from tests.support.encoders import CPU, Tiny, random_images, tiny_encoder


def main() -> None:
    """Fill the store; say when the first chunk is written."""
    embed.BATCH_CPU = store_writer.ROWS = 2
    store, n, number, shards = Path(sys.argv[1]), *map(int, sys.argv[2:])

    def progress(stage: str, done: int, total: int | None) -> None:
        print(done, flush=True)

    embed.fill(
        random_images(n), tiny_encoder(load=partial(Tiny, 0.1)), folder=store, index=torch.arange(n),
        device=CPU, runtime="torch", progress=progress, shard=(number, shards),
    )  # fmt: skip


if __name__ == "__main__":
    main()
