"""Images of files: decoded once, kept over restarts, tied to their files; and another order of a data set."""

import json
import os
from errno import EACCES, EINVAL, EIO, EMFILE, ENOENT, ESTALE
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alframe.core.errors import DataWarning, TrialError
from alframe.data import (
    DecodedImages,
    ImageDataset,
    content_digest,
    content_digests,
    folder,
    make_bank,
    picture,
    pixel_file,
)
from alframe.data.damage import Unreadable, failure
from alframe.data.decoded import UnreadableImages
from alframe.data.memory_map import MappedImages
from alframe.data.photograph import read_header
from alframe.data.pixel_file import drop_pixels
from alframe.data.shared_range import SharedRange
from alframe.data.unreadable_files import known_unreadable, n_bytes
from alframe.trial.readable import readable, remember

CPU = torch.device("cpu")


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for n in range(5):
        write(folder / f"{n}.png", n)
    return [folder / f"{n}.png" for n in range(5)]


def write(file, value, dtype=np.uint8):
    Image.fromarray(np.arange(16, dtype=dtype).reshape(4, 4) + value * 16).save(file)


def images(files, folder=None, **settings):
    return DecodedImages(files, (4, 4), 1, folder=folder, **settings)


def corner(decoded):
    return [int(decoded[n][0, 0, 0]) for n in range(len(decoded))]


@pytest.fixture
def read(monkeypatch):
    """Return the names of the files that are decoded from now on."""
    names = []
    from alframe.data import decoded

    real = decoded.read_pixels
    monkeypatch.setattr(
        decoded, "read_pixels", lambda file, *rest: names.append(file.name) or real(file, *rest)
    )
    return names


def test_a_bank_decodes_nothing_before_its_first_batch(files, read):
    told = []
    bank = make_bank(images(files), CPU, lambda *each: told.append(each)).cropped(1)
    assert bank.image_shape == (1, 2, 2)
    assert bank.resident
    assert (len(bank), bank.device, bank.index_device, read) == (5, CPU, CPU, [])
    assert bank.take(torch.tensor([3]))[0, 0, 0, 0] == 48 + 5
    assert sorted(read) == [f"{n}.png" for n in range(5)]
    assert told[-1] == ("read", 5, 5)
    assert len(next(bank.stream(torch.arange(5), 4))) == 4
    assert bank.channel_statistics()[0].shape == (1,)


