"""Generated arrays: they arrive exactly, or one line says how to give them."""

import unicodedata
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alframe.core.errors import DataError, DataWarning
from alframe.data import ImageDataset

DTYPES = [">u2", "<i2", "u2", "i8", ">i4", "f2", ">f4", "f8", "?", "c8", "u1", "i1"]


def stored(images, labels=(0, 1, 0, 1)):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return ImageDataset.from_arrays("toy", images, labels)


def stored_or_refused(images, labels):
    """Return the data set, or None after a check that the refusal is one line."""
    try:
        return stored(images, labels)
    except DataError as refusal:
        message = str(refusal)
    assert message.startswith("toy: expected ")
    assert len(message.splitlines()) == 1
    return None


@settings(max_examples=60, deadline=None)
@given(
    grey=hnp.arrays(np.uint8, (4, 4, 5)),
    dtype=st.sampled_from(["f2", ">f4", "f4", "f8"]),
    form=st.sampled_from([np.asarray, np.asfortranarray, list, lambda images: images[..., None]]),
)
def test_grey_levels_in_floats_from_0_to_1_arrive_exactly(grey, dtype, form):
    grey[0, 0, 0] = 255  # the range must be clear
    images = (grey / 255).astype(dtype)
    assert (stored(form(images)).images_N[:, 0].numpy() == grey).all()


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_arrays_of_any_type_and_shape_are_read_or_refused_in_one_line(data):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shape = data.draw(st.lists(st.integers(0, 6), min_size=0, max_size=5).map(tuple) | st.just((4, 5, 6)))
    images = data.draw(hnp.arrays(dtype, shape, fill=hnp.from_dtype(dtype)))
    dataset = stored_or_refused(images, np.arange(len(images)) % 2 if images.ndim else [0, 1])
    if dataset is None or images.ndim != 3:
        return
    before, after = images.reshape(-1).astype(float), dataset.images_N.flatten().numpy().astype(float)
    assert len(before) == len(after)
    # scaling keeps the order of the grey levels
    assert (np.sign(before[1:] - before[0]) * (after[1:] - after[0]) >= 0).all()


LABELS = st.one_of(
    st.integers(-3, 300),
    st.floats(width=16),
    st.booleans(),
    st.none(),
    st.text(max_size=3),
    st.binary(max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(
    labels=st.lists(LABELS, min_size=4, max_size=4) | st.lists(st.text(max_size=2), min_size=4, max_size=4)
)
def test_any_labels_become_classes_that_lead_back_to_them_or_are_refused_in_one_line(labels):
    dataset = stored_or_refused(np.zeros((4, 5, 6), np.uint8), labels)
    if dataset is not None:
        assert [dataset.class_names[k] for k in dataset.truth_N] == [
            name_of(label, labels) for label in labels
        ]
        assert len({*dataset.truth_N.tolist()}) == dataset.n_classes >= 2


def test_numbers_among_bytes_are_refused_as_among_text():
    with pytest.raises(DataError, match="all numbers or all text"):
        ImageDataset.from_arrays("toy", np.zeros((4, 5, 6), np.uint8), [0, 0, 0.0, b"1"])


def name_of(label, labels):
    if isinstance(label, (str, bytes)):
        text = label if isinstance(label, str) else label.decode("utf-8", "replace")
        return unicodedata.normalize("NFC", text).replace("\0", "").strip()
    return str(label) if all(isinstance(each, bool) for each in labels) else str(int(label))


@pytest.mark.parametrize("bits", [8, 16])
def test_every_grey_level_of_16_bits_arrives(bits):
    levels = np.arange(256, dtype=np.uint16).reshape(4, 8, 8) * (257 if bits == 16 else 1)
    assert (stored(levels).images_N.flatten().numpy() == np.arange(256)).all()
