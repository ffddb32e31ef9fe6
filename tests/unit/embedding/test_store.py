"""The store: what is encoded once is found again, whatever has happened to the process or to the files."""

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from alframe.core.errors import ConfigError, DataError, DataWarning, TrialError, TrialNotice
from alframe.data import DecodedImages, MappedImages
from alframe.data.decoded import UnreadableImages
from alframe.data.identity import array_digest
from alframe.embedding import embed, file_source, segment, store_writer, vectors
from alframe.embedding.embed import embedded, fill
from alframe.embedding.store import Store, store_folder
from alframe.embedding.store_writer import writing
from alframe.embedding.vectors import Vectors
from tests.support.encoders import (
    CPU,
    D,
    Tiny,
    network_input,
    notices,
    preprocessing,
    random_images,
    tiny_encoder,
    write_images,
)

Done = list[tuple[str, int, int | None]]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 4 vectors, batches of 3 images."""
    monkeypatch.setattr(store_writer, "ROWS", 4)
    monkeypatch.setattr(embed, "BATCH_CPU", 3)


@pytest.fixture
def encoder() -> "Counting":
    """An encoder that counts what it encodes."""
    return Counting()


class Counting(Tiny):
    """The small network, once loaded always the same one, with the number of images it has seen."""

    def __init__(self, alter: Callable[[Tensor], Tensor] = lambda vector_B: vector_B) -> None:
        super().__init__()
        self.n, self._alter = 0, alter

    def forward(self, input_B: Tensor) -> Tensor:
        self.n += len(input_B)
        return self._alter(super().forward(input_B))

    def taken(self) -> int:
        """Return the number since the last call."""
        n, self.n = self.n, 0
        return n


def made(images: Any, network: Tiny, folder: Path, index: Any = None, **options: Any) -> Vectors:
    done: Done = options.pop("done", [])
    index = torch.arange(len(images)) if index is None else torch.tensor(index)
    encoder = tiny_encoder(load=lambda: network, **options)
    return embedded(
        images, encoder, folder=folder, index=index, device=CPU, runtime="torch",
        progress=lambda *each: done.append(each),
    )  # fmt: skip


def of_files(paths: list[Path], channels: int = 3, **options: Any) -> DecodedImages:
    return DecodedImages(paths, (8, 8), channels, **options)


def all_of(found: Vectors) -> Tensor:
    return found.take(torch.arange(len(found)))


def expected(image_N: Tensor) -> Tensor:
    with torch.inference_mode():
        return Tiny()(network_input(image_N, tiny_encoder().preprocessing)).half()


def test_vectors_are_those_of_the_encoder_and_are_made_once(tmp_path: Path, encoder: Counting) -> None:
    image_N, done = random_images(11), Done()
    first = all_of(made(image_N, encoder, tmp_path, done=done))
    torch.testing.assert_close(first, expected(image_N), rtol=1e-3, atol=1e-3)
    assert done == [("encode", n, 11) for n in (3, 6, 9, 11)]
    assert encoder.taken() == 11
    # Another order, another size of the pool, and a copy; nothing new is encoded.
    index_B = [10, 3, 3, 0, 7]
    assert torch.equal(all_of(made(image_N[index_B], encoder, tmp_path)), first[index_B])
    assert encoder.taken() == 0


def test_only_the_wanted_samples_are_encoded(tmp_path: Path, encoder: Counting) -> None:
    image_N = random_images(10)
    image_N[8] = image_N[2]
    found = made(image_N, encoder, tmp_path, [1, 2, 5, 8])
    assert encoder.taken() == 3
    assert (found.take(torch.tensor([0, 3, 9])) == 0).all()
    torch.testing.assert_close(
        found.take(torch.tensor([1, 2, 5, 8])), expected(image_N[[1, 2, 5, 8]]), rtol=1e-3, atol=1e-3
    )


def test_images_of_a_mapped_file_have_the_same_vectors(
    tmp_path: Path, encoder: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_N = random_images(10)
    np.save(tmp_path / "images.npy", image_N)
    first = all_of(made(image_N, encoder, tmp_path))
    mapped = MappedImages(np.load(tmp_path / "images.npy", mmap_mode="r"))
    assert torch.equal(all_of(made(mapped, encoder, tmp_path)), first)
    assert encoder.taken() == 10
    monkeypatch.setattr(vectors, "IN_MEMORY_BYTES", 0)
    in_file = made(image_N, encoder, tmp_path, range(1, 10))
    assert not in_file.in_memory
    assert torch.equal(all_of(in_file)[1:], first[1:])


def test_a_mirrored_encoder_gives_the_mean_of_both_views(tmp_path: Path, encoder: Counting) -> None:
    image_N = random_images(5)
    both = (expected(image_N).float() + expected(image_N.flip(3)).float()) / 2
    found = all_of(made(image_N, encoder, tmp_path, mirrored=True))
    torch.testing.assert_close(found.float(), both, rtol=2e-3, atol=2e-3)


def test_grey_images_are_repeated_in_three_channels_and_that_is_said(
    tmp_path: Path, encoder: Counting
) -> None:
    image_N = random_images(3, channels=1)
    with pytest.warns(DataWarning, match="encoder: the images are grey"):
        found = all_of(made(image_N, encoder, tmp_path))
    assert torch.equal(found, all_of(made(image_N.expand(-1, 3, -1, -1), encoder, tmp_path)))


@pytest.mark.parametrize("keep_shape", [True, False])
@pytest.mark.parametrize("size", [(40, 30), (150, 200)])
def test_files_have_the_vectors_of_their_pixels(
    tmp_path: Path, encoder: Counting, size: tuple[int, int], keep_shape: bool
) -> None:
    paths = write_images(tmp_path / "data", 3, size=size)
    options = {"preprocessing": preprocessing(keep_shape=keep_shape)}
    image_N = torch.stack([torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1) for path in paths])
    from_files = all_of(made(of_files(paths), encoder, tmp_path / "files", **options))
    from_array = all_of(made(image_N, encoder, tmp_path / "array", **options))
    torch.testing.assert_close(from_files, from_array, rtol=0.02, atol=0.05)


def test_files_are_known_by_their_content(
    tmp_path: Path, encoder: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_images(tmp_path / "data", 7)
    copy = Path(shutil.copy(paths[2], tmp_path / "data" / "copy.png"))
    first = all_of(made(of_files([*paths, copy]), encoder, tmp_path))
    assert encoder.taken() == 7
    assert torch.equal(first[7], first[2])
    # A folder that has moved is read again, but not encoded.
    moved = [path.rename(path.with_name(f"moved_{path.name}")) for path in reversed(paths)]
    assert torch.equal(all_of(made(of_files(moved), encoder, tmp_path)), first[:7].flip(0))
    assert encoder.taken() == 0
    # A folder that has not moved is not even read.
    monkeypatch.setattr(file_source, "file_digest", None)
    assert torch.equal(all_of(made(of_files([copy, *moved]), encoder, tmp_path))[1:], first[:7].flip(0))


def test_a_growing_folder_encodes_what_is_new_and_what_has_changed(tmp_path: Path, encoder: Counting) -> None:
    paths = write_images(tmp_path / "data", 3)
    first = all_of(made(of_files(paths), encoder, tmp_path))
    more = write_images(tmp_path / "data", 2, first=3)
    write_images(tmp_path / "other", 1, first=9)[0].replace(paths[1])
    encoder.taken()
    second = all_of(made(of_files([more[0], *paths, more[1]]), encoder, tmp_path))
    assert encoder.taken() == 3
    assert torch.equal(second[[1, 3]], first[[0, 2]])
    assert not torch.equal(second[2], first[1])


def test_unreadable_files_are_collected_and_the_others_are_kept(tmp_path: Path, encoder: Counting) -> None:
    paths = write_images(tmp_path / "data", 6)
    paths[1].write_bytes(b"no image")
    shutil.copy(paths[1], paths[4])
    with pytest.raises(UnreadableImages) as raised:
        made(of_files(paths), encoder, tmp_path)
    assert raised.value.reasons == dict.fromkeys([paths[1], paths[4]], "no image of a known format")
    assert encoder.taken() == 4
    lost = [None if number in (1, 4) else path for number, path in enumerate(paths)]
    found = all_of(made(of_files(lost), encoder, tmp_path))
    assert encoder.taken() == 0
    assert (found == 0).all(1).tolist() == [False, True, False, False, True, False]


def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, encoder: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, later = write_images(tmp_path / "data", 2), write_images(tmp_path / "later", 1, first=7)
    read = file_source.read_part

    def slow(path: Path, *rest: Any) -> Any:
        pixels = read(path, *rest)
        if path == paths[0] and later[0].exists():
            later[0].replace(path)
        return pixels

    monkeypatch.setattr(file_source, "read_part", slow)
    found = all_of(made(of_files(paths), encoder, tmp_path))
    again = all_of(made(of_files(write_images(tmp_path / "again", 1, first=7)), encoder, tmp_path / "new"))
    assert torch.equal(found[0], again[0])


def test_a_file_that_always_changes_is_left_out(
    tmp_path: Path, encoder: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_images(tmp_path / "data", 2)
    read = file_source.read_part

    def touching(path: Path, *rest: Any) -> Any:
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 10**9))
        return read(path, *rest)

    monkeypatch.setattr(file_source, "read_part", touching)
    monkeypatch.setattr(file_source, "MOST_READS", 1)
    with pytest.raises(UnreadableImages, match="it changes while it is read"):
        made(of_files(paths), encoder, tmp_path)


def test_files_of_16_bits_are_encoded_again_if_their_range_is_another_one(
    tmp_path: Path, encoder: Counting
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    values = np.arange(16 * 16, dtype=np.uint16).reshape(16, 16)
    for name, factor in (("low", 15), ("high", 250)):
        Image.fromarray(values * factor).save(folder / f"{name}.png")
    with pytest.warns(DataWarning, match="grey"):
        alone = all_of(made(of_files([folder / "low.png"], 1), encoder, tmp_path))
    both = of_files([folder / "low.png", folder / "high.png"], 1)
    with pytest.warns(DataWarning, match="grey"):
        together = all_of(made(both, encoder, tmp_path))
    assert both.shared.value.whole == (0, 63750)
    assert not torch.equal(together[0], alone[0])
    encoder.taken()
    assert torch.equal(all_of(made(of_files([folder / "low.png"], 1), encoder, tmp_path)), alone)
    held = of_files([folder / "low.png"], 1, shared=both.shared, is_test=True)
    assert torch.equal(all_of(made(held, encoder, tmp_path))[0], together[0])
    assert encoder.taken() == 0


def test_files_whose_range_comes_from_two_of_them_are_encoded_twice(
    tmp_path: Path, encoder: Counting
) -> None:
    values = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    for name, shown in (("a", values - 0.5), ("b", values * 3)):
        Image.fromarray(shown).save(tmp_path / f"{name}.tif")
    both = of_files([tmp_path / "a.tif", tmp_path / "b.tif"], 1)
    with pytest.warns(DataWarning, match="grey"):
        made(both, encoder, tmp_path / "store")
    assert encoder.taken() == 4
    assert both.shared.value.real == (-0.5, 3)


def test_colour_files_that_are_wanted_grey_have_other_vectors(tmp_path: Path, encoder: Counting) -> None:
    paths = write_images(tmp_path / "data", 2)
    coloured = all_of(made(of_files(paths), encoder, tmp_path))
    with pytest.warns(DataWarning, match="grey"):
        grey = all_of(made(of_files(paths, 1), encoder, tmp_path))
    assert not torch.equal(grey, coloured)
    assert torch.equal(all_of(made(of_files(paths), encoder, tmp_path)), coloured)


def test_a_network_with_another_number_of_features_is_refused(tmp_path: Path, encoder: Counting) -> None:
    with pytest.raises(ConfigError, match=r"encoder: expected .* 3 x 7 numbers for 3 images, got '3 x 6 of"):
        made(random_images(4), encoder, tmp_path, n_features=7)
    assert encoder.taken() == 3


@pytest.mark.parametrize("value", [float("nan"), 1e6])
def test_a_vector_that_is_not_finite_names_its_image(tmp_path: Path, value: float) -> None:
    paths = write_images(tmp_path / "data", 9)
    bad = {"left": 7}

    def alter(vector_B: Tensor) -> Tensor:
        bad["left"] -= len(vector_B)
        if bad["left"] <= 0:
            vector_B[bad["left"] - 1, 2] = value
            bad["left"] = 100
        return vector_B

    with pytest.raises(DataError, match=r"gives others for .*006\.png"):
        made(of_files(paths), Counting(alter), tmp_path)
    whole = Counting()
    made(of_files(paths), whole, tmp_path)
    assert whole.taken() == 3  # the batches before were kept


def index_and_vectors(folder: Path) -> tuple[Path, Path]:
    (index,) = folder.glob("*/format-*/*.index")
    return index, index.with_suffix(".vectors")


DAMAGES: dict[str, tuple[Callable[[Path, Path], None], int]] = {
    "a byte of a vector": (lambda index, rows: flip(rows, 4 * D * 2 + 5), 4),
    "a byte of a record": (lambda index, rows: flip(index, segment._RECORD.itemsize + 50), 4),
    "vectors cut off": (lambda index, rows: cut(rows, 6 * D * 2), 6),
    "all vectors": (lambda index, rows: rows.unlink(), 10),
    "index cut off": (lambda index, rows: cut(index, 2 * segment._RECORD.itemsize + 100), 2),
    "no index": (lambda index, rows: index.unlink(), 10),
    "zeros at the end": (lambda index, rows: index.write_bytes(index.read_bytes() + bytes(9000)), 0),
    "other bytes": (lambda index, rows: index.write_bytes(os.urandom(3000)), 10),
}


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)


def cut(path: Path, size: int) -> None:
    os.truncate(path, size)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_chunks_are_found_and_encoded_again(tmp_path: Path, encoder: Counting, damage: str) -> None:
    image_N = random_images(10)
    first = all_of(made(image_N, encoder, tmp_path))
    assert encoder.taken() == 10
    act, n_lost = DAMAGES[damage]
    act(*index_and_vectors(tmp_path))
    if damage == "a byte of a vector":
        with pytest.warns(DataWarning, match="4 damaged vectors; the images are encoded again"):
            again = all_of(made(image_N, encoder, tmp_path))
    else:
        again = all_of(made(image_N, encoder, tmp_path))
    assert torch.equal(again, first)
    assert encoder.taken() == n_lost
    assert torch.equal(all_of(made(image_N, encoder, tmp_path)), first)  # and no warning
    assert encoder.taken() == 0


def test_damaged_notes_of_files_are_made_again(tmp_path: Path, encoder: Counting) -> None:
    paths = write_images(tmp_path / "data", 3)
    first = all_of(made(of_files(paths), encoder, tmp_path))
    (notes,) = tmp_path.glob("*/format-*/*.files")
    notes.write_bytes(notes.read_bytes()[:-20] + b"\n[1, 2]\n\xff\n7\n")
    encoder.taken()
    assert torch.equal(all_of(made(of_files(paths), encoder, tmp_path)), first)
    assert encoder.taken() == 0


def test_vectors_of_another_format_are_left_alone_and_told(tmp_path: Path, encoder: Counting) -> None:
    other = store_folder(tmp_path, tiny_encoder()) / "format-0"
    other.mkdir(parents=True)
    (other / "00001.index").write_text("something")
    with pytest.warns(TrialNotice, match="another version of alframe has written format-0"):
        made(random_images(3), encoder, tmp_path)
    assert (other / "00001.index").read_text() == "something"
    made(random_images(3), encoder, tmp_path)  # said once


def test_a_full_disk_keeps_what_is_encoded(
    tmp_path: Path, encoder: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_N = random_images(10)
    append, n = segment.SegmentWriter.append, {"chunks": 0}

    def full(self: segment.SegmentWriter, *chunk: Any) -> None:
        n["chunks"] += 1
        if n["chunks"] == 2:
            self._vectors.close()
            self._vectors = open("/dev/full", "r+b")  # noqa: SIM115
        append(self, *chunk)

    monkeypatch.setattr(segment.SegmentWriter, "append", full)
    with pytest.raises(TrialError, match=r"could not be written .*Make room on the disk"):
        made(image_N, encoder, tmp_path)
    encoder.taken()
    monkeypatch.undo()
    torch.testing.assert_close(
        all_of(made(image_N, encoder, tmp_path)), expected(image_N), rtol=1e-3, atol=1e-3
    )
    assert encoder.taken() == 6


def test_a_folder_that_cannot_be_made_is_the_users_mistake(tmp_path: Path, encoder: Counting) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"embeddings_dir: expected a folder that can be written, got"):
        made(random_images(3), encoder, tmp_path / "file" / "store")


def test_a_store_that_has_everything_is_only_read(
    tmp_path: Path, encoder: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(random_images(3), encoder, tmp_path)
    monkeypatch.setattr(embed, "writing", None)
    monkeypatch.setattr(embed, "make_runtime", None)
    made(random_images(3), encoder, tmp_path)


def test_shards_write_their_parts_and_are_read_as_one(tmp_path: Path, encoder: Counting) -> None:
    image_N = random_images(11)
    index = torch.arange(11)
    for number in (1, 0):
        found = fill(
            image_N, tiny_encoder(load=lambda: encoder), folder=tmp_path, index=index, device=CPU,
            runtime="torch", progress=lambda *_: None, shard=(number, 2),
        )  # fmt: skip
        assert (found.n_new, len(found.row_Q)) == (5, 5) if number else (6, 6)
    assert encoder.taken() == 11
    torch.testing.assert_close(
        all_of(made(image_N, encoder, tmp_path)), expected(image_N), rtol=1e-3, atol=1e-3
    )
    assert encoder.taken() == 0


def test_each_encoder_has_a_folder_of_its_own(tmp_path: Path) -> None:
    one, other = tiny_encoder(name="hub/tiny: big"), tiny_encoder(name="hub/tiny: big", mirrored=True)
    assert store_folder(tmp_path, one) != store_folder(tmp_path, other)
    assert store_folder(tmp_path, one) == tmp_path / f"hub-tiny-big-{one.identity}"


def test_a_process_that_needs_the_store_waits_for_the_one_that_writes(
    tmp_path: Path, encoder: Counting
) -> None:
    image_N, store = random_images(4), Store(store_folder(tmp_path, tiny_encoder()), D)
    with ThreadPoolExecutor(1) as other:
        with writing(store, None) as writer, notices() as told:
            waiting = other.submit(made, image_N, encoder, tmp_path)
            while not told:
                time.sleep(0.01)
            for image, vector in zip(image_N[:3], expected(image_N[:3]).numpy(), strict=True):
                writer.add(array_digest(image.numpy()), vector)
        found = all_of(waiting.result())
    assert "another process adds embeddings; waiting until it has ended" in str(told[0].message)
    assert encoder.taken() == 1
    torch.testing.assert_close(found, expected(image_N), rtol=1e-3, atol=1e-3)
