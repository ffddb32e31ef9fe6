"""The input of an encoder: images of any size, scaled, cropped and normalised.

Axes: B a batch.
"""

import torch
from torch import Tensor

from alframe.embedding.encoder import Preprocessing


def scale(image_B: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Return the pixels of the input, (B, 3, height, width) uint8, on the CPU.

    Pixels are rounded as by Pillow, with which encoders are trained. A GPU rounds otherwise, by up to ten
    levels at sharp edges: features of EfficientNet-Lite0 would differ by a tenth.

    Args:
        image_B: (B, 1 or 3, H, W) uint8, of one size; grey images are repeated in three channels.
        preprocessing: of the encoder.
    """
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional as vision

    resized = vision.resize(
        image_B.cpu(),
        list(scaled_size(image_B.shape[2], image_B.shape[3], preprocessing)),
        interpolation=InterpolationMode(preprocessing.interpolation),
        antialias=True,
    )
    return vision.center_crop(resized, list(preprocessing.size)).expand(-1, 3, -1, -1)


def normalise(pixel_B: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Return (B, 3, height, width) float32 on the device of the pixels, which `scale` has made."""
    mean, std = (
        torch.tensor(values, device=pixel_B.device).mul(255).reshape(3, 1, 1)
        for values in (preprocessing.mean, preprocessing.std)
    )
    return pixel_B.to(torch.float32, memory_format=torch.contiguous_format).sub_(mean).div_(std)


def scaled_size(height: int, width: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """Return (height, width) of a scaled image before the crop.

    >>> cropped = Preprocessing(
    ...     size=(224, 224), crop_share=0.875, keep_shape=True, interpolation="bicubic",
    ...     mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5),
    ... )
    >>> scaled_size(300, 400, cropped)
    (256, 341)
    """
    # 1e-6: 224 / (224 / 232) is 232 but for rounding.
    least_height, least_width = (int(side / preprocessing.crop_share + 1e-6) for side in preprocessing.size)
    if not preprocessing.keep_shape:
        return least_height, least_width
    if least_height * width <= least_width * height:
        return max(least_height, least_width * height // width), least_width
    return least_height, max(least_width, least_height * width // height)
