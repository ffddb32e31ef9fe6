import numpy as np
import pytest
import torch

from alframe.core.errors import DataError
from alframe.data import ImageDataset


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_grey_images_get_a_channel_and_classes_are_named_by_their_number():
    images, labels = noise(4, 5, 6), [0, 2, 1, 2]
    dataset = ImageDataset.from_arrays("toy", images, labels)
    assert dataset.images_N.shape == (4, 1, 5, 6)
    assert dataset.images_N.dtype == torch.uint8
    assert (dataset.images_N[:, 0].numpy() == images).all()
    assert dataset.truth_N.tolist() == labels
    assert dataset.truth_N.dtype == torch.int64
    assert dataset.class_names == ("0", "1", "2")
    assert (len(dataset), dataset.n_classes, dataset.test_images_T) == (4, 3, None)


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_images_become_channels_first(channels):
    images = noise(4, 5, 6, channels)
    stored = ImageDataset.from_arrays("toy", images, [0, 1, 0, 1]).images_N
    assert stored.shape == (4, channels, 5, 6)
    for n, y, x, c in np.ndindex(images.shape):
        assert stored[n, c, y, x] == images[n, y, x, c]


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_first_images_stay_as_they_are(channels):
    images = noise(4, channels, 5, 6)
    assert (ImageDataset.from_arrays("toy", images, [0, 1, 0, 1]).images_N.numpy() == images).all()


def test_images_are_copied():
    images = noise(2, 4, 4)
    dataset = ImageDataset.from_arrays("toy", images, [0, 1])
    before = dataset.images_N.clone()
    images += 1
    assert torch.equal(dataset.images_N, before)


def test_tensors_are_accepted_like_arrays():
    images, labels = torch.from_numpy(noise(4, 5, 6)), torch.tensor([1, 0, 1, 0], dtype=torch.int32)
    dataset = ImageDataset.from_arrays("toy", images, labels)
    assert torch.equal(dataset.images_N[:, 0], images)
    assert dataset.truth_N.tolist() == [1, 0, 1, 0]


def test_a_test_set_and_class_names_are_kept():
    images, test_images = noise(4, 5, 6), noise(3, 5, 6)
    dataset = ImageDataset.from_arrays(
        "toy", images, [0, 1, 0, 1], test_images=test_images, test_labels=[1, 1, 0], class_names=["no", "yes"]
    )
    assert (dataset.test_images_T[:, 0].numpy() == test_images).all()
    assert dataset.test_truth_T.tolist() == [1, 1, 0]
    assert dataset.class_names == ("no", "yes")


def test_labels_may_be_unknown_when_the_classes_are_named():
    dataset = ImageDataset.from_arrays("toy", noise(4, 5, 6), class_names=["no", "yes"])
    assert dataset.truth_N is None
    assert dataset.n_classes == 2


def with_nan(index):
    images = np.zeros((5, 4, 4), dtype=np.float32)
    images[index, 1, 2] = np.nan
    return images


REFUSED_IMAGES = {
    "NaN": (with_nan(3), r"sample 3 has NaN or infinity \(1 such sample\)"),
    "infinity": (np.full((4, 5, 6), np.inf), r"sample 0 has NaN or infinity \(4 such samples\)"),
    "flat": (noise(4, 30), r"got \(4, 30\)"),
    "two channels": (noise(4, 2, 5, 6), r"with 1 or 3 channels .* got \(4, 2, 5, 6\)"),
    "five axes": (noise(4, 1, 1, 5, 6), r"got \(4, 1, 1, 5, 6\)"),
    "three pixels high": (noise(4, 3, 6), r"at least 4 x 4 pixels, got \(4, 3, 6\)"),
    "one image": (noise(1, 5, 6), "at least 2 images, got 1"),
    "none": (noise(0, 5, 6), "at least 2 images, got 0"),
}


@pytest.mark.parametrize(("images", "message"), REFUSED_IMAGES.values(), ids=REFUSED_IMAGES)
def test_images_that_cannot_be_labelled_are_refused(images, message):
    labels = np.arange(len(images)) % 2
    with pytest.raises(DataError, match=message):
        ImageDataset.from_arrays("toy", images, labels)


REFUSED_LABELS = {
    "too few": ([0, 1, 0], None, r"labels of shape \(4,\), one per image, got \(3,\)"),
    "one-hot": (np.eye(4, dtype=int), None, r"got \(4, 4\)"),
    "one class": ([0, 0, 0, 0], None, "at least two classes, got 1"),
    "one class of two named": ([1, 1, 1, 1], ["no", "yes"], "at least two classes, got 1"),
    "beyond the names": ([0, 1, 2, 0], ["no", "yes"], "labels below 2, .*, got 2"),
    "unknown without names": (None, None, "class names or labels, got neither"),
    "unknown with one name": (None, ["all"], "at least two classes, got 1"),
}


@pytest.mark.parametrize(("labels", "names", "message"), REFUSED_LABELS.values(), ids=REFUSED_LABELS)
def test_labels_that_do_not_fit_are_refused(labels, names, message):
    with pytest.raises(DataError, match=message):
        ImageDataset.from_arrays("toy", noise(4, 5, 6), labels, class_names=names)


REFUSED_TESTS = {
    "images alone": (noise(3, 5, 6), None, "test images and test labels together"),
    "labels alone": (None, [0, 1, 0], "test images and test labels together"),
    "another size": (noise(3, 6, 6), [0, 1, 0], r"test images of shape \(1, 5, 6\), got \(1, 6, 6\)"),
    "too few labels": (noise(3, 5, 6), [0, 1], r"test labels of shape \(3,\), .*, got \(2,\)"),
    "NaN": (with_nan(2), [0, 1, 0, 1, 0], "finite test images, but sample 2"),
}


@pytest.mark.parametrize(("images", "labels", "message"), REFUSED_TESTS.values(), ids=REFUSED_TESTS)
def test_a_test_set_that_does_not_fit_is_refused(images, labels, message):
    with pytest.raises(DataError, match=message):
        ImageDataset.from_arrays("toy", noise(4, 5, 6), [0, 1, 0, 1], test_images=images, test_labels=labels)


def test_messages_begin_with_the_name_of_the_data_set():
    with pytest.raises(DataError, match=r"^moons: expected at least two classes"):
        ImageDataset.from_arrays("moons", noise(4, 5, 6), [0, 0, 0, 0])
