"""Pictures for the browser: right, bounded in memory, drawn once, and refused if the image has changed."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from alframe.data import ImageDataset
from alframe.data.folder import folder
from alframe.data.identity import content_digest
from alframe.page import pictures as module
from alframe.page.pictures import Changed, Pictures

PIXELS = torch.randint(0, 256, (6, 3, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


@pytest.fixture
def arrays():
    return ImageDataset.from_arrays("mine", PIXELS, class_names=("cat", "dog"))


@pytest.fixture
def photographs(tmp_path):
    ramp = np.linspace(0, 255, 900 * 1200, dtype=np.uint8).reshape(900, 1200)
    for number in range(3):
        image = Image.fromarray(np.roll(ramp, 300 * number, axis=0)).convert("RGB")
        exif = image.getexif()
        exif[0x0112] = 6  # to be turned by a quarter
        image.save(tmp_path / f"img{number}.jpg", exif=exif)
    settings = {"name": "mine", "path": str(tmp_path), "data_dir": ".", "download": False, "size": [96, 72]}
    return folder(
        **settings,
        channels=None,
        max_megapixels=None,
        subfolders_are_classes=True,
        class_names=["cat", "dog"],
        test_path=None,
    )


def opened(picture):
    return Image.open(io.BytesIO(picture.content))


def test_a_picture_shows_its_own_image(arrays):
    drawn = Pictures(arrays, lambda index: None)
    for index in (4, 0):
        pixels = np.asarray(opened(drawn(index, "large")))
        assert (pixels[::14, ::14].transpose(2, 0, 1) == PIXELS[index].numpy()).all()
    drawn.close()


def test_a_photograph_is_turned_and_scaled_to_each_size(photographs):
    drawn = Pictures(photographs, lambda index: None)
    assert {size: opened(drawn(1, size)).size for size in ("small", "large", "full")} == {
        "small": (192, 256),
        "large": (900, 1200),
        "full": (900, 1200),
    }
    assert drawn(1, "small").kind == "image/jpeg"
    drawn.close()


def test_an_image_that_has_changed_is_not_shown(photographs):
    asked = {index: content_digest(photographs, index) for index in range(3)}
    drawn = Pictures(photographs, asked.get)
    tag = drawn(0, "small").tag
    assert tag.startswith(asked[0])
    photographs.paths_N[1].write_bytes(photographs.paths_N[2].read_bytes())
    with pytest.raises(Changed, match="The image 1 has changed since the trial asked about it"):
        drawn(1, "small")
    drawn.close()


def test_pictures_that_are_kept_are_bounded_and_the_oldest_goes(arrays, monkeypatch):
    drawn = Pictures(arrays, lambda index: None)
    size = len(drawn(0, "small").content)
    monkeypatch.setattr(module, "MAX_BYTES", 3 * size + 200)
    for index in (1, 2, 0, 3, 4):
        drawn(index, "small")
    assert drawn._bytes == sum(len(each.content) for each in drawn._kept.values()) <= module.MAX_BYTES
    assert (0, "small") in drawn._kept  # it was asked for again
    assert (1, "small") not in drawn._kept
    drawn.close()


def test_a_picture_is_drawn_once_for_all_who_ask_at_the_same_time(arrays, monkeypatch):
    calls, begun, go_on = [], threading.Event(), threading.Event()
    draw = module.picture

    def slow(dataset, index, longest):
        calls.append(index)
        begun.set()
        go_on.wait(5)
        return draw(dataset, index, longest)

    monkeypatch.setattr(module, "picture", slow)
    drawn = Pictures(arrays, lambda index: None)
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(drawn, 2, "large") for _ in range(4)]
        begun.wait(5)
        go_on.set()
        assert len({each.result().tag for each in asked}) == 1
    assert calls == [2]
    drawn.close()


def test_pictures_are_drawn_ahead_and_an_error_is_told_to_who_asks(arrays, monkeypatch):
    drawn = Pictures(arrays, lambda index: "another" if index == 3 else None)
    drawn.ahead([2, 3], "large")
    drawn._ahead.shutdown()
    assert set(drawn._kept) == {(2, "large")}
    with pytest.raises(Changed):
        drawn(3, "large")
    assert not drawn._drawn
