"""Arrays in files: read or mapped, and what is refused."""

import numpy as np
import pytest
import torch

from alframe.core.errors import DataError, DataWarning
from alframe.data import MappedImages, arrays


def empty(path):
    path.write_bytes(b"")


def garbage(path):
    path.write_bytes(bytes(range(256)) * 20)


@pytest.fixture
def bundle():
    return {"images": np.arange(6 * 5 * 5, dtype=np.uint8).reshape(6, 5, 5), "labels": np.arange(6) % 2}


def load(data_dir, path="mine.npz", **options):
    settings = {"in_memory": True, "class_names": None, **options}
    return arrays(name="mine", path=str(path), data_dir=str(data_dir), download=False, **settings)


def test_arrays_of_a_file_in_data_dir_are_read(tmp_path, bundle):
    np.savez(tmp_path / "mine.npz", **bundle)
    dataset = load(tmp_path)
    assert (dataset.images_N[:, 0].numpy() == bundle["images"]).all()
    assert dataset.truth_N.tolist() == [0, 1, 0, 1, 0, 1]
    assert dataset.name == "mine"
    assert dataset.test_images_T is None


def test_arrays_bring_a_test_set_and_class_names(tmp_path, bundle):
    np.savez_compressed(
        tmp_path / "mine.npz",
        **bundle,
        test_images=bundle["images"][:3],
        test_labels=[1, 0, 1],
        class_names=["no", "yes"],
    )
    dataset = load(tmp_path)
    assert dataset.test_truth_T.tolist() == [1, 0, 1]
    assert torch.equal(dataset.test_images_T, dataset.images_N[:3])
    assert dataset.class_names == ("no", "yes")


def test_arrays_are_looked_up_in_data_dir_before_the_current_directory(tmp_path, bundle, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "mine.npz", **bundle)
    assert len(load("data")) == 6
    np.savez(tmp_path / "data" / "mine.npz", images=bundle["images"][:4], labels=bundle["labels"][:4])
    assert len(load("data")) == 4
    assert len(load("data", tmp_path / "mine.npz")) == 6


def test_a_missing_file_is_refused_with_the_expected_path(tmp_path):
    with pytest.raises(DataError, match=rf"data\.path: expected an \.npz file or .* at {tmp_path}/mine\.npz"):
        load(tmp_path)


ERRORS = {
    "images": r"arrays named images and perhaps labels, got \['labels'\]",
    "labels": r"got neither in .* Write data.class_names=\[cat,dog\]",
}


@pytest.mark.parametrize("absent", ERRORS)
def test_missing_arrays_are_refused_with_the_existing_names(tmp_path, bundle, absent):
    del bundle[absent]
    np.savez(tmp_path / "mine.npz", **bundle)
    with pytest.raises(DataError, match=ERRORS[absent]):
        load(tmp_path)


DAMAGE = {
    empty: r"expected the files of mine under .*mine\.npz to be whole",
    garbage: r"expected an \.npz file, got .*mine\.npz",
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.items())
def test_a_damaged_npz_is_refused(tmp_path, bundle, damage, message):
    np.savez(tmp_path / "mine.npz", **bundle)
    damage(tmp_path / "mine.npz")
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_a_flipped_bit_in_an_npz_is_refused(tmp_path, bundle):
    np.savez(tmp_path / "mine.npz", **bundle)
    content = bytearray((tmp_path / "mine.npz").read_bytes())
    content[200] ^= 1
    (tmp_path / "mine.npz").write_bytes(content)
    with pytest.raises(DataError, match="to be whole"):
        load(tmp_path)


def test_pickled_objects_are_not_loaded(tmp_path, bundle):
    bundle["labels"] = np.array([{"label": n} for n in range(6)])
    np.savez(tmp_path / "mine.npz", **bundle)
    with pytest.raises(DataError, match=r"labels in .* to be numbers or text, got Python objects\. Save it"):
        load(tmp_path)


def test_names_in_bytes_are_text(tmp_path, bundle):
    np.savez(tmp_path / "mine.npz", **bundle, class_names=np.array([b"no", b"yes"]))
    assert load(tmp_path).class_names == ("no", "yes")


def save_folder(where, bundle):
    where.mkdir()
    for name, array in bundle.items():
        np.save(where / f"{name}.npy", array)
    return where


def save_npz(where, bundle):
    file = where.with_suffix(".npz")
    np.savez(file, **bundle)
    return file


