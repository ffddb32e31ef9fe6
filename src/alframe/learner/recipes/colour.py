"""Alterations of colour and sharpness: each image of a batch by its own amount.

Images are (B, C, height, width) float32 in [0, 1], amounts are (B,) float32 on the same device. An amount of
0 changes nothing. Nothing here waits for the device, so a CUDA graph can capture it. That is why
torchvision's functions are not used: they take one amount for a whole batch, as a Python number, which a
capture would freeze. kornia draws an amount per image, but from torch's global generators, and its colour
jitter and RandAugment read values on the host.

Source: the same operations as in torchvision.transforms.v2.functional, unless a docstring says otherwise.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.2989, 0.587, 0.114)  # weights of red, green and blue in a grey picture (ITU-R BT.601)


def brightness(image_B: Tensor, amount_B: Tensor) -> Tensor:
    """Return the images times 1 + amount, cut to [0, 1]; -1 is black."""
    return _blend(image_B, torch.zeros_like(image_B), amount_B)


def contrast(image_B: Tensor, amount_B: Tensor) -> Tensor:
    """Return images whose distance to their mean grey is 1 + amount times as large; -1 is plain grey."""
    return _blend(image_B, grey(image_B).mean((1, 2, 3), keepdim=True), amount_B)


def saturation(image_B: Tensor, amount_B: Tensor) -> Tensor:
    """Return images whose distance to a grey picture is 1 + amount times as large; -1 is that picture."""
    return _blend(image_B, grey(image_B), amount_B)


def sharpness(image_B: Tensor, amount_B: Tensor) -> Tensor:
    """Return images whose distance to a smoothed picture is 1 + amount times as large; -1 is that picture.

    It is smoothed by 3 x 3 pixels with the weights 1, and 5 in the middle; the border stays as it is.
    """
    smooth = image_B.clone()
    inner = image_B[:, :, 1:-1, 1:-1]
    # A mean instead of a convolution, which autocast would compute in bfloat16.
    smooth[:, :, 1:-1, 1:-1] = (9 * F.avg_pool2d(image_B, 3, stride=1) + 4 * inner) / 13
    return _blend(image_B, smooth, amount_B)


def hue(image_B: Tensor, amount_B: Tensor) -> Tensor:
    """Return colour images with the hue turned by `amount`, in turns: 1/3 makes red green."""
    red, green, blue = image_B.unbind(1)
    value = image_B.amax(1)
    chroma = value - image_B.amin(1)
    safe = torch.where(chroma > 0, chroma, 1.0)
    sixths = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    turned = sixths + 6 * amount_B.view(-1, 1, 1)
    channels = []
    for start in (5.0, 3.0, 1.0):
        k = (turned + start) % 6
        channels.append(value - chroma * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.where(_each(amount_B) == 0, image_B, torch.stack(channels, 1))


def solarize(image_B: Tensor, amount_B: Tensor) -> Tensor:
    """Return images whose pixels above 1 - amount are inverted; 1 inverts every pixel above 0."""
    return torch.where(image_B > 1 - _each(amount_B), 1 - image_B, image_B)


def posterize(image_B: Tensor, amount_B: Tensor) -> Tensor:
    """Return images without the last bits of the eight of each value: `amount` of them, rounded."""
    bits = _each(amount_B).round()
    step = torch.exp2(bits)
    coarse = torch.floor((255 * image_B).round() / step) * step / 255
    return torch.where(bits > 0, coarse, image_B)


def cutout(image_B: Tensor, side_B: Tensor, centre_B2: Tensor, fill: float) -> Tensor:
    """Return images with one rectangle each of the value `fill`.

    Args:
        image_B: the images.
        side_B: (B,) its height and width as a share of the image's; 0 cuts nothing.
        centre_B2: (B, 2) its middle along height and width in [0, 1]; what reaches out of the image is lost.
        fill: in [0, 1].

    Source: DeVries & Taylor, arXiv 1708.04552.
    """
    inside = []
    for axis, n in enumerate(image_B.shape[2:]):
        position = (torch.arange(n, device=image_B.device) + 0.5) / n
        inside.append((position - centre_B2[:, axis, None]).abs() < side_B[:, None] / 2)
    rows, columns = inside
    cut = rows[:, None, :, None] & columns[:, None, None, :]
    return torch.where(cut, fill, image_B)


def grey(image_B: Tensor) -> Tensor:
    """Return (B, 1, height, width), the brightness as the eye sees it."""
    if image_B.shape[1] != 3:
        return image_B.mean(1, keepdim=True)
    red, green, blue = image_B.split(1, dim=1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def _blend(image_B: Tensor, other: Tensor, amount_B: Tensor) -> Tensor:
    amount = _each(amount_B)
    return ((1 + amount) * image_B - amount * other).clamp(0, 1)


def _each(amount_B: Tensor) -> Tensor:
    return amount_B.view(-1, 1, 1, 1)
