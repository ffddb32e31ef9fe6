"""Data sets of torch, torchvision and Hugging Face, without their files."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from alframe.core.errors import DataError, DataWarning
from alframe.data import ImageDataset

GREY = (np.arange(4 * 5 * 6) * 255 // 119).astype(np.uint8).reshape(4, 5, 6)
TRUTH = [1, 0, 2, 1]


class Pairs(Dataset):
    """Pairs of what a function makes of an image and its label."""

    def __init__(self, make=lambda image: image, labels=TRUTH):
        self.make, self.marks = make, labels

    def __len__(self):
        return 4

    def __getitem__(self, k):
        return self.make(GREY[k]), self.marks[k]


class Stored:
    """As a data set of torchvision that holds its images."""

    def __init__(self, transform=None, target_transform=None):
        self.data, self.targets, self.classes = GREY, torch.tensor(TRUTH), ["zero", "one", "two"]
        self.transform, self.target_transform = transform, target_transform

    def __len__(self):
        return 4

    def __getitem__(self, k):
        label = int(self.targets[k])
        image = GREY[k] if self.transform is None else self.transform(GREY[k])
        return image, label if self.target_transform is None else self.target_transform(label)


class Table:
    """A data set of Hugging Face, of columns, each with a feature."""

    def __init__(self, **columns):
        self.columns = columns
        self.features = {name: feature for name, (feature, _) in columns.items()}
        self.column_names = list(columns)

    def __len__(self):
        return 4

    def __getitem__(self, key):
        if isinstance(key, str):
            return self.columns[key][1]
        return {name: values[key] for name, (_, values) in self.columns.items()}


class ClassLabel:
    names = ("zero", "one", "two")


def feature(kind):
    return type(kind, (), {})()


def read(data, labels=None, **options):
    dataset = ImageDataset.from_arrays("toy", data, labels, **options)
    assert (dataset.images_N[:, 0].numpy() == GREY).all()
    return dataset.class_names, None if dataset.truth_N is None else dataset.truth_N.tolist()


PAIRS = {
    "arrays": Pairs(),
    "Pillow images": Pairs(Image.fromarray),
    "tensors": Pairs(torch.from_numpy),
    "channels first": Pairs(lambda image: torch.from_numpy(image)[None]),
    "labels in tensors": Pairs(labels=torch.tensor(TRUTH)),
    "a list of pairs": [Pairs()[k] for k in range(4)],
    "a list of dictionaries": [{"image": GREY[k], "label": TRUTH[k]} for k in range(4)],
    "a TensorDataset": TensorDataset(torch.from_numpy(GREY), torch.tensor(TRUTH)),
    "a Subset": Subset(Pairs(), range(4)),
    "two data sets": ConcatDataset([Subset(Pairs(), [0, 1]), Subset(Pairs(), [2, 3])]),
}


@pytest.mark.parametrize("data", PAIRS.values(), ids=PAIRS)
def test_pairs_are_images_and_labels(data):
    assert read(data) == (("0", "1", "2"), TRUTH)


def test_names_images_alone_and_labels_of_the_call():
    assert read(Pairs(labels=["b", "a", "b", "a"])) == (("a", "b"), [1, 0, 1, 0])
    assert read(Pairs(), [0, 1, 0, 1])[1] == [0, 1, 0, 1]
    assert read(TensorDataset(torch.from_numpy(GREY)), class_names=["no", "yes"])[1] is None
    assert read(Pairs(labels=[-1] * 4), class_names=["no", "yes"])[1] is None


def test_floats_of_a_transform_are_scaled_and_normalised_ones_refused():
    with pytest.warns(DataWarning, match="float32 from 0 to 1 are scaled"):
        read(Pairs(lambda image: torch.from_numpy(image)[None] / 255))
    with pytest.raises(DataError, match="leave Normalize out"):
        read(Pairs(lambda image: (torch.from_numpy(image)[None] / 255 - 0.5) / 0.5))


def test_torchvision_s_stored_arrays_are_used():
    names = ("zero", "one", "two")
    assert read(Stored()) == (names, TRUTH)
    assert read(Stored(), class_names=["a", "b", "c"]) == (("a", "b", "c"), TRUTH)
    with pytest.warns(DataWarning, match=r"its transform is not applied\. Give list\(dataset\)"):
        assert read(Stored(transform=lambda image: image[:4, :4]))[1] == TRUTH
    assert read(Stored(target_transform=lambda label: 2 - label)) == (names, [1, 2, 0, 1])


def test_a_subset_of_stored_arrays_keeps_its_order():
    dataset = ImageDataset.from_arrays("toy", Subset(Stored(), [2, 0]), test_images=Stored())
    assert (dataset.images_N[:, 0].numpy() == GREY[[2, 0]]).all()
    assert dataset.truth_N.tolist() == [2, 1]
    assert dataset.test_truth_T.tolist() == TRUTH
    nested = ImageDataset.from_arrays("toy", Subset(Subset(Stored(), [3, 2, 1]), [0, 2]))
    assert (nested.images_N[:, 0].numpy() == GREY[[3, 1]]).all()


def test_a_test_set_with_other_classes_is_refused():
    other = Stored()
    other.classes = ["two", "one", "zero"]
    with pytest.raises(DataError, match=r"a test set with the class names of the data\. Give class_names"):
        ImageDataset.from_arrays("toy", Stored(), test_images=other)


def test_hugging_face_s_columns_are_found_by_their_features():
    images = [Image.fromarray(image) for image in GREY]
    data = Table(id=(feature("Value"), [7, 8, 9, 5]), img=(feature("Image"), images), y=(ClassLabel(), TRUTH))
    assert read(data) == (("zero", "one", "two"), TRUTH)
    named = Table(image=(feature("Value"), images), label=(feature("Value"), ["a", "b", "a", "b"]))
    assert read(named) == (("a", "b"), [0, 1, 0, 1])
    two = Table(a=(feature("Image"), images), b=(feature("Image"), images))
    with pytest.raises(DataError, match=r'got a, b\. Give images=data\["COLUMN"\]'):
        read(two)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(Pairs())


REFUSED = {
    "a loader": (DataLoader(Pairs()), r"got a DataLoader\. Give loader\.dataset"),
    "a stream": (Stream(), r"with a length, got Stream\. Give list"),
    "splits": (
        {"train": Pairs(), "test": Pairs()},
        r"got dict with 'train', 'test'\. Give its parts one by one",
    ),
    "dictionaries without images": ([{"x": 1}, {"x": 2}], r"under the key 'image' of each item, got \['x'\]"),
    "boxes": (Pairs(labels=[{"boxes": 1}] * 4), "whole numbers or names as labels, got {'boxes': 1}"),
    "several sizes": (Pairs(lambda image: image[: 4 + (image[0, 0] > 60)]), r"of one shape, but sample 0"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_data_sets_that_cannot_be_read_say_what_to_give(data, message):
    with pytest.raises(DataError, match=message) as refusal:
        read(data)
    assert "\n" not in str(refusal.value)


def test_an_error_of_the_data_set_passes_through():
    with pytest.raises(ZeroDivisionError):
        read(Pairs(lambda image: 1 / 0))