SAVE = {"folder": save_folder, "npz": save_npz}


@pytest.fixture(params=SAVE)
def save(request):
    return SAVE[request.param]


@pytest.fixture
def whole(bundle):
    """Images with a test set and names."""
    return {
        **bundle,
        "test_images": bundle["images"][:3] + np.uint8(1),
        "test_labels": np.array([1, 0, 1]),
        "class_names": np.array(["no", "yes"]),
    }


@pytest.mark.parametrize("in_memory", [True, False])
def test_arrays_of_a_folder_or_file_are_read_or_mapped(tmp_path, whole, save, in_memory):
    dataset = load(tmp_path, save(tmp_path / "mine", whole), in_memory=in_memory)
    assert isinstance(dataset.images_N, MappedImages) != in_memory
    assert isinstance(dataset.test_images_T, MappedImages) != in_memory
    assert (len(dataset), dataset.images_N.shape) == (6, (6, 1, 5, 5))
    for index in range(6):
        assert (dataset.images_N[index][0].numpy() == whole["images"][index]).all()
    for index in range(3):
        assert (dataset.test_images_T[index][0].numpy() == whole["test_images"][index]).all()
    assert dataset.truth_N.tolist() == [0, 1, 0, 1, 0, 1]
    assert dataset.test_truth_T.tolist() == [1, 0, 1]
    assert dataset.class_names == ("no", "yes")


def test_a_mapped_npz_is_read_at_the_offset_of_each_member(tmp_path, whole):
    """Members in another order and behind something else."""
    order = ["class_names", "test_images", "labels", "images", "test_labels"]
    np.savez(tmp_path / "mine.npz", something_else=np.arange(9), **{name: whole[name] for name in order})
    dataset = load(tmp_path, in_memory=False)
    assert (dataset.images_N[5][0].numpy() == whole["images"][5]).all()
    assert (dataset.test_images_T[2][0].numpy() == whole["test_images"][2]).all()


def test_a_folder_of_an_open_memmap_is_read(tmp_path):
    (tmp_path / "big").mkdir()
    shape = (7, 6, 5, 3)
    images = np.lib.format.open_memmap(tmp_path / "big" / "images.npy", "w+", np.uint8, shape)
    images[:] = np.arange(images.size).reshape(shape) % 251
    images.flush()
    np.save(tmp_path / "big" / "labels.npy", np.arange(7) % 2)
    dataset = load(tmp_path, "big", in_memory=False)
    assert dataset.images_N.shape == (7, 3, 6, 5)
    assert (dataset.images_N[6].numpy() == images[6].transpose(2, 0, 1)).all()


def test_a_compressed_member_cannot_be_mapped(tmp_path, bundle):
    np.savez_compressed(tmp_path / "mine.npz", **bundle)
    with pytest.raises(DataError, match=r"images\.npy to be uncompressed.*numpy\.savez.*in_memory=true"):
        load(tmp_path, in_memory=False)


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("absent", ERRORS)
def test_missing_arrays_of_a_folder_are_refused(tmp_path, bundle, absent, in_memory):
    del bundle[absent]
    save_folder(tmp_path / "mine", bundle)
    with pytest.raises(DataError, match=ERRORS[absent]):
        load(tmp_path, "mine", in_memory=in_memory)


REFUSED = {
    "normalised": ({"images": np.full((6, 5, 5), -1, np.float32)}, "of uint8 .*got float32"),
    "wide whole numbers": ({"images": np.full((6, 5, 5), 300)}, "of uint8 .*got int64"),
    "flat": ({"images": np.zeros((6, 25), np.uint8)}, r"got \(6, 25\)"),
    "two channels": ({"images": np.zeros((6, 2, 5, 5), np.uint8)}, r"got \(6, 2, 5, 5\)"),
    "no images": ({"images": np.zeros((0, 5, 5), np.uint8), "labels": np.zeros(0, int)}, "at least 2 images"),
    "labels too few": ({"labels": np.arange(5) % 2}, r"labels of shape \(6,\).* got \(5,\)"),
    "labels of floats": ({"labels": np.arange(6) / 2}, "whole numbers or names as labels, got 0.5"),
    "negative labels": ({"labels": np.arange(6) - 2}, "at least 0"),
    "labels of a part": ({"labels": np.arange(6) - 1}, "1 of 6 are unknown"),
    "normalised test images": (
        {"test_images": np.full((3, 5, 5), -0.5), "test_labels": np.arange(3) % 2},
        "test images of uint8",
    ),
    "test images of another size": (
        {"test_images": np.zeros((3, 6, 5), np.uint8), "test_labels": np.arange(3) % 2},
        r"test images of shape \(1, 5, 5\), got \(1, 6, 5\)",
    ),
    "test images alone": ({"test_images": np.zeros((3, 5, 5), np.uint8)}, "test labels together"),
}


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_arrays_that_do_not_fit_are_refused_read_or_mapped(
    tmp_path, bundle, save, changes, message, in_memory
):
    where = save(tmp_path / "mine", bundle | changes)
    with pytest.raises(DataError, match=message) as refusal:
        load(tmp_path, where, in_memory=in_memory)
    assert len(str(refusal.value).splitlines()) == 1


