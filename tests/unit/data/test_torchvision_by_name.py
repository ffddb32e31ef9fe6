"""Data sets of torchvision by name: each layout with a few made-up images, as its reader expects them."""

import json
import os
import pickle

import numpy as np
import pytest
import scipy.io
import torchvision.datasets
from PIL import Image

from alframe.core.errors import ConfigError, DataError, DataWarning
from alframe.data import DecodedImages, torchvision_by_name

SETTINGS = {"name": "mine", "split": None, "test_split": None, "options": {}, "size": None, "channels": None}
SETTINGS |= {"max_megapixels": None, "download": False}


@pytest.fixture(autouse=True)
def any_content(monkeypatch):
    """Made-up files have other checksums than the published ones."""
    for module in ("cifar", "svhn", "stl10", "flowers102"):
        monkeypatch.setattr(
            getattr(torchvision.datasets, module),
            "check_integrity",
            lambda path, md5=None: os.path.isfile(path),
        )


def load(root, dataset, **changes):
    return torchvision_by_name(**{**SETTINGS, "data_dir": str(root), "dataset": dataset, **changes})


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(root, name, value=0, size=(8, 6)):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 0, 0)).save(file)


def reds(images):
    return images.pixels()[:, 0, 0, 0].tolist()


def write_svhn(root, n, split, first=1):
    images = noise(32, 32, 3, n, seed=n)
    labels = (np.arange(n) % 10 + first).reshape(-1, 1)
    scipy.io.savemat(root / f"{split}_32x32.mat", {"X": images, "y": labels})
    return images


def test_svhn_is_an_array_with_its_digits_as_classes(tmp_path):
    images = write_svhn(tmp_path, 12, "train")
    write_svhn(tmp_path, 10, "test")
    write_svhn(tmp_path, 11, "extra")
    data = load(tmp_path, "svhn")
    assert data.images_N.shape == (12, 3, 32, 32)
    assert (data.images_N[3].permute(1, 2, 0).numpy() == images[..., 3]).all()
    assert data.truth_N.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]  # the files say 10 for the digit 0
    assert data.class_names == tuple("0123456789")
    assert len(data.test_images_T) == 10
    joined = load(tmp_path, "SVHN", split=["train", "extra"], test_split="none")
    assert len(joined) == 23
    assert joined.truth_N[12:].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert joined.test_images_T is None


def test_a_folder_with_the_name_of_the_data_set_is_found(tmp_path):
    (tmp_path / "svhn").mkdir()
    for split in ("train", "test"):
        write_svhn(tmp_path / "svhn", 10, split)
    assert len(load(tmp_path, "SVHN")) == 10


