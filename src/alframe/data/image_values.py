"""Images in the forms that people have, as uint8 from 0 to 255: other numbers, Pillow's images, lists.

Values are scaled only if their range leaves no doubt. Axes: N the samples.
"""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from alframe._text import counted
from alframe.core.errors import DataError, DataWarning
from alframe.data.array_values import as_array
from alframe.data.memory_map import channels_first

CHUNK = 2**22  # values that are converted at a time
SLACK = 1e-3  # share of the range by which resized floats may leave it

Array = np.ndarray[Any, Any]


def stacked(name: str, what: str, images: Any) -> Array:
    """Return images as one array of numbers, not yet scaled, with the shape checked.

    Args:
        name, what: of the data set and the images, for messages.
        images: an array or tensor; or a sequence of arrays, tensors or Pillow images of one shape.

    Raises:
        DataError: they are no images, or have several shapes or too many channels.
    """
    if getattr(images, "dtype", None) != np.uint8 and getattr(images, "ndim", 0) == 1:
        images = list(images)  # an array of objects, a column of a table
    if isinstance(images, (list, tuple)) and len(images):
        images = _one_shape(name, what, images)
    array = as_array(name, what, images)
    check_shape(name, what, array)
    if array.dtype.kind not in "buif":
        raise DataError(f"{name}: expected {what} of numbers, got {array.dtype}. Convert them to uint8.")
    return array


def _one_shape(name: str, what: str, images: Sequence[Any]) -> list[Any]:
    """Return a sequence of images as arrays; raise `DataError` for the first that differs in shape."""
    if isinstance(images[0], str) or hasattr(images[0], "__fspath__"):
        raise DataError(
            f"{name}: expected {what} as arrays, got files such as {str(images[0])!r}. Open them "
            "(PIL.Image.open), or for a folder of images run alframe data=folder data.path=FOLDER."
        )
    if isinstance(images[0], tuple) and len(images) == 2:
        raise DataError(
            f"{name}: expected {what} in one array, got two tuples. Give their arrays one by one."
        )
    images = _of_pillow(images)
    first = getattr(images[0], "shape", None)
    for sample, image in enumerate(images):
        if first is not None and getattr(image, "shape", None) != first:
            shape = getattr(image, "shape", type(image).__name__)
            two = len(images) == 2 and len(first) > 2
            way_out = "Give images and labels as two arguments." if two else "Resize them."
            raise DataError(
                f"{name}: expected {what} of one shape, but sample 0 has {tuple(first)} and sample {sample} "
                f"{shape if isinstance(shape, str) else tuple(shape)}. {way_out}"
            )
    return images


def _of_pillow(images: Sequence[Any]) -> list[Any]:
    """Return Pillow's images as arrays, in colour if one is in colour; leave other images as they are."""
    from PIL import Image

    if not any(isinstance(image, Image.Image) for image in images):
        return list(images)
    opened = [_opaque(image) if isinstance(image, Image.Image) else image for image in images]
    colour = any(getattr(image, "mode", "L") == "RGB" for image in opened)
    return [
        np.asarray(image.convert("RGB") if colour else image) if isinstance(image, Image.Image) else image
        for image in opened
    ]


def _opaque(image: Any) -> Any:
    """Return a Pillow image rotated by its EXIF tag, in grey, RGB or a wide mode; transparent parts white."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "I" and image.getextrema()[0] >= 0 and image.getextrema()[1] < 2**16:
        return Image.fromarray(np.asarray(image).astype(np.uint16))
    return image if image.mode in ("L", "I", "F") or image.mode.startswith("I;") else image.convert("RGB")


def check_shape(name: str, what: str, array: Array) -> None:
    """Raise `DataError` unless the shape is that of images; the values are not read."""
    shape = channels_first(array).shape
    if len(shape) != 4 or shape[1] not in (1, 3) or min(shape[2:]) < 4:
        raise DataError(
            f"{name}: expected {what} of shape (N, height, width), (N, height, width, channels) or "
            f"(N, channels, height, width) with 1 or 3 channels and at least 4 x 4 pixels, "
            f"got {array.shape}.{_way_out(what.replace(' ', '_'), array.shape)}"
        )
    if len(array) < 2:
        raise DataError(f"{name}: expected at least 2 {what}, got {len(array)}.")


def _way_out(what: str, shape: tuple[int, ...]) -> str:
    """Return how images of a common but unsupported shape become supported, or an empty text."""
    if len(shape) == 4 and shape[3] in (2, 4):
        return f" Give {what}[..., :{shape[3] - 1}] if the last channel is alpha."
    if len(shape) == 4 and shape[1] in (2, 4):
        return f" Give {what}[:, :{shape[1] - 1}] if the last channel is alpha."
    side = math.isqrt(shape[1]) if len(shape) == 2 else 0
    if side >= 4 and side * side == shape[1]:
        return f" Give numpy.asarray({what}).reshape(-1, {side}, {side}) if each row is an image."
    return ""


def as_uint8(name: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return arrays of images as uint8; arrays of one dtype are scaled alike.

    Args:
        name: of the data set. arrays: by what they hold, such as "images", as `stacked` returns them.

    Raises:
        DataError: values are not finite, or it is not clear what black and white are.
    """
    converted = {}
    for what, array in arrays.items():
        alike = {each: other for each, other in arrays.items() if other.dtype == array.dtype}
        factor = 1.0 if array.dtype == np.uint8 else _factor(name, alike)
        converted[what] = array if array.dtype == np.uint8 else _scaled(array, factor)
    return converted


