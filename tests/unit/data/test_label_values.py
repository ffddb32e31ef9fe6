"""Labels in many forms, and the classes that they become."""

import numpy as np
import pandas as pd
import pytest
import torch

from alframe.core.errors import DataError, DataWarning
from alframe.data import ImageDataset

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 5, 6), dtype=np.uint8)
ANIMALS = ["dog", "cat", "dog", "ant"]


def read(labels, images=IMAGES, **options):
    dataset = ImageDataset.from_arrays("toy", images, labels, **options)
    return dataset.class_names, None if dataset.truth_N is None else dataset.truth_N.tolist()


FORMS = {
    "int32": np.array([1, 0, 1, 2], np.int32),
    "uint8": np.array([1, 0, 1, 2], np.uint8),
    "big-endian": np.array([1, 0, 1, 2], ">i8"),
    "whole floats": [1.0, 0.0, 1.0, 2.0],
    "NumPy scalars": [np.int64(1), np.uint8(0), np.float32(1), 2],
    "objects": np.array([1, 0, 1, 2], dtype=object),
    "a tensor": torch.tensor([1, 0, 1, 2], dtype=torch.int32),
    "a list of tensors": [torch.tensor(1), torch.tensor(0), torch.tensor(1), torch.tensor(2)],
    "one column": np.array([[1], [0], [1], [2]]),
    "a tuple": (1, 0, 1, 2),
    "a Series": pd.Series([1, 0, 1, 2], index=[7, 3, 9, 1]),
    "a nullable Series": pd.Series([1, 0, 1, 2], dtype="Int64"),
}


@pytest.mark.parametrize("labels", FORMS.values(), ids=FORMS)
def test_whole_numbers_are_read_in_any_form(labels):
    assert read(labels) == (("0", "1", "2"), [1, 0, 1, 2])
    assert read(labels, class_names=["no", "yes", "new"]) == (("no", "yes", "new"), [1, 0, 1, 2])


TEXTS = {
    "a list": ANIMALS,
    "an array": np.array(ANIMALS),
    "objects": np.array(ANIMALS, dtype=object),
    "bytes": np.array(ANIMALS, dtype="S"),
    "a Series": pd.Series(ANIMALS),
    "a categorical Series": pd.Series(ANIMALS, dtype="category"),
    "outer spaces": ["dog ", " cat", "dog", "ant"],
}


@pytest.mark.parametrize("labels", TEXTS.values(), ids=TEXTS)
def test_names_are_classes_in_natural_order(labels):
    assert read(labels) == (("ant", "cat", "dog"), [2, 1, 2, 0])
    assert read(labels, class_names=["dog", "cat", "ant", "bee"])[1] == [0, 1, 0, 2]


def test_names_with_numbers_are_in_the_order_of_the_numbers():
    assert read(["b10", "b9", "b10", "b9"]) == (("b9", "b10"), [1, 0, 1, 0])
    assert read(["10", "9", "010", "9"])[0] == ("9", "010", "10")


def test_composed_and_decomposed_names_are_one_class():
    assert read(["Ka\u0308se", "K\u00e4se", "b", "b"]) == (("K\u00e4se", "b"), [0, 0, 1, 1])


def test_bool_labels_are_false_and_true():
    assert read([True, False, True, True]) == (("False", "True"), [1, 0, 1, 1])
    assert read(np.array([True, False, True, True], dtype=object))[0] == ("False", "True")
    assert read(np.array([True, False, True, True]), class_names=["no", "yes"])[1] == [1, 0, 1, 1]


@pytest.mark.parametrize(
    ("labels", "names"),
    [([1, 2, 5, 2], ("1", "2", "5")), ([110, 10, 60, 10], ("10", "60", "110")), ([0, 2, 0, 2], ("0", "2"))],
)
def test_numbers_with_gaps_are_classes_named_by_their_numbers_and_told(labels, names):
    with pytest.warns(DataWarning, match=rf"toy: the labels {', '.join(names)} are {len(names)} classes"):
        found, truth = read(labels)
    assert found == names
    assert [found[k] for k in truth] == [str(label) for label in labels]
    assert read(labels, class_names=names) == (names, truth)


def test_numeric_names_that_fit_twice_are_refused():
    with pytest.raises(DataError, match=r"read in one way, but 1 is the name of a class and the position of"):
        read([1, 2, 1, 2], class_names=["1", "2", "3"])
    assert read(["1", "2", "1", "2"], class_names=["1", "2", "3"])[1] == [0, 1, 0, 1]
    assert read([0, 2, 1, 2], class_names=["1", "2", "3"])[1] == [0, 2, 1, 2]


