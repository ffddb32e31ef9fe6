"""The turn and the mode of an image that Pillow has opened: upright, in grey or in colour, on white."""

import numpy as np
from PIL import Image

from alframe.data.damage import DAMAGE, is_damage
from alframe.data.grey_range import GreyRange

DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")  # modes with more than 8 bits a pixel
_GREY = ("1", "L", "LA", "La", *DEEP)
_ORIENTATION = 0x0112
# The mode to which an opaque or transparent image of a mode is converted first.
_PLAIN = {"1": "L", "P": "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "CMYK": "RGB",
          "YCbCr": "RGB", "HSV": "RGB"}  # fmt: skip
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def turned_upright(image: Image.Image, grey_range: GreyRange) -> tuple[Image.Image, GreyRange]:
    """Return a loaded image, turned by its EXIF tag, in mode L, LA, RGB or RGBA; and its range."""
    turn, seen = _TURNS.get(orientation(image)), GreyRange()
    if image.mode in DEEP:
        values = np.asarray(image)
        seen = GreyRange.of(values)
        image = Image.fromarray(grey_range.joined(seen).scaled(values))
    elif image.mode == "LAB":
        image = _from_lab(image)
    elif image.mode in _PLAIN and not ("transparency" in image.info and image.mode in ("1", "L", "RGB", "P")):
        image = image.convert(_PLAIN[image.mode])
    elif image.mode not in ("L", "LA", "RGB", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
    return (image if turn is None else image.transpose(turn)), seen


def orientation(image: Image.Image) -> int:
    """Return the EXIF tag that says how an image is turned: 1 for upright, 5 to 8 for a quarter turn."""
    try:
        turn = image.getexif().get(_ORIENTATION, 1)
    except DAMAGE as error:
        if not is_damage(error):
            raise
        return 1  # a viewer shows an image with damaged EXIF data as it is
    return turn if isinstance(turn, int) else 1


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply(image)
    assert isinstance(converted, Image.Image)
    return converted


def on_white(image: Image.Image) -> Image.Image:
    """Return an image whose transparent parts are white."""
    if image.mode not in ("LA", "RGBA"):
        return image
    opaque = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), opaque)


def has_no_colour(image: Image.Image) -> bool:
    """Return True if the mode or the palette of an image is grey."""
    if image.mode not in ("P", "PA"):
        return image.mode in _GREY
    colours = np.array(image.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())
