"""Random deformations of a batch on its device: one grid sample for the whole batch."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

N_FIELDS = 2000  # elastic displacement fields, drawn once; each image uses one of them
FIELD_NODES = 5  # nodes along a side between which a field is interpolated


class RandomDeformation(nn.Module):
    """Rotates, scales, shears, shifts and bends each image of a batch by its own random amounts.

    Args:
        rotation: largest angle, in degrees.
        scale: largest change of size along each axis, as |log factor|.
        shear: largest shear, as a tangent.
        shift: largest shift, as a share of the image's side.
        elastic: standard deviation of the bends at the nodes of a coarse grid, as a share of the side; 0
            for none.
        flip: probability in [0, 1] that an image is mirrored from left to right.
        image_size: (height, width).
        fill: (channels, 1, 1), the normalised value of pixels from outside the image.
        generator: on the images' device.

    Source: Simard et al., Best practices for convolutional neural networks, ICDAR 2003 (the bends).
    """

    limits: Tensor
    fill: Tensor
    x: Tensor
    y: Tensor
    fields: Tensor | None

    def __init__(
        self,
        *,
        rotation: float,
        scale: float,
        shear: float,
        shift: float,
        elastic: float,
        flip: float,
        image_size: tuple[int, int],
        fill: Tensor,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        height, width = image_size
        limits = [math.radians(rotation), scale, scale, shear, 2 * shift, 2 * shift]
        device = fill.device
        self._generator = generator
        self._flip = flip
        self.register_buffer("limits", torch.tensor(limits, device=device))
        self.register_buffer("fill", fill)
        self.register_buffer("x", pixel_centres(width, device))
        self.register_buffer("y", pixel_centres(height, device))
        fields = _bends(elastic, height, width, generator) if elastic else None
        self.register_buffer("fields", fields, persistent=False)

    def forward(self, image_B: Tensor) -> Tensor:
        """Return (B, channels, height, width) float32, channels last; bilinear, `fill` outside."""
        grid = self._grid(len(image_B), image_B.device)
        moved = F.grid_sample(image_B - self.fill, grid, padding_mode="zeros", align_corners=False)
        return moved.add_(self.fill).contiguous(memory_format=torch.channels_last)

    def _grid(self, size: int, device: torch.device) -> Tensor:
        """Return (size, height, width, 2): the input coordinates of each output pixel."""
        uniform = torch.rand(size, 6, generator=self._generator, device=device) * 2 - 1
        theta = affine_matrices(uniform * self.limits)
        if self._flip:  # the first column multiplies x of the output
            mirrored = torch.rand(size, generator=self._generator, device=device) < self._flip
            theta[:, :, 0] *= torch.where(mirrored, -1.0, 1.0)[:, None]
        grid = affine_grid(theta, self.y, self.x)
        if self.fields is not None:
            drawn = torch.randint(len(self.fields), (size,), generator=self._generator, device=device)
            grid += self.fields.index_select(0, drawn)
        return grid


def pixel_centres(side: int, device: torch.device) -> Tensor:
    """Return (side,) float32: the centres of the pixels along a side that reaches from -1 to 1."""
    return (torch.arange(side, device=device) * 2 + 1) / side - 1


def _bends(deviation: float, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Return (N_FIELDS, height, width, 2) smooth random displacements, in units of half a side."""
    shape = (N_FIELDS, 2, FIELD_NODES, FIELD_NODES)
    nodes = torch.randn(shape, generator=generator, device=generator.device) * 2 * deviation
    fields = F.interpolate(nodes, size=(height, width), mode="bicubic", align_corners=True)
    return fields.permute(0, 2, 3, 1).contiguous()


def affine_matrices(amounts_B6: Tensor) -> Tensor:
    """Return (B, 2, 3) float32 matrices that map output to input coordinates in [-1, 1].

    The picture is sheared, then turned, then scaled, then shifted, in coordinates in which the image
    reaches from -1 to 1 along both sides; a positive log scale makes it smaller.

    Args:
        amounts_B6: angle in radians, log scale along x and y, shear, shift along x and y (of half a side).

    >>> affine_matrices(torch.zeros(1, 6)).tolist()
    [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]
    """
    angle, log_x, log_y, shear, shift_x, shift_y = amounts_B6.unbind(1)
    cos, sin = angle.cos(), angle.sin()
    scale_x, scale_y = log_x.exp(), log_y.exp()
    top = torch.stack([cos * scale_x, (shear * cos - sin) * scale_x, shift_x], dim=1)
    bottom = torch.stack([sin * scale_y, (cos + shear * sin) * scale_y, shift_y], dim=1)
    return torch.stack([top, bottom], dim=1)


def affine_grid(theta_B23: Tensor, y_H: Tensor, x_W: Tensor) -> Tensor:
    """Return (B, H, W, 2), the input coordinates of each output pixel, by the matrices of `affine_matrices`.

    The same as torch's `affine_grid`, by two outer sums instead of a matrix product per pixel.

    Args:
        theta_B23: (B, 2, 3). y_H, x_W: the output coordinates, see `pixel_centres`.
    """
    along_x = x_W[None, :, None] * theta_B23[:, None, :, 0]
    along_y = y_H[None, :, None] * theta_B23[:, None, :, 1] + theta_B23[:, None, :, 2]
    if along_x.device.type != "cpu":
        return along_x[:, None] + along_y[:, :, None]
    # The same sums by pairs, in a third of the time: 0.05 instead of 0.17 ms for 128 images of 24 x 24.
    pair_x, pair_y = (torch.view_as_complex(along.contiguous()) for along in (along_x, along_y))
    return torch.view_as_real(pair_x[:, None] + pair_y[:, :, None])