def test_a_class_may_occur_in_the_test_set_alone():
    dataset = ImageDataset.from_arrays(
        "toy", IMAGES, ANIMALS, test_images=IMAGES[:2], test_labels=["bee", "cat"]
    )
    assert dataset.class_names == ("ant", "bee", "cat", "dog")
    assert dataset.test_truth_T.tolist() == [1, 2]
    assert dataset.truth_N.tolist() == [3, 2, 3, 0]
    with pytest.raises(DataError, match=r"test labels among the class names dog, cat, ant, got 'bee'"):
        ImageDataset.from_arrays(
            "toy",
            IMAGES,
            ANIMALS,
            test_images=IMAGES[:2],
            test_labels=["bee", "cat"],
            class_names=["dog", "cat", "ant"],
        )
    with pytest.raises(DataError, match=r"expected test labels in the form of labels"):
        ImageDataset.from_arrays("toy", IMAGES, ANIMALS, test_images=IMAGES[:2], test_labels=[0, 1])


NOTHING = ([-1] * 4, [None] * 4, [float("nan")] * 4, [""] * 4, pd.Series([pd.NA] * 4))


@pytest.mark.parametrize("labels", NOTHING, ids=repr)
def test_labels_that_are_all_unknown_count_as_none(labels):
    assert read(labels, class_names=["no", "yes"]) == (("no", "yes"), None)
    with pytest.raises(DataError, match="class names or labels, got neither"):
        read(labels)


PARTLY = {
    "-1": [0, -1, 1, -1],
    "None": [0, None, 1, None],
    "NaN": [0.0, float("nan"), 1.0, float("nan")],
    "NA": pd.Series([0, None, 1, None], dtype="Int64"),
    "empty": ["a", "", "b", " "],
    "None among names": ["a", None, "b", None],
    "NaN in a list of names": ["a", float("nan"), "b", float("nan")],
    "NaN among names": pd.Series(["a", None, "b", None]),
}


@pytest.mark.parametrize("labels", PARTLY.values(), ids=PARTLY)
def test_a_truth_known_for_a_part_is_refused_with_the_way_out(labels):
    with pytest.raises(
        DataError, match=r"2 of 4 are unknown .* sample 1\)\. Leave these images out; or .*oracle"
    ):
        read(labels)


REFUSED = {
    "fractions": ([0.5, 1.0, 0.0, 1.0], "whole numbers or names as labels, got 0.5"),
    "infinity": ([0.0, float("inf"), 0.0, 1.0], "got inf"),
    "negative": (
        [0, -2, 0, 1],
        r"at least 0, got -2\. Number the classes from 0, or give their names as text",
    ),
    "both": ([0, "cat", 0, 1], "all numbers or all text, got 0 and 'cat'"),
    "one-hot": (np.eye(4, dtype=int), r"got \(4, 4\)\. Give labels\.argmax\(1\)"),
    "dictionaries": ([{"a": 1}] * 4, "got {'a': 1}"),
    "too large": (np.array([0, 1, 2, 2**63], np.uint64), "got 9223372036854775808"),
    "a set": ({0, 1}, "in an array or a list, got set"),
    "a generator": ((k for k in range(4)), "got generator"),
    "too large a float": ([1e300, 0, 1, 2], r"got 1e\+300"),
    "dates": (np.array(["2026-01-01"] * 4, "datetime64[D]"), r"got datetime\.date"),
    "one text": ("cat", "labels as an array, got 'cat'"),
}


@pytest.mark.parametrize(("labels", "message"), REFUSED.values(), ids=REFUSED)
def test_labels_of_no_class_are_refused(labels, message):
    with pytest.raises(DataError, match=message) as refusal:
        read(labels)
    assert "\n" not in str(refusal.value)


def test_more_classes_than_anyone_names_are_refused():
    many = np.broadcast_to(IMAGES[:1], (10_001, 5, 6))
    with pytest.raises(DataError, match="at most 10000 classes, got 10001 different ones"):
        read(np.arange(10_001), many)


NAMES = {
    "text": ("cat", r"class names in a list, one per class, got 'cat'\. Give class_names="),
    "a number": (2, "got 2"),
    "a mapping": ({0: "cat", 1: "dog"}, "in a list"),
    "without order": ({"cat"}, "in a list"),
    "twice": (["cat", "dog", "cat"], "got 'cat' twice. Rename one"),
    "twice, with a space": (["cat", "dog", "cat "], "'cat ' twice"),
    "empty": (["cat", ""], "the name ''"),
}


@pytest.mark.parametrize(("names", "message"), NAMES.values(), ids=NAMES)
def test_class_names_are_checked(names, message):
    with pytest.raises(DataError, match=message):
        read(None, class_names=names)


@pytest.mark.parametrize("names", [np.array(["no", "yes"]), pd.Series(["no", "yes"]), ("no", "yes")])
def test_class_names_are_read_in_any_form(names):
    assert read(None, class_names=names)[0] == ("no", "yes")
    assert read([60, 10, 60, 10], class_names=[10, 60]) == (("10", "60"), [1, 0, 1, 0])
