"""Encoding in several processes, one of which is killed."""

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alframe.cli.embed import main
from alframe.embedding import embed as embedding
from alframe.embedding.embed import Filled, fill
from tests.support.encoders import CPU, Tiny, notices, random_images, tiny_encoder, write_images
from tests.support.helpers import Done, process_of, run_command

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


TINY = [
    "encoder=efficientnet_lite0",
    "encoder._target_=tests.support.encoders.tiny",
    "encoder.runtime=torch",
    "trusted_packages=[tests]",
    "data=folder",
    "data.path=photos",
]


def embed(*arguments: str, cwd: Path) -> Done:
    return run_command(main, *TINY, *arguments, cwd=cwd)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of seven photographs, one of which is cut off."""
    for number, name in enumerate(("cats", "dogs")):
        (tmp_path / "photos").mkdir(exist_ok=True)
        write_images(tmp_path / "photos" / name, 7, first=10 * number)
    broken = tmp_path / "photos" / "cats" / "003.png"
    broken.write_bytes(broken.read_bytes()[:200])
    return tmp_path


def test_the_command_fills_the_store_after_ctrl_c_and_writes_a_copy(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = Tiny.forward
    monkeypatch.setattr(embedding, "BATCH_CPU", 5)

    def interrupted(self: Tiny, input_B: torch.Tensor) -> torch.Tensor:
        if len(input_B) < 5:  # the last batch
            raise KeyboardInterrupt
        return forward(self, input_B)

    monkeypatch.setattr(Tiny, "forward", interrupted)
    stopped = embed(cwd=photos)
    assert stopped.returncode == 130
    assert stopped.stderr.endswith("interrupted\nThe same command continues where this one was stopped.\n")
    monkeypatch.setattr(Tiny, "forward", forward)
    done = embed("out=vectors.npy", cwd=photos)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("14 images of folder by tiny: 3 encoded in ")
    assert " a second), 10 were there or are copies, 1 left out\n" in done.stdout
    assert "6 features of each in embeddings/tiny-" in done.stdout
    assert "1 of 14 image files cannot be read and are left out: " in done.stderr
    names = (photos / "vectors.txt").read_text().splitlines()
    assert names[2:5] == ["cats/002.png", "cats/004.png", "cats/005.png"]
    copy = np.load(photos / "vectors.npy")
    assert (copy.shape, copy.dtype, len(names)) == ((13, 6), np.float16, 13)
    there = sorted(each.name for each in photos.iterdir())
    assert there == ["embeddings", "photos", "vectors.npy", "vectors.txt"]


def test_the_command_encodes_parts_one_by_one_or_on_several_devices(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # new processes get the path
    parts = embed("-m", "shard=0/2,1/2", cwd=photos)
    assert parts.returncode == 0, parts.stderr
    each = [line.partition(" encoded")[0] for line in parts.stdout.splitlines() if "encoded" in line]
    assert each == ["7 images of folder by tiny: 7", "7 images of folder by tiny: 6"]
    both = embed("devices=2", "device=cpu", "embeddings_dir=other", cwd=photos)
    assert both.returncode == 0, both.stderr
    assert both.stdout.startswith("14 images of folder by tiny: 13 encoded in ")
    assert len(both.stderr.splitlines()) == 1  # the image that is left out
    locks = sorted(lock.name for lock in photos.glob("other/*/*/shard*"))
    assert locks == ["shard-0-of-2.lock", "shard-1-of-2.lock"]


def test_without_an_image_that_can_be_read_the_command_fails(photos: Path) -> None:
    for file in (photos / "photos").rglob("*.png"):
        file.write_bytes(file.read_bytes()[:200])
    done = embed(cwd=photos)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("alframe-embed: 14 of 14 image files cannot be read: ")
    assert done.stderr.count("\n") == 1


def test_vectors_that_are_given_need_no_encoding(photos: Path) -> None:
    np.save(photos / "own.npy", np.zeros((14, 3), np.float32))
    done = run_command(
        main, "data=folder", "data.path=photos", "encoder=vectors", "encoder.path=own.npy", cwd=photos
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "alframe-embed: encoder: expected an encoder that turns images into vectors, got 'vectors'. These "
        "vectors are given and need no encoding: give alframe the same keys, which reads them.\n"
    )


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["encoder=none"], "encoder: expected an encoder, got 'none'. Write encoder=efficientnet_lite0"),
        ([*TINY, "out=v.npy", "shard=0/2"], "out: expected null, since shard encodes only a part of the im"),
    ],
)
def test_a_users_mistake_is_one_line(tmp_path: Path, typed: list[str], message: str) -> None:
    done = run_command(main, *typed, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"alframe-embed: {message}")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "embeddings").exists()
