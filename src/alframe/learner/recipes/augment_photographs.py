"""Weak and strong alterations of photographs: each image of a batch by its own amounts, on its device."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe.learner.recipes import colour
from alframe.learner.recipes.augment import affine_grid, affine_matrices, pixel_centres

GREY = 0.5  # of cut-out rectangles and of pixels from outside the image
MOVES = ("rotation", "shear", "shift_x", "shift_y")  # done together, by one grid sample
COLOURS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "brightness": colour.brightness,
    "contrast": colour.contrast,
    "saturation": colour.saturation,
    "hue": colour.hue,
    "sharpness": colour.sharpness,
    "solarize": colour.solarize,
    "posterize": colour.posterize,
}
ONE_SIDED = ("solarize", "posterize")  # their amounts are not negative
OF_COLOUR = ("saturation", "hue")  # they say nothing of grey images


class CropAndFlip(nn.Module):
    """Shifts each image by whole pixels and mirrors some: no value between two pixels is made up.

    Args:
        shift: largest shift along each side, as a share of the side; the border is mirrored.
        flip: probability in [0, 1] that an image is mirrored from left to right.
        generator: on the images' device.

    Source: the weak alteration of FixMatch (Sohn et al., NeurIPS 2020).
    """

    def __init__(self, *, shift: float, flip: float, generator: torch.Generator) -> None:
        super().__init__()
        self._shift = shift
        self._flip = flip
        self._generator = generator

    def forward(self, image_B: Tensor) -> Tensor:
        """Return the altered images (B, C, height, width), of the same dtype, channels last."""
        n, device = len(image_B), image_B.device
        row, column = (self._shifted(n, side, device) for side in image_B.shape[2:])
        if self._flip:
            mirrored = torch.rand(n, 1, generator=self._generator, device=device) < self._flip
            column = torch.where(mirrored, image_B.shape[3] - 1 - column, column)
        image = torch.arange(n, device=device)[:, None, None]
        taken = image_B.permute(0, 2, 3, 1)[image, row[:, :, None], column[:, None, :]]
        return taken.permute(0, 3, 1, 2)

    def _shifted(self, n: int, side: int, device: torch.device) -> Tensor:
        """Return (n, side) int64: the pixel that each position along a side shows."""
        most = min(round(self._shift * side), side - 1)
        offset = torch.randint(-most, most + 1, (n, 1), generator=self._generator, device=device)
        position = (torch.arange(side, device=device) + offset).abs()
        return side - 1 - (side - 1 - position).abs()


class StrongAlterations(nn.Module):
    """Alters each image by a few random operations of random amounts, then cuts out a rectangle.

    Args:
        operations: number of operations per image, drawn without repetition from those whose limit is not 0.
        rotation: largest angle, in degrees.
        shear: largest shear, as a tangent.
        shift: largest shift along x and y, two operations, as a share of the side.
        brightness, contrast, saturation, hue, sharpness, solarize, posterize: largest amounts, see `colour`.
        cutout: largest side of the rectangle, as a share of the image's.
        generator: on the images' device.

    Source: RandAugment (Cubuk et al., 2020) and Cutout, as in FixMatch. Three things differ: the order of
    operations is fixed, hue is one of them, and equalize, autocontrast and the second shear are not.
    """

    def __init__(
        self, *, operations: int, shift: float, cutout: float, generator: torch.Generator, **limits: float
    ) -> None:
        super().__init__()
        limits = {**limits, "shift_x": shift, "shift_y": shift}
        self._limits = {name: limits[name] for name in (*MOVES, *COLOURS) if limits[name]}
        self._operations = operations
        self._cutout = cutout
        self._generator = generator

    def forward(self, image_B: Tensor) -> Tensor:
        """Return altered copies of the images.

        Args:
            image_B: (B, C, height, width) uint8, or float32 in [0, 255].

        Returns:
            (B, C, height, width) float32 in [0, 255], channels last.
        """
        names = [name for name in self._limits if image_B.shape[1] == 3 or name not in OF_COLOUR]
        amounts = self._amounts(names, image_B)
        x = image_B.float() / 255
        moves = [amounts.get(name) for name in MOVES]
        if any(amount_B is not None for amount_B in moves):
            x = _moved(x, moves)
        for name, alter in COLOURS.items():
            if name in amounts:
                x = alter(x, amounts[name])
        if self._cutout:
            side, *centre = self._uniform(len(x), 3, x.device).unbind(1)
            x = colour.cutout(x, self._cutout * side, torch.stack(centre, 1), GREY)
        return (255 * x).contiguous(memory_format=torch.channels_last)

    def _amounts(self, names: list[str], image_B: Tensor) -> dict[str, Tensor]:
        """Return the amounts (B,) of each operation; 0 for images that it does not alter."""
        n, k = len(image_B), min(self._operations, len(names))
        if k == 0:
            return {}
        share, rank = self._uniform(n, 2 * len(names), image_B.device).chunk(2, dim=1)
        chosen = rank >= rank.topk(k, dim=1).values[:, -1:]
        amounts = torch.where(chosen, 2 * share - 1, 0.0).unbind(1)
        return {
            name: self._limits[name] * (amount_B.abs() if name in ONE_SIDED else amount_B)
            for name, amount_B in zip(names, amounts, strict=True)
        }

    def _uniform(self, n: int, k: int, device: torch.device) -> Tensor:
        return torch.rand(n, k, generator=self._generator, device=device)


def _moved(x: Tensor, moves: list[Tensor | None]) -> Tensor:
    """Return images turned, sheared and shifted by the amounts of `MOVES`; None leaves an operation out."""
    none = torch.zeros(len(x), device=x.device)
    rotation, shear, right, down = (none if amount_B is None else amount_B for amount_B in moves)
    amounts = [rotation * (math.pi / 180), none, none, shear, 2 * right, 2 * down]
    y_H, x_W = (pixel_centres(side, x.device) for side in x.shape[2:])
    grid = affine_grid(affine_matrices(torch.stack(amounts, 1)), y_H, x_W)
    return F.grid_sample(x - GREY, grid, align_corners=False) + GREY
