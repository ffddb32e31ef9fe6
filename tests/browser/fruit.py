"""Drawn pictures of fruit: images to label that are free of rights, in any size and number."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

KINDS = ("apple", "lemon", "pear", "plum")
_COLOURS = {
    "apple": [(196, 38, 40), (150, 176, 52), (214, 96, 50)],
    "lemon": [(242, 205, 50), (236, 214, 92)],
    "pear": [(178, 186, 72), (206, 176, 84)],
    "plum": [(84, 44, 104), (110, 42, 82), (58, 48, 110)],
}
_LIGHT = np.array([-0.5, -0.65, 0.57])
_HALFWAY = np.array([-0.28, -0.366, 0.887])  # between the light and the eye, of length 1


def draw(kind: str, seed: int, side: int = 256) -> Image.Image:
    """Return a picture of one fruit on a table, (side, side) RGB; the same for the same arguments."""
    rng = np.random.default_rng([KINDS.index(kind), seed])
    y, x = np.mgrid[0:side, 0:side] / side * 2 - 1
    size, angle = rng.uniform(0.48, 0.66), rng.uniform(-0.5, 0.5)
    x0, y0 = rng.uniform(-0.14, 0.14), rng.uniform(-0.05, 0.18)
    u = ((x - x0) * np.cos(angle) + (y - y0) * np.sin(angle)) / size
    v = (-(x - x0) * np.sin(angle) + (y - y0) * np.cos(angle)) / size
    picture = _table(rng, y)
    shadow = np.exp(-3 * (((x - x0 - 0.2) / size) ** 2 + ((y - y0 - 0.72 * size) / (0.42 * size)) ** 2))
    picture *= 1 - 0.6 * shadow[..., None]
    _stem(picture, kind, u, v)
    inside = 1 - _shape(kind, u, v)
    height = np.sqrt(np.clip(inside, 0, None))
    lit = _shaded(height, np.array(_COLOURS[kind][rng.integers(len(_COLOURS[kind]))], dtype=float), rng)
    cover = np.clip(inside * side / 14, 0, 1)[..., None]
    picture = picture * (1 - cover) + lit * cover
    picture += rng.normal(0, 3, picture.shape)
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8)).filter(ImageFilter.SMOOTH)


def write_folder(folder: Path, n: int, side: int = 96, kinds: Sequence[str] = KINDS) -> list[str]:
    """Write n pictures, `0000.jpg` and so on, kinds in turn. Return the kind of each."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [kinds[number % len(kinds)] for number in range(n)]
    for number, kind in enumerate(made):
        draw(kind, number, side).save(folder / f"{number:04}.jpg", quality=88)
    return made


def _table(rng: np.random.Generator, y: NDArray[np.float64]) -> NDArray[np.float64]:
    wall = rng.uniform(150, 225) + rng.uniform(-22, 22, 3)
    wood = np.array([150.0, 116.0, 84.0]) * rng.uniform(0.75, 1.2)
    edge = _step(y - rng.uniform(-0.25, 0.1), 40)[..., None]
    fade = (1 - 0.12 * np.abs(y))[..., None]
    return (wall * (1 - edge) + wood * edge) * fade


def _step(value: NDArray[np.float64], slope: float) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-slope * value))


def _shape(kind: str, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Below 1 inside of the fruit."""
    if kind == "apple":
        return u**2 + (v - 0.2 * np.exp(-14 * u**2) * _step(-v, 6)) ** 2 * 1.12
    if kind == "lemon":
        return (u / 1.0) ** 2 + (v / 0.72) ** 2 - 0.55 * np.exp(-40 * v**2) * _step(np.abs(u) - 0.92, 14)
    if kind == "pear":
        width = 0.78 - 0.3 * _step(-v - 0.15, 7)
        return (u / width) ** 2 + (v / 1.05) ** 2
    return (u / 0.82) ** 2 + (v / 0.95) ** 2


def _shaded(
    height: NDArray[np.float64], colour: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    side = height.shape[0]
    dy, dx = np.gradient(height, 2.2 / side)
    normal = np.stack([-dx, -dy, np.ones_like(height)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    light = np.clip(normal @ _LIGHT, 0, 1)[..., None]
    shine = np.clip(normal @ _HALFWAY, 0, 1)[..., None] ** 40
    blush = rng.normal(0, 1, (6, 6))
    patches = np.asarray(
        Image.fromarray(blush.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    )
    tone = colour * (1 + 0.07 * patches[..., None])
    return tone * (0.32 + 0.78 * light) + 120 * shine


def _stem(picture: NDArray[np.float64], kind: str, u: NDArray[np.float64], v: NDArray[np.float64]) -> None:
    if kind in ("apple", "pear"):
        top = -1.15 if kind == "pear" else -0.85
        stem = (np.abs(u - 0.12 * (v - top) ** 2) < 0.035) & (v < top + 0.3) & (v > top - 0.22)
        picture[stem] = (74, 52, 34)
    if kind == "apple":
        leaf = ((u - 0.22) * 0.8 + (v + 1.02) * 0.6) ** 2 / 0.05 + (
            (v + 1.02) * 0.8 - (u - 0.22) * 0.6
        ) ** 2 / 0.009
        picture[leaf < 1] = (86, 128, 58)