def test_images_in_fortran_order_cannot_be_mapped(tmp_path, bundle, save):
    where = save(tmp_path / "mine", bundle | {"images": np.asfortranarray(bundle["images"])})
    with pytest.raises(DataError, match="C order"):
        load(tmp_path, where, in_memory=False)
    assert (load(tmp_path, where).images_N[:, 0].numpy() == bundle["images"]).all()


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("length", [0, 5, 9, 100, 128, 150, -1])
@pytest.mark.parametrize("array", ["images", "labels", "test_images"])
def test_a_truncated_file_of_a_folder_is_refused(tmp_path, whole, array, length, in_memory):
    save_folder(tmp_path / "mine", whole)
    file = tmp_path / "mine" / f"{array}.npy"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(DataError, match=r"to be whole|it is cut off") as refusal:
        load(tmp_path, "mine", in_memory=in_memory)
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_npz_is_refused(tmp_path, whole, share, in_memory):
    file = save_npz(tmp_path / "mine", whole)
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match="to be whole") as refusal:
        load(tmp_path, in_memory=in_memory)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_member_shorter_than_its_header_is_refused(tmp_path, bundle):
    """The header of the array says a thousand images, the archive holds six."""
    np.savez(tmp_path / "mine.npz", **bundle)
    content = (tmp_path / "mine.npz").read_bytes()
    assert content.count(b"'shape': (6, 5, 5), }   ") == 1
    changed = content.replace(b"'shape': (6, 5, 5), }   ", b"'shape': (6000, 5, 5), }")
    (tmp_path / "mine.npz").write_bytes(changed)
    with pytest.raises(DataError, match=r"expected 150000 bytes .* got 150: it is cut off"):
        load(tmp_path, in_memory=False)


def test_pickled_objects_are_not_mapped(tmp_path, bundle, save):
    bundle["images"] = np.array([{"image": n} for n in range(6)])
    where = save(tmp_path / "mine", bundle)
    with pytest.raises(DataError, match="to be whole"):
        load(tmp_path, where, in_memory=False)


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_file_of_another_format_is_refused(tmp_path, in_memory):
    (tmp_path / "notes.npz").write_text("# not arrays\n")
    with pytest.raises(DataError, match=r"data\.path: expected an \.npz file, got .*notes\.npz"):
        load(tmp_path, "notes.npz", in_memory=in_memory)


@pytest.mark.parametrize("values", [1, 1 / 255], ids=["from 0 to 255", "from 0 to 1"])
def test_floats_are_read_and_told_but_not_mapped(tmp_path, bundle, save, values):
    images = (bundle["images"] + 100) * values
    where = save(tmp_path / "mine", {"images": images.astype(np.float32), "labels": bundle["labels"]})
    with pytest.warns(DataWarning, match=r"mine: images of float32 from .* are (taken|scaled)"):
        assert (load(tmp_path, where).images_N[:, 0].numpy() == bundle["images"] + 100).all()
    with pytest.raises(
        DataError, match=r"leave them in their file, got float32\. Write data\.in_memory=true"
    ):
        load(tmp_path, where, in_memory=False)


def test_labels_that_do_not_count_from_0_are_classes_by_their_values(tmp_path, bundle, save):
    bundle["labels"] = np.array([60, 110, 10, 60, 10, 110])
    where = save(tmp_path / "mine", bundle)
    with pytest.warns(DataWarning, match=r"the labels 10, 60, 110 are 3 classes, numbered from 0"):
        dataset = load(tmp_path, where)
    assert dataset.class_names == ("10", "60", "110")
    assert dataset.truth_N.tolist() == [1, 2, 0, 1, 0, 2]