def test_cifar100_has_the_names_of_its_fine_classes(tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for split, n in (("train", 5), ("test", 3)):
        content = {"data": noise(n, 3072), "fine_labels": [k % 3 for k in range(n)], "coarse_labels": [0] * n}
        (folder / split).write_bytes(pickle.dumps(content))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": ["apple", "bear", "chair"]}))
    data = load(tmp_path, "CIFAR-100")
    assert data.images_N.shape == (5, 3, 32, 32)
    assert data.class_names == ("apple", "bear", "chair")
    assert data.truth_N.tolist() == [0, 1, 2, 0, 1]
    assert data.test_truth_T.tolist() == [0, 1, 2]


def test_stl10_has_images_with_and_without_labels(tmp_path):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    for split, n in (("train", 4), ("test", 2), ("unlabeled", 3)):
        (folder / f"{split}_X.bin").write_bytes(noise(n, 3, 96, 96).tobytes())
        (folder / f"{split}_y.bin").write_bytes(np.array([1, 2] * n, dtype=np.uint8)[:n].tobytes())
    (folder / "class_names.txt").write_text("airplane\nbird\n")
    data = load(tmp_path, "stl10")
    assert data.images_N.shape == (4, 3, 96, 96)
    assert (data.images_N[0].numpy() == noise(4, 3, 96, 96)[0].transpose(0, 2, 1)).all()
    assert data.class_names == ("airplane", "bird")
    assert load(tmp_path, "STL10", split="unlabeled").truth_N is None
    with pytest.raises(DataError, match=r"3 of 7 are unknown"):
        load(tmp_path, "STL10", split="train+unlabeled")


def test_emnist_takes_its_kind_as_split_and_is_upright(tmp_path):
    folder = tmp_path / "EMNIST" / "raw"
    folder.mkdir(parents=True)
    images = noise(4, 28, 28)
    for split in ("train", "test"):
        for kind, array in (("images-idx3", images), ("labels-idx1", np.array([1, 26, 2, 2], np.uint8))):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
            (folder / f"emnist-letters-{split}-{kind}-ubyte").write_bytes(header + array.tobytes())
    data = load(tmp_path, "EMNIST", split="letters")
    assert data.class_names[:2] == ("a", "b")  # without torchvision's N/A
    assert data.n_classes == 26
    assert data.truth_N.tolist() == [0, 25, 1, 1]
    assert (data.images_N[1, 0].numpy() == images[1].T).all()
    with pytest.raises(ConfigError, match=r"data\.split: expected one of 'byclass', .*, got 'greek'"):
        load(tmp_path, "EMNIST", split="greek")
    with pytest.raises(DataError, match=r"expected mine under .*, found none\. "):
        load(tmp_path, "EMNIST")  # balanced is not there


def test_flowers_are_files_of_any_size_and_splits_can_be_joined(tmp_path):
    folder = tmp_path / "flowers-102"
    for k in range(1, 8):
        save(folder, f"jpg/image_{k:05d}.jpg", 10 * k, size=(6 + k, 8))
    scipy.io.savemat(folder / "imagelabels.mat", {"labels": np.array([[1, 102, 2, 1, 2, 102, 1]])})
    ids = {"trnid": [[3, 1]], "valid": [[4, 5]], "tstid": [[6, 7]]}
    scipy.io.savemat(folder / "setid.mat", ids)
    data = load(tmp_path, "flowers102", size=[8, 8])
    assert isinstance(data.images_N, DecodedImages)
    assert data.files_N == ("flowers-102/jpg/image_00003.jpg", "flowers-102/jpg/image_00001.jpg")
    assert data.n_classes == 102
    assert [data.class_names[k] for k in data.truth_N] == ["hard-leaved pocket orchid", "pink primrose"]
    assert data.test_truth_T.tolist() == [101, 0]
    assert data.images_N.pixels().shape == (2, 3, 8, 8)
    joined = load(tmp_path, "flowers102", size=[8, 8], split=["train", "val"])
    assert joined.truth_N.tolist() == [1, 0, 0, 1]


def test_a_listed_file_that_is_missing_or_too_large_is_left_out(tmp_path):
    folder = tmp_path / "dtd" / "dtd"
    (folder / "labels").mkdir(parents=True)
    names = [f"{kind}/{kind}_{k}.jpg" for kind in ("banded", "dotted") for k in range(3)]
    for split, chosen in (("train", names), ("test", names[::3]), ("val", names[:2])):
        (folder / "labels" / f"{split}1.txt").write_text("\n".join(chosen))
    for k, name in enumerate(names):
        save(folder, f"images/{name}", 20 * k, size=(40, 30) if k == 4 else (8, 6))
    (folder / "images" / names[0]).unlink()
    with pytest.warns(DataWarning) as caught:
        data = load(tmp_path, "DTD", max_megapixels=0.001)
    line = next(str(each.message) for each in caught if "image files" in str(each.message))
    assert line.startswith(
        "data.dataset: 2 of 6 image files are too large or cannot be read and are left out"
    )
    assert "banded_0.jpg (no longer there)" in line
    assert "dotted_1.jpg (0.0012 million pixels, more than data.max_megapixels)" in line
    assert data.truth_N.tolist() == [0, 0, 1, 1]
    assert reds(data.images_N)[0] == pytest.approx(20, abs=3)
    assert data.test_truth_T.tolist() == [1]


def test_pets_are_labelled_by_breed(tmp_path):
    folder = tmp_path / "oxford-iiit-pet"
    (folder / "annotations").mkdir(parents=True)
    lines = ["Abyssinian_1 1 1 1", "american_bulldog_7 2 2 1", "Abyssinian_3 1 1 1"]
    for split, some in (("trainval", lines), ("test", lines[:2])):
        (folder / "annotations" / f"{split}.txt").write_text("\n".join(some))
    for line in lines:
        save(folder, f"images/{line.split()[0]}.jpg")
    data = load(tmp_path, "OxfordIIITPet")
    assert data.class_names == ("Abyssinian", "American Bulldog")
    assert data.truth_N.tolist() == [0, 1, 0]
    assert len(data.test_images_T) == 2
    with pytest.raises(ConfigError, match=r"data\.options: expected arguments of .*, got 'target_types'"):
        load(tmp_path, "OxfordIIITPet", options={"target_types": "binary-category"})


def test_food_and_aircraft_and_folders_of_classes(tmp_path):
    for k, name in enumerate(["pho/1", "pho/2", "taco/3"]):
        save(tmp_path, f"food-101/images/{name}.jpg", 40 * k)
    (tmp_path / "food-101" / "meta").mkdir()
    for split, some in (("train", {"pho": ["pho/2"], "taco": ["taco/3"]}), ("test", {"pho": ["pho/1"]})):
        (tmp_path / "food-101" / "meta" / f"{split}.json").write_text(json.dumps(some))
    food = load(tmp_path, "food101")
    assert (food.class_names, food.truth_N.tolist()) == (("pho", "taco"), [0, 1])
    data = tmp_path / "fgvc-aircraft-2013b" / "data"
    for k in range(4):
        save(data, f"images/{k}.jpg")
    (data / "families.txt").write_text("Boeing 737\nA320\n")
    for split in ("trainval", "test"):
        (data / f"images_family_{split}.txt").write_text("0 A320\n1 Boeing 737\n2 A320\n")
    planes = load(tmp_path, "FGVC-Aircraft", options={"annotation_level": "family"})
    assert planes.truth_N.tolist() == [1, 0, 1]
    for part in ("train", "val"):
        for wnid in ("n01440764", "n02102040"):
            save(tmp_path, f"imagenette2-160/{part}/{wnid}/{part}.JPEG")
    few = load(tmp_path, "Imagenette", options={"size": "160px"})
    assert few.class_names == ("tench, Tinca tinca", "English springer, English springer spaniel")
    assert len(few.test_images_T) == 2
    for kind in ("Forest", "River"):
        save(tmp_path, f"eurosat/2750/{kind}/{kind}_1.jpg")
    assert load(tmp_path, "EuroSAT").test_images_T is None


def test_items_without_an_array_or_files_are_read_one_by_one(tmp_path):
    options = {"size": 6, "image_size": [3, 8, 8], "num_classes": 2}
    data = load(tmp_path, "FakeData", options=options)
    assert data.images_N.shape == (6, 3, 8, 8)
    assert data.n_classes == 2


@pytest.mark.parametrize(
    ("dataset", "changes", "message"),
    [
        ("CIFA", {}, r"data\.dataset: .* such as SVHN, got 'CIFA'\. Perhaps CIFAR10"),
        ("ImageFolder", {}, r"data\.dataset: .*data=folder"),
        ("CocoDetection", {}, r"data\.options: expected the arguments annFile of CocoDetection"),
        ("Caltech101", {"split": "train"}, r"data\.split: expected null, since Caltech101 has no splits"),
        ("USPS", {"test_split": "val"}, r"data\.test_split: expected null or none, since USPS"),
        ("DTD", {"split": "all"}, r"data\.split: expected one of .*'train'.*, got 'all'"),
        ("Food101", {"test_split": "all"}, r"data\.test_split: expected one of"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, dataset, changes, message):
    if dataset == "Food101":
        (tmp_path / "food-101" / "meta").mkdir(parents=True)
        (tmp_path / "food-101" / "images").mkdir()
        (tmp_path / "food-101" / "meta" / "train.json").write_text('{"pho": ["pho/1"], "taco": ["taco/2"]}')
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, dataset, **changes)


@pytest.mark.parametrize("dataset", ["SVHN", "USPS", "Flowers102", "Caltech101", "Places365", "LFWPeople"])
def test_missing_data_name_the_folder_and_the_way_out(tmp_path, dataset):
    with pytest.raises(DataError, match=rf"expected mine under {tmp_path}, found none.*data\.download=true"):
        load(tmp_path, dataset)