def test_pixels_are_kept_over_restarts_and_follow_their_files(files, read, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    assert corner(images(files, state).pixels()) == [0, 16, 32, 48, 64]
    read.clear()
    assert corner(images(files, state).pixels()) == [0, 16, 32, 48, 64]
    assert read == []
    # Another order, a file that is gone, a new one and a changed one.
    write(files[4].with_name("new.png"), 7)
    write(files[1], 9)
    moved = [files[4], None, files[4].with_name("new.png"), files[1], files[0]]
    assert corner(images(moved, state).pixels()) == [64, 0, 112, 144, 0]
    assert sorted(read) == ["1.png", "new.png"]
    assert len(list(state.glob("*.pixels"))) == 1
    read.clear()
    assert DecodedImages(files, (2, 2), 1, folder=state).pixels().shape == (5, 1, 2, 2)
    assert len(read) == 5
    drop_pixels(state)
    assert list(state.iterdir()) == []


def test_an_interrupted_decoding_keeps_what_is_done(files, read, tmp_path, monkeypatch):
    def stop(stage, done, total):
        if done == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("os.cpu_count", lambda: 1)
    with pytest.raises(KeyboardInterrupt):
        images(files, tmp_path).pixels(stop)
    read.clear()
    assert corner(images(files, tmp_path).pixels()) == [0, 16, 32, 48, 64]
    assert len(read) == 2


def test_a_list_that_is_damaged_is_not_believed(files, tmp_path):
    images(files, tmp_path).pixels()
    for content in ("", "{}", json.dumps({"file": "images-9.pixels"})):
        (tmp_path / "images.json").write_text(content)
        assert corner(images(files, tmp_path).pixels()) == [0, 16, 32, 48, 64]


def test_pixels_are_on_the_disk_before_the_list_that_names_them(files, tmp_path, monkeypatch):
    done = []
    sync, whole = os.fsync, pixel_file.write_whole
    monkeypatch.setattr("os.fsync", lambda handle: done.append(os.fstat(handle).st_size) or sync(handle))
    monkeypatch.setattr(
        pixel_file,
        "write_whole",
        lambda path, *rest, **more: done.append(path.name) or whole(path, *rest, **more),
    )
    images(files, tmp_path).pixels()
    images(files[::-1], tmp_path).pixels()  # rows that are copied to another file
    assert done == [5 * 16, "images.json", 5 * 16, "images.json"]


def test_many_images_stay_in_their_file(files, tmp_path, monkeypatch):
    monkeypatch.setattr("alframe.data.decoded.IN_MEMORY_BYTES", 10)
    decoded = images(files, tmp_path)
    assert not make_bank(decoded, CPU).resident
    assert isinstance(decoded.pixels(), MappedImages)
    assert make_bank(decoded, CPU).take(torch.tensor([4, 1]))[:, 0, 0, 0].tolist() == [64, 16]
    assert corner(images(files).pixels()) == [0, 16, 32, 48, 64]  # in a temporary file


def test_a_wider_range_found_late_scales_all_images_alike(tmp_path):
    files = [tmp_path / f"{n}.tif" for n in range(3)]
    for file, top in zip(files, (200, 900, 60000), strict=True):
        Image.fromarray(np.full((4, 4), top, np.uint16)).save(file)
    state = tmp_path / "state"
    state.mkdir()
    decoded = images(files, state, shared=SharedRange(files[:1]))
    assert corner(decoded) == [200, 224, 233]  # each by what is known so far
    assert corner(decoded.pixels()) == corner(decoded) == [1, 4, 233]
    assert corner(images(files[:2], state).pixels()) == [50, 224]


@pytest.mark.parametrize(("top", "test_top"), [(5000, 4000), (4000, 5000), (4000, 0.9), (0.9, 4000)])
def test_a_test_set_is_scaled_as_the_images_are(tmp_path, top, test_top):
    for part, highest in (("train", top), ("test", test_top)):
        for k, name in enumerate("ab"):
            (tmp_path / part / name).mkdir(parents=True)
            grey = np.linspace(0, highest, 16).reshape(4, 4).astype(np.float32 if highest < 1 else np.uint16)
            Image.fromarray(np.roll(grey, k)).save(tmp_path / part / name / f"{k}.tif")
    settings = {"name": "x", "path": "train", "test_path": "test", "data_dir": str(tmp_path)}
    unset = dict.fromkeys(("size", "channels", "class_names", "max_megapixels"))
    data = folder(**settings, **unset, download=False, subfolders_are_classes=True)
    data.images_N.keep_in(tmp_path)
    data.test_images_T.keep_in(tmp_path)
    found = [int(images.pixels()[0].max()) for images in (data.images_N, data.test_images_T)]
    scale = 16383 if top == 5000 else 4095
    assert found == [
        round(255 * (value if value < 1 else min(1, value / scale))) for value in (top, test_top)
    ]
    for name in ("images", "test_images"):
        assert None not in json.loads((tmp_path / f"{name}.json").read_text())["rows"]


def test_a_first_guess_that_is_too_wide_is_corrected(tmp_path, read):
    files = [tmp_path / f"{n}.tif" for n in range(3)]
    for file, top in zip(files, (200, 900, 60000), strict=True):
        Image.fromarray(np.full((4, 4), top, np.uint16)).save(file)
    decoded = images(files[:2], tmp_path, shared=SharedRange(files[2:]))
    assert corner(decoded.pixels()) == [50, 224]
    read.clear()
    assert corner(images(files[:2], tmp_path, shared=SharedRange(files[2:])).pixels()) == [50, 224]
    assert read == []


def test_unreadable_files_are_remembered_until_they_change(files, tmp_path):
    content = files[2].read_bytes()
    files[2].write_bytes(content[:50])
    with pytest.raises(UnreadableImages, match=r"1 of 5 .*2\.png") as found:
        images(files, tmp_path).pixels()
    assert list(found.value.reasons) == [files[2]]
    dataset = dataset_of(files)
    trial = tmp_path / "trial"
    (trial / "state").mkdir(parents=True)
    for _ in range(2):  # found, then remembered
        with pytest.warns(DataWarning, match=r"1 of 5 image files cannot be read .*2\.png"):
            kept = readable(dataset, trial, lambda *each: None, at_once=True)
        assert kept.files_N == ("0.png", "1.png", "3.png", "4.png")
        assert corner(kept.images_N.pixels()) == [0, 16, 48, 64]
        assert kept.truth_N.tolist() == [0, 1, 0, 1]
    assert list(known_unreadable(trial / "state")) == [files[2]]
    files[2].write_bytes(content)
    assert len(readable(dataset, trial, lambda *each: None, at_once=True)) == 5


def dataset_of(files):
    return ImageDataset(
        name="x", images_N=images(files), truth_N=torch.tensor([0, 1, 1, 0, 1]), class_names=("a", "b"),
        files_N=tuple(file.name for file in files), paths_N=tuple(files),
    )  # fmt: skip


@pytest.fixture
def broken(monkeypatch):
    """Return a function that lets the reading of some files fail."""
    real, errors = Path.open, {}

    def fails(path, *rest, **more):
        if path in errors:
            raise errors[path]
        return real(path, *rest, **more)

    monkeypatch.setattr(Path, "open", fails)
    return errors


@pytest.mark.parametrize(
    "error", [OSError(EIO, "x"), OSError(ESTALE, "x"), OSError(EMFILE, "x"), MemoryError()]
)
def test_a_failure_of_the_machine_removes_no_image(files, broken, tmp_path, error):
    (tmp_path / "state").mkdir()
    broken[files[2]] = error
    for read in (
        lambda: readable(dataset_of(files), tmp_path, lambda *each: None, at_once=True),
        lambda: picture(dataset_of(files), 2),
        lambda: images(files)[2],
        lambda: read_header(files[2]),
    ):
        with pytest.raises(TrialError, match=r"2\.png could not be read .* Run the same command again"):
            read()
    assert not (tmp_path / "state" / "unreadable.json").exists()
    broken.clear()
    assert len(readable(dataset_of(files), tmp_path, lambda *each: None, at_once=True)) == 5


@pytest.mark.parametrize(("code", "reason"), [(ENOENT, "no longer there"), (EACCES, "permission denied")])
def test_a_file_that_is_gone_or_closed_is_left_out_this_time_only(files, broken, tmp_path, code, reason):
    (tmp_path / "state").mkdir()
    broken[files[2]] = OSError(code, os.strerror(code))
    with pytest.warns(DataWarning, match=rf"1 of 5 image files cannot .*2\.png \({reason}\)"):
        assert len(readable(dataset_of(files), tmp_path, lambda *each: None, at_once=True)) == 4
    with pytest.raises(UnreadableImages, match=reason) as found:
        content_digest(dataset_of(files), 2)
    remember(tmp_path, found.value.reasons)
    assert not (tmp_path / "state" / "unreadable.json").exists()
    with pytest.warns(DataWarning, match=reason):  # found since the command began
        known = readable(
            dataset_of(files), tmp_path, lambda *each: None, at_once=False, left_out=found.value.reasons
        )
    assert len(known) == 4
    broken.clear()
    assert len(readable(dataset_of(files), tmp_path, lambda *each: None, at_once=True)) == 5


def test_a_disk_that_fails_within_a_decoder_is_no_damage(files, broken):
    error = OSError("decoder error -2")
    assert isinstance(failure(files[0], error, decoded=True), Unreadable)
    broken[files[0]] = OSError(EIO, "Input/output error")
    assert isinstance(failure(files[0], error, decoded=True), TrialError)
    assert str(failure(files[1], OSError(EINVAL, "Invalid argument"))) == "[Errno 22] Invalid argument"


def test_the_size_of_a_file_that_is_gone_is_zero(files):
    assert n_bytes(files[0]) == files[0].stat().st_size
    assert (n_bytes(None), n_bytes(files[0].with_name("gone.png"))) == (0, 0)


@pytest.mark.parametrize("kind", ["tensor", "mapped", "files"])
def test_a_data_set_is_arranged_anew(files, tmp_path, kind):
    stored = torch.stack([torch.full((1, 4, 4), 16 * n, dtype=torch.uint8) for n in range(5)])
    np.save(tmp_path / "x.npy", stored.numpy())
    mapped = MappedImages(np.load(tmp_path / "x.npy", mmap_mode="r"))
    dataset = ImageDataset(
        name="x", images_N={"tensor": stored, "mapped": mapped, "files": images(files)}[kind],
        truth_N=torch.tensor([0, 1, 1, 0, 1]), class_names=("a", "b"),
        test_images_T=stored[:2], test_truth_T=torch.tensor([0, 1]),
        files_N=tuple(file.name for file in files) if kind == "files" else None,
        paths_N=tuple(files) if kind == "files" else None,
    )  # fmt: skip
    gone = files[0].with_name("gone.png")
    new = dataset.arranged([4, -1, 0, 1], ("b", "c", "a"), lost=[("gone.png", gone)])
    assert corner(new.images_N) == [64, 0, 0, 16]
    assert make_bank(new.images_N, CPU).take(torch.tensor([3, 1, 0]))[:, 0, 0, 0].tolist() == [16, 0, 64]
    assert new.truth_N.tolist() == [0, -1, 2, 0]
    assert (new.test_truth_T.tolist(), new.class_names) == ([2, 0], ("b", "c", "a"))
    if kind == "files":
        assert new.files_N == ("4.png", "gone.png", "0.png", "1.png")
        assert new.paths_N == (files[4], gone, files[0], files[1])
        with pytest.raises(ValueError, match="some are missing"):
            dataset.arranged([-1], ("a", "b"))
    assert corner(new.arranged([3, 1, 0], new.class_names, lost=[("gone.png", gone)]).images_N) == [16, 0, 64]


def test_pictures_and_digests_are_of_what_people_see(files):
    of_files = ImageDataset(
        name="x", images_N=DecodedImages(files, (2, 2), 1), truth_N=None, class_names=("a", "b"),
        files_N=tuple(file.name for file in files), paths_N=tuple(files),
    )  # fmt: skip
    assert np.array_equal(np.asarray(picture(of_files, 2)), np.arange(16).reshape(4, 4) + 32)
    before = content_digest(of_files, 2)
    os.utime(files[2], (1, 1))
    assert content_digest(of_files, 2) == before != content_digest(of_files, 1)
    arrays = ImageDataset.from_arrays(
        "x", np.stack([np.full((4, 4), n, np.uint8) for n in (7, 8, 7)]), [0, 1, 0]
    )
    assert picture(arrays, 0).size == (112, 112)
    digests = content_digests(arrays)
    assert digests[0] == digests[2] == content_digest(arrays, 0) != digests[1]
    assert len(digests[0]) == 32


def test_a_file_that_may_not_grow_is_told_in_a_line(files, tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    (tmp_path / "state").mkdir()
    decoded = images(files, tmp_path / "state")
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))  # bytes of a file, as by `ulimit -f`
    try:
        with pytest.raises(TrialError, match=r"decoded images could not be written \(File too large\)"):
            decoded.pixels()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