def _factor(name: str, arrays: Mapping[str, Array]) -> float:
    """Return the factor from values to grey levels; told unless whole numbers stay as they are."""
    what, dtype = next(iter(arrays)), next(iter(arrays.values())).dtype
    if dtype.kind == "b":
        return 255.0
    ranges = [_range(name, each, array) for each, array in arrays.items()]
    low, high = min(each[0] for each in ranges), max(each[1] for each in ranges)
    whole = all(each[2] for each in ranges)
    if low >= 0 and high <= 255 and whole and not (dtype.kind == "f" and high == 1):
        if dtype.kind == "f":
            _tell(name, what, dtype, low, high, "taken as grey levels from 0 to 255")
        return 1.0
    tops = {"f": (1.0, 255.0), "u": (65535.0,) if dtype.itemsize == 2 else ()}.get(dtype.kind, ())
    for top in tops:
        if low >= -SLACK * top and top / 2 < high <= top * (1 + SLACK):
            _tell(name, what, dtype, low, high, f"scaled from 0 ... {top:g} to 0 ... 255 and rounded")
            return 255.0 / top
    raise DataError(
        f"{name}: expected {what} of uint8 from 0 to 255, or floats that fill 0 to 1 or 0 to 255, got "
        f"{dtype} from {low:g} to {high:g}. {_undo(what.replace(' ', '_'), dtype, low)}"
    )


def _undo(what: str, dtype: np.dtype[Any], low: float) -> str:
    if dtype.kind == "f" and low < 0:
        return (
            f"If they were normalised, undo it with {what} * std + mean, or leave Normalize out; "
            "alframe normalises itself."
        )
    return f"Give ({what} / WHITE * 255).round().astype('uint8'), with the value of white for WHITE."


def _tell(name: str, what: str, dtype: np.dtype[Any], low: float, high: float, how: str) -> None:
    warnings.warn(f"{name}: {what} of {dtype} from {low:g} to {high:g} are {how}.", DataWarning, stacklevel=2)


def _range(name: str, what: str, array: Array) -> tuple[float, float, bool]:
    """Return (smallest, largest, True if all are whole) of the values."""
    low, high, whole, bad = math.inf, -math.inf, True, []
    for start, part in _parts(array):
        if array.dtype.kind == "f":
            infinite = ~np.isfinite(part).all(axis=tuple(range(1, part.ndim)))
            bad += (start + np.flatnonzero(infinite)).tolist()
            whole = whole and bool((part == np.rint(part)).all())
        low, high = min(low, float(part.min())), max(high, float(part.max()))
    if bad:
        raise DataError(
            f"{name}: expected finite {what}, but sample {bad[0]} has NaN or infinity "
            f"({counted(len(bad), 'such sample')})."
        )
    return low, high, whole


def _scaled(array: Array, factor: float) -> Array:
    """Return values times a factor, rounded to uint8."""
    scaled = np.empty(array.shape, dtype=np.uint8)
    for start, part in _parts(array):
        values = part.astype(np.float64) * factor
        scaled[start : start + len(part)] = np.rint(values).clip(0, 255)
    return scaled


def _parts(array: Array) -> Iterator[tuple[int, Array]]:
    """Yield (first sample, part of the array) in parts that are small in memory."""
    rows = max(1, CHUNK // max(1, math.prod(array.shape[1:])))
    for start in range(0, len(array), rows):
        yield start, array[start : start + rows]
