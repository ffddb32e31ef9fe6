"""Each mode, format and orientation of Pillow is read as a viewer shows it."""

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngImageFile

from alframe.data.damage import Unreadable
from alframe.data.grey_range import GreyRange
from alframe.data.patient_pillow import patient_pillow
from alframe.data.photograph import read_header, read_pixels, read_whole

GREY = np.linspace(0, 255, 64).reshape(8, 8).astype(np.uint8)
COLOUR = np.stack([GREY, GREY[::-1], GREY.T], axis=-1)


def saved(folder, name, image, **options):
    image.save(folder / name, **options)
    return folder / name


def pixels(file, channels=3, size=(8, 8)):
    return read_pixels(file, size, channels, GreyRange()).image_CHW.transpose(1, 2, 0).astype(int)


def in_lab(image):
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.buildTransform(*profiles, "RGB", "LAB").apply(image)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "F"])
def test_every_mode_keeps_its_picture(tmp_path, mode):
    colour = Image.fromarray(COLOUR)
    image = in_lab(colour) if mode == "LAB" else colour.convert(mode)
    expected = np.asarray(
        colour.convert(mode if mode in ("1", "P") else "L" if mode in "LAIF" else "RGB").convert("RGB")
    )
    found = pixels(saved(tmp_path, "x.tif", image))
    assert np.abs(found - expected).mean() < (15 if mode == "PA" else 3)
    assert read_header(tmp_path / "x.tif").is_grey == (mode in ("1", "L", "LA", "I", "F"))


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_each_orientation_is_turned_as_in_a_viewer(tmp_path, turn, suffix):
    stored = Image.fromarray(COLOUR).resize((6, 4))
    exif = Image.Exif()
    exif[0x0112] = turn
    file = saved(
        tmp_path, f"x.{suffix}", stored, exif=exif, **({"lossless": True} if suffix == "webp" else {})
    )
    array = np.asarray(stored)
    shown = [array, array[:, ::-1], array[::-1, ::-1], array[::-1], array.swapaxes(0, 1),
             np.rot90(array, -1), array[::-1, ::-1].swapaxes(0, 1), np.rot90(array)][turn - 1]  # fmt: skip
    assert read_header(file).size == shown.shape[:2]
    assert np.array_equal(np.asarray(read_whole(file, 1600, GreyRange())), shown)


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_a_turned_16_bit_tiff_is_turned_once(tmp_path, dtype):
    values = (np.arange(24, dtype=np.uint16).reshape(4, 6) * 2500).astype(dtype)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = saved(tmp_path, "x.tif", Image.fromarray(values), exif=exif)
    found = np.asarray(read_whole(file, 1600, GreyRange()))
    assert np.array_equal(found, np.rot90(np.rint(values / 257), -1))


def test_transparent_parts_are_white(tmp_path):
    clear = np.dstack([COLOUR, np.zeros((8, 8), np.uint8)])
    assert (pixels(saved(tmp_path, "x.png", Image.fromarray(clear))) == 255).all()
    palette = Image.fromarray(GREY % 4).convert("P")
    assert (pixels(saved(tmp_path, "y.png", palette, transparency=0))[GREY % 4 == 0] == 255).all()


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (np.arange(64) * 65, 64),  # 12 bits in 16
        (np.arange(64) * 1023 // 63, 64),
        (np.arange(64) * 1040, 64),
        (np.arange(64) - 30, 64),  # negative numbers
        (np.arange(64) * 2**25, 64),
        (np.arange(64) / 63, 64),  # floats in 0..1
        (np.arange(64) * 4.0, 64),
        (np.arange(64) * 1e6 - 5e6, 64),
    ],
)
def test_deep_images_keep_their_grey_levels(values, levels):
    seen = GreyRange.of(values)
    scaled = seen.scaled(values)
    assert len(np.unique(scaled)) == levels
    assert (np.diff(scaled.astype(int)) > 0).all()


def test_all_images_of_a_data_set_are_scaled_alike():
    dark, bright = GreyRange(whole=(0, 900)), GreyRange(whole=(0, 4000))
    assert dark.joined(bright).scaled(np.array([900])) == [56]  # of 12 bits, as in the bright image
    assert dark.key() != bright.key()
    assert GreyRange(whole=(5, 3000)).key() == bright.key()
    assert GreyRange.of(np.array([np.nan, np.inf, 0.5], np.float32)).real == (0.5, 0.5)
    assert GreyRange(real=(0, 1)).scaled(np.array([np.nan, np.inf, -np.inf, 1])).tolist() == [0, 255, 0, 255]


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size_with_nearly_the_same_result(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((800, 600), Image.Resampling.BICUBIC)
    file = saved(tmp_path, "x.jpg", image, quality=95)
    whole = np.asarray(Image.open(file).resize((40, 30), Image.Resampling.BILINEAR)).astype(int)
    found = pixels(file, size=(30, 40))
    assert np.abs(found - whole).mean() < 2
    assert read_whole(file, 200, GreyRange()).size == (200, 150)


def test_frames_and_lost_bits_are_seen_in_the_header(tmp_path):
    frames = [Image.fromarray(GREY), Image.fromarray(GREY[::-1].copy())]
    for suffix in ("gif", "tif", "webp", "png"):
        file = saved(tmp_path, f"x.{suffix}", frames[0], save_all=True, append_images=frames[1:])
        assert read_header(file).has_more
        assert np.abs(pixels(file, 1)[..., 0] - GREY).mean() < 3
    assert not read_header(saved(tmp_path, "y.gif", frames[0])).has_more


def test_images_are_bounded_in_bytes_and_pillows_limit_returns(tmp_path, monkeypatch):
    file = saved(tmp_path, "x.png", Image.fromarray(COLOUR))
    limit = Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 10)
    with patient_pillow():
        assert pixels(file).shape == (8, 8, 3)
    assert Image.MAX_IMAGE_PIXELS == 10
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", limit)
    monkeypatch.setattr("alframe.data.photograph.MAX_BYTES", 200)
    with pytest.raises(Unreadable, match=r"too large: 8 x 8 pixels"):
        read_header(file)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\x00\x10JFIF"])
def test_what_is_no_image_is_named(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(Unreadable):
        read_pixels(tmp_path / "x.png", (8, 8), 1, GreyRange())
    with pytest.raises(Unreadable, match="no longer there"):
        read_header(tmp_path / "gone.png")


def test_the_header_of_a_png_is_read_without_its_pixels(tmp_path, monkeypatch):
    Image.new("RGB", (6, 5)).save(tmp_path / "a.png")
    monkeypatch.setattr(PngImageFile, "load", lambda image: pytest.fail("the pixels were decoded"))
    assert read_header(tmp_path / "a.png").size == (5, 6)
    with pytest.raises(Unreadable, match=r"3e-05 million pixels, more than data\.max_megapixels"):
        read_header(tmp_path / "a.png", max_pixels=29)
