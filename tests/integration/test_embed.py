"""Encoding in several processes, one of which is killed."""

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch

from alframe.embedding.embed import Filled, fill
from tests.support.encoders import CPU, Tiny, notices, random_images, tiny_encoder
from tests.support.helpers import process_of

N = 40


def filled(store: Path, **options: Any) -> Filled:
    return fill(
        random_images(N), tiny_encoder(load=partial(Tiny, 0)), folder=store, index=torch.arange(N),
        device=CPU, runtime="torch", progress=lambda *_: None, **options,
    )  # fmt: skip


def test_shards_in_two_processes_one_of_which_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.encode_slowly", str(tmp_path), str(N), "0", "2"]
    with process_of(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "2\n"
        # The other process goes on meanwhile.
        assert filled(tmp_path, shard=(1, 2)).n_new == N // 2
        assert other.poll() is None
        with ThreadPoolExecutor(1) as thread, notices() as told:
            waiting = thread.submit(filled, tmp_path)
            while not told:
                time.sleep(0.01)
            other.kill()
            found = waiting.result()
        assert "another process adds embeddings; waiting" in str(told[0].message)
        assert other.wait() == -signal.SIGKILL
    kept = N // 2 - found.n_new
    assert 2 <= kept < N // 2
    assert kept % 2 == 0  # whole chunks
    assert (found.row_Q >= 0).all()
    one_process = filled(tmp_path / "other")
    everything = torch.arange(N)
    assert torch.equal(
        found.store.vectors(found.row_Q).take(everything),
        one_process.store.vectors(one_process.row_Q).take(everything),
    )
