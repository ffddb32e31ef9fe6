"""Images in many forms: what arrives as uint8, what is told, and what is refused with the way out."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from alframe.core.errors import DataError, DataWarning
from alframe.data import ImageDataset

GREY = (np.arange(4 * 5 * 6) * 255 // 119).astype(np.uint8).reshape(4, 5, 6)  # from 0 to 255
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=3)


def stored(images, **options):
    return ImageDataset.from_arrays("toy", images, [0, 1, 0, 1], **options).images_N.numpy()


QUIET = {
    "int64": GREY.astype(np.int64),
    "int16": GREY.astype(np.int16),
    "uint16": GREY.astype(np.uint16),
    "big-endian": GREY.astype(">i4"),
    "Fortran order": np.asfortranarray(GREY),
    "not contiguous": np.repeat(GREY, 2, axis=2)[:, :, ::2],
    "reversed": GREY[::-1][::-1],
    "a list of arrays": list(GREY),
    "nested lists": GREY.tolist(),
    "an array of objects": np.array([*GREY, None], dtype=object)[:4],
    "a list of tensors": list(torch.from_numpy(GREY)),
    "a tensor of int64": torch.from_numpy(GREY).long(),
    "a list of Pillow images": [Image.fromarray(image) for image in GREY],
    "a column of a table": pd.Series(list(GREY)),
    "a tuple of both": (Image.fromarray(GREY[0]), *GREY[1:]),
}


@pytest.mark.parametrize("images", QUIET.values(), ids=QUIET)
def test_whole_numbers_from_0_to_255_arrive_as_they_are(images):
    assert (stored(images)[:, 0] == GREY).all()


def test_read_only_images_and_bool_arrive():
    images = GREY.copy()
    images.flags.writeable = False
    assert (stored(images)[:, 0] == GREY).all()
    assert (stored(images > 100)[:, 0] == np.where(GREY > 100, 255, 0)).all()


FLOATS = {
    "0 to 1": (GREY / 255, "are scaled from 0 ... 1 to"),
    "0 to 1 in half precision": ((GREY / 255).astype(np.float16), "float16 from 0 to 1 are scaled"),
    "0 to 1, slightly outside": (GREY / 255 * 1.0006 - 0.0003, "are scaled"),
    "0 to 255": (GREY.astype(np.float32), "are taken as grey levels"),
    "0 to 255 with fractions": (GREY + np.float32(0.2) * (GREY < 255), "are scaled from 0 ... 255"),
    "0 to 16": ((GREY // 16).astype(float) * 1.0, "from 0 to 15 are taken"),
    "a tensor that needs gradients": (torch.from_numpy(GREY / 255).requires_grad_(), "are scaled"),
    "bfloat16": (torch.from_numpy(GREY // 255 * 255).to(torch.bfloat16), "are taken"),
    "big-endian floats": ((GREY / 255).astype(">f4"), "are scaled"),
    "16 bits": (GREY.astype(np.uint16) * 257, "scaled from 0 ... 65535"),
    "16 bits, big-endian": ((GREY.astype(np.uint16) * 257).astype(">u2"), "scaled from 0 ... 65535"),
}


@pytest.mark.parametrize(("images", "told"), FLOATS.values(), ids=FLOATS)
def test_a_clear_range_is_scaled_exactly_and_told(images, told):
    with pytest.warns(DataWarning, match=f"^toy: images of .*{re.escape(told)}"):
        found = stored(images)[:, 0]
    expected = {"from 0 to 15 are taken": GREY // 16}.get(told, GREY)
    assert (
        found == (GREY // 255 * 255 if getattr(images, "dtype", None) == torch.bfloat16 else expected)
    ).all()


REFUSED = {
    "normalised": (
        (GREY / 255 - 0.5) / 0.2,
        r"from -2\.5 to 2\.5\. .*images \* std \+ mean, or leave Normalize out",
    ),
    "from -1 to 1": (GREY / 127.5 - 1, "undo it with"),
    "from 0 to 100": (GREY / 2.55, r"from 0 to 100\. Give \(images / WHITE \* 255\)\.round\(\)"),
    "a dark part of 0 to 1": (GREY / 255 / 100, "Give"),
    "12 bits": (GREY.astype(np.uint16) * 16, "uint16 from 0 to 4080"),
    "int32": (GREY.astype(np.int32) * 257, "int32 from 0 to 65535"),
    "int8": (GREY.astype(np.int16) - 128, "int16 from -128 to 127"),
    "complex": (GREY * 1j, "numbers, got complex128"),
    "alpha last": (np.concatenate([COLOUR, COLOUR[..., :1]], 3), r"Give images\[\.\.\., :3\] if the last"),
    "alpha first": (np.zeros((4, 4, 5, 6), np.uint8), r"Give images\[:, :3\] if the last channel is alpha"),
    "grey and alpha": (np.zeros((4, 5, 6, 2), np.uint8), r"Give images\[\.\.\., :1\]"),
    "rows": (
        np.zeros((4, 784), np.uint8),
        r"Give numpy\.asarray\(images\)\.reshape\(-1, 28, 28\) if each row is an image",
    ),
    "a path": ("my_images", r"got 'my_images'\. For a folder of images run alframe data=folder"),
    "paths": (["a.png", "b.png"], r"got files such as 'a\.png'\. Open them \(PIL\.Image\.open\)"),
    "several shapes": ([*GREY[:3], GREY[3, 1:]], r"sample 0 has \(5, 6\) and sample 3 \(4, 6\)\. Resize"),
    "images and labels in one": ((GREY, np.array([0, 1, 0, 1])), "Give images and labels as two arguments"),
    "two tuples": (
        ((GREY, [0, 1, 0, 1]), (GREY, [0, 1, 0, 1])),
        r"got two tuples\. Give their arrays one by one",
    ),
    "a column of paths": (pd.Series(["a.png", "b.png"]), r"got files such as 'a\.png'"),
    "a sparse tensor": (torch.from_numpy(GREY).to_sparse(), "as one array, of one shape: .*to_dense"),
    "several sizes": ([Image.new("L", (8, 8)), Image.new("L", (9, 8))], r"sample 1 \(8, 9\)"),
    "None among them": ([GREY[0], None, GREY[2], GREY[3]], "sample 1 NoneType"),
    "nothing": (None, "data set with a length, got NoneType"),
    "a number": (3, "got int"),
    "a generator": ((image for image in GREY), r"got generator\. Give list\(\.\.\.\)"),
    "a mapping": ({"train": GREY, "test": GREY}, "got dict with 'train', 'test'. Give its parts"),
}


@pytest.mark.parametrize(("images", "message"), REFUSED.values(), ids=REFUSED)
def test_unclear_images_are_refused_in_one_line_with_the_way_out(images, message):
    with pytest.raises(DataError, match=message) as refusal:
        stored(images)
    assert "\n" not in str(refusal.value)


def test_pillow_s_modes_become_grey_or_colour():
    red = Image.new("RGBA", (6, 5), (255, 0, 0, 255))
    clear = Image.new("RGBA", (6, 5), (255, 0, 0, 0))
    palette = Image.fromarray(COLOUR[0]).quantize()
    grey = Image.fromarray(GREY[0])
    found = stored([red, clear, palette, grey])
    assert found.shape == (4, 3, 5, 6)
    assert found[:2, :, 0, 0].tolist() == [[255, 0, 0], [255, 255, 255]]
    assert (found[3] == GREY[0]).all()
    assert stored([grey.convert("1"), grey.convert("LA").convert("L"), grey, grey]).shape == (4, 1, 5, 6)


def test_pillow_s_wide_images_are_scaled_together():
    with pytest.warns(DataWarning, match="uint16 from 0 to 65535"):
        found = stored([Image.fromarray(image.astype(np.int32) * 257) for image in GREY])
    assert (found[:, 0] == GREY).all()


def test_test_images_are_scaled_like_images():
    test = {"test_images": GREY[:2] / 600, "test_labels": [0, 1]}
    with pytest.warns(DataWarning, match="scaled from 0 ... 1"):
        dataset = ImageDataset.from_arrays("toy", GREY / 255, [0, 1, 0, 1], **test)
    assert dataset.test_images_T.max() == round(float(GREY[:2].max()) / 600 * 255)
    test = {"test_images": GREY / 255, "test_labels": [0, 1, 0, 1]}
    with pytest.warns(DataWarning, match="test images of float64"):
        dataset = ImageDataset.from_arrays("toy", GREY, [0, 1, 0, 1], **test)
    assert torch.equal(dataset.test_images_T, dataset.images_N)
