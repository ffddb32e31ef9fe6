"""Directories of Hugging Face's `datasets`: as saved by it, and as it can load them."""

import importlib.util
import sys

import pytest
from PIL import Image

from alframe.core.errors import ConfigError, DataError
from alframe.data import DecodedImages, hugging_face

SETTINGS = {"name": "mine", "download": False, "size": [8, 8], "channels": None, "max_megapixels": None}
SETTINGS |= {
    "class_names": None,
    "image_column": None,
    "label_column": None,
    "split": None,
    "test_split": None,
}
installed = importlib.util.find_spec("datasets") is not None
needs_datasets = pytest.mark.skipif(not installed, reason="the library datasets is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:.*after they were read", "ignore::DeprecationWarning")


def load(root, path, **changes):
    return hugging_face(**{**SETTINGS, "data_dir": str(root), "path": path, **changes})


def pictures(*sizes):
    """Return red images of some widths, each of another value."""
    return [Image.new("RGB", (width, 6), (20 * k + 20, 0, 0)) for k, width in enumerate(sizes)]


def made(images, labels, **columns):
    from datasets import ClassLabel, Dataset, Features, Value
    from datasets import Image as Picture

    features = {"picture": Picture(), "label": ClassLabel(names=["cat", "dog"])}
    features |= {name: Value("int64") for name in columns}
    return Dataset.from_dict({"picture": images, "label": labels, **columns}, features=Features(features))


@pytest.fixture
def saved(tmp_path):
    """A data set of differing sizes with a test set without labels and a validation set."""
    from datasets import DatasetDict

    splits = {
        "train": made(pictures(8, 9, 10, 8), [0, 1, 1, 0], number=[1, 0, 2, 2]),
        "test": made(pictures(8, 9), [-1, -1]),
        "validation": made(pictures(8, 9, 10), [1, 0, 1]),
    }
    DatasetDict(splits).save_to_disk(tmp_path / "pets")
    return tmp_path


@needs_datasets
def test_images_of_any_size_are_written_to_files_once(saved):
    data = load(saved, "pets")
    assert isinstance(data.images_N, DecodedImages)
    assert data.class_names == ("cat", "dog")
    assert data.truth_N.tolist() == [0, 1, 1, 0]
    assert data.images_N.pixels()[:, 0, 0, 0].tolist() == [20, 40, 60, 80]
    assert data.test_truth_T.tolist() == [1, 0, 1]  # validation: the labels of test are unknown
    times = [path.stat().st_mtime_ns for path in data.paths_N]
    again = load(saved, "pets")
    assert [path.stat().st_mtime_ns for path in again.paths_N] == times
    assert data.paths_N[0].is_relative_to(saved / "huggingface")


@needs_datasets
def test_splits_and_columns_are_chosen_by_name(saved):
    joined = load(saved, "pets", split=["train", "validation"], test_split="none", image_column="picture")
    assert joined.truth_N.tolist() == [0, 1, 1, 0, 1, 0, 1]
    assert joined.test_images_T is None
    assert load(saved, "pets", label_column="none", class_names=["a", "b"], test_split="none").truth_N is None
    numbers = load(saved, "pets", label_column="number", test_split="none")
    assert numbers.class_names == ("0", "1", "2")
    for changes, message in (
        ({"split": "extra"}, r"data\.split: expected one of train, test, validation, got 'extra'"),
        ({"test_split": "extra"}, r"data\.test_split: expected one of train"),
    ):
        with pytest.raises(ConfigError, match=message):
            load(saved, "pets", **changes)
    with pytest.raises(DataError, match=r"data\.image_column: expected one of picture, label, .*got 'img'"):
        load(saved, "pets", image_column="img")


@needs_datasets
def test_small_images_of_one_size_are_arrays(tmp_path):
    made(pictures(8, 8, 8), [0, 1, 1]).save_to_disk(tmp_path / "small")
    data = load(tmp_path, "small", size=None)
    assert data.images_N[:, 0, 0, 0].tolist() == [20, 40, 60]
    assert data.images_N.shape == (3, 3, 6, 8)
    assert data.paths_N is None
    assert not (tmp_path / "huggingface").exists()


@needs_datasets
def test_directories_of_images_and_of_parquet_files_are_loaded(tmp_path):
    for k, image in enumerate(pictures(8, 9, 10, 11)):
        file = tmp_path / "tree" / "train" / "ab"[k % 2] / f"{k}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file)
    data = load(tmp_path, "tree")
    assert data.files_N == ("train/a/0.png", "train/a/2.png", "train/b/1.png", "train/b/3.png")
    assert data.truth_N.tolist() == [0, 0, 1, 1]
    (tmp_path / "parquet").mkdir()
    made(pictures(8, 9), [0, 1]).to_parquet(tmp_path / "parquet" / "train.parquet")
    assert load(tmp_path, "parquet").images_N.pixels()[:, 0, 0, 0].tolist() == [20, 40]


@needs_datasets
def test_what_is_no_data_set_is_refused_in_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "state.json").write_text("{")
    for path in ("empty", "cut"):
        with pytest.raises(
            DataError, match=r"data\.path: expected what datasets\.save_to_disk writes"
        ) as error:
            load(tmp_path, path)
        assert len(str(error.value).splitlines()) == 1
    made([pictures(8)[0], None, pictures(9)[0]], [0, 1, 1]).save_to_disk(tmp_path / "hole")
    with pytest.raises(
        DataError, match=r"data\.image_column: expected an image in each row, got none in row 1"
    ):
        load(tmp_path, "hole")


def test_without_the_library_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"pip install 'alframe\[huggingface\]'"):
        load(tmp_path, str(tmp_path))
