"""Networks: classes or functions of (in_channels, image_size, n_classes) that make a module.

The module maps (B, in_channels, height, width) normalised float images to (B, n_classes) float32 logits.
"""

import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Head(nn.Linear):
    """The last layer, in float32 even when the body runs in bfloat16."""

    def forward(self, input: Tensor) -> Tensor:
        """Return (B, out_features) float32."""
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.float())


class StemConv2d(nn.Conv2d):
    """A convolution that is computed for one-channel images on CUDA as one matrix product with their patches.

    cuDNN's algorithm for the gradient of the weights that gives the same bits each time took 126 us for the
    published network at batch 32, a quarter of a training step on an H100.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return (B, out_channels, height, width), channels last."""
        plain = self.stride == self.dilation == (1, 1) and self.padding_mode == "zeros"
        if input.device.type == "cuda" and self.in_channels == 1 and plain:
            return self.by_patches(input)
        return super().forward(input)

    def by_patches(self, input: Tensor) -> Tensor:
        """Return the same as `forward`, for one channel and stride 1."""
        assert not isinstance(self.padding, str)
        (height, width), (rows, columns) = self.kernel_size, self.padding
        x = F.pad(input[:, 0], (columns, columns, rows, rows))
        patches = x.unfold(1, height, 1).unfold(2, width, 1).flatten(3)  # (B, height, width, patch)
        return F.linear(patches, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class PublishedCNN(nn.Sequential):
    """The published script's classifier, 1,199,882 parameters on 28 x 28 grey images and ten classes.

    Two 3 x 3 convolutions without padding, max-pooling, dropout and two dense layers. The initial weights are
    Glorot-uniform, the biases zero.
    """

    def __init__(self, *, in_channels: int, image_size: tuple[int, int], n_classes: int) -> None:
        height, width = ((side - 4) // 2 for side in image_size)
        super().__init__(
            StemConv2d(in_channels, 32, 3),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3),
            # Max-pooling and ReLU commute; with pooling first, ReLU processes a quarter of the values.
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(64 * height * width, 128),
            nn.ReLU(),
            Head(128, n_classes),
        )
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(layer.weight)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)


class LeNet5(nn.Sequential):
    """LeNet-5, 61,706 parameters on 28 x 28 grey images and ten classes.

    Convolution 6@5x5 on the image with a border of 2, pooling, convolution 16@5x5, pooling, dense layers of
    120 and 84. An image with fewer than 12 pixels per side gets a border before the second convolution too.

    Args:
        in_channels, image_size, n_classes: of the data.
        activation: "relu" or "tanh". pooling: "max" or "average", of 2 x 2.

    Source: LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 1998, figure 2;
    its output layer and partial connections are replaced by dense ones, as usual.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        image_size: tuple[int, int],
        n_classes: int,
        activation: Literal["relu", "tanh"],
        pooling: Literal["max", "average"],
    ) -> None:
        border = 2 if min(image_size) < 12 else 0
        height, width = ((side // 2 + 2 * border - 4) // 2 for side in image_size)
        act = {"relu": nn.ReLU, "tanh": nn.Tanh}[activation]
        pool = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}[pooling]
        super().__init__(
            nn.Conv2d(in_channels, 6, 5, padding=2),
            act(),
            pool(2),
            nn.Conv2d(6, 16, 5, padding=border),
            act(),
            pool(2),
            nn.Flatten(),
            nn.Linear(16 * height * width, 120),
            act(),
            nn.Linear(120, 84),
            act(),
            Head(84, n_classes),
        )


class FastCNN(nn.Module):
    """A small network for few labels: 3 x 3 convolutions with batch norm, pooling before activation.

    The first two blocks halve the image, the others keep its size. The input of the last layer is the largest
    response of each channel in each cell of a coarse grid over the image.

    Args:
        in_channels, image_size, n_classes: of the data.
        widths: channels of each convolution. grid: cells along each side.
        dropout: share of features dropped before the last layer in training.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        image_size: tuple[int, int],
        n_classes: int,
        widths: Sequence[int],
        grid: int,
        dropout: float,
    ) -> None:
        super().__init__()
        channels = [in_channels, *widths]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairwise(channels)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.n_pooled = min(2, len(widths), _halvings(min(image_size)))
        self.grid = min(grid, min(image_size) // 2**self.n_pooled)
        self.dropout = nn.Dropout(dropout)
        self.head = Head(widths[-1] * self.grid**2, n_classes)

    def forward(self, image_B: Tensor) -> Tensor:
        """Return (B, n_classes) float32 logits."""
        x = image_B
        for depth, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = convolution(x)
            if depth < self.n_pooled:
                x = halved(x)
            x = F.relu(norm(x), inplace=True)
        logits: Tensor = self.head(self.dropout(largest_in_cells(x, self.grid).flatten(1)))
        return logits


def halved(x: Tensor) -> Tensor:
    """Return (B, C, height // 2, width // 2), channels last: the largest of each 2 x 2 values.

    Without gradients no positions are needed. On a CPU two maxima of neighbours then take a quarter to half
    of the time of `F.max_pool2d`, and have the same bits.

    >>> halved(torch.arange(16.0).view(1, 1, 4, 4)).flatten().tolist()
    [5.0, 7.0, 13.0, 15.0]
    """
    # A converter should see the pooling.
    if x.device.type != "cpu" or torch.is_grad_enabled() or torch.jit.is_tracing():  # type: ignore[attr-defined]
        return F.max_pool2d(x, 2)
    height, width = (side - side % 2 for side in x.shape[2:])
    rows = x.permute(0, 2, 3, 1)[:, :height, :width]
    columns = torch.maximum(rows[:, 0::2], rows[:, 1::2])
    return torch.maximum(columns[:, :, 0::2], columns[:, :, 1::2]).permute(0, 3, 1, 2)


def largest_in_cells(x: Tensor, grid: int) -> Tensor:
    """Return (B, C, grid, grid): the largest value in each cell of a grid over (B, C, height, width).

    If cells overlap, the gradient of `F.adaptive_max_pool2d` on CUDA is summed in varying order, and a trial
    could not be repeated bit for bit. There, and on MPS, which has no such cells, each is computed by itself.
    On a CPU the pooling is repeatable, and 16 times as fast as the cells (64 channels of 7 x 7 pixels).

    >>> largest_in_cells(torch.arange(9.0).view(1, 1, 3, 3), 2).flatten().tolist()
    [4.0, 5.0, 7.0, 8.0]
    """
    height, width = x.shape[2:]
    if torch.jit.is_tracing():  # type: ignore[attr-defined]
        return _largest_for_a_converter(x, grid)
    if x.device.type == "cpu" or (height % grid == 0 and width % grid == 0):
        return F.adaptive_max_pool2d(x, grid)
    return largest_by_cells(x, grid)


def _largest_for_a_converter(x: Tensor, grid: int) -> Tensor:
    """Return the same as `largest_in_cells` without adaptive pooling.

    ONNX has no adaptive pooling with overlapping cells.
    """
    with warnings.catch_warnings():  # that the sides become constants
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        rows, columns = (_cells(int(side), grid) for side in x.shape[2:])
    of_rows, of_columns = _size_and_stride(rows), _size_and_stride(columns)
    if of_rows is None or of_columns is None:
        return largest_by_cells(x, grid)
    return F.max_pool2d(x, (of_rows[0], of_columns[0]), (of_rows[1], of_columns[1]))


def largest_by_cells(x: Tensor, grid: int) -> Tensor:
    """Return the same as `largest_in_cells`, cell by cell."""
    rows, columns = (_cells(int(side), grid) for side in x.shape[2:])
    cells = [x[:, :, a:b, c:d].flatten(2).max(dim=2).values for a, b in rows for c, d in columns]
    return torch.stack(cells, dim=2).unflatten(2, (grid, grid))


def _cells(side: int, grid: int) -> list[tuple[int, int]]:
    """Return the first pixel of each cell and the one after its last.

    >>> _cells(7, 3)
    [(0, 3), (2, 5), (4, 7)]
    """
    return [(k * side // grid, -(-(k + 1) * side // grid)) for k in range(grid)]


def _size_and_stride(cells: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """Return the size of the cells and the distance between their first pixels, or None if these differ.

    >>> _size_and_stride([(0, 3), (2, 5), (4, 7)])
    (3, 2)
    """
    sizes = {end - start for start, end in cells}
    strides = {after - before for (before, _), (after, _) in pairwise(cells)} or {1}
    return (sizes.pop(), strides.pop()) if len(sizes) == len(strides) == 1 else None


def resnet18(*, in_channels: int, image_size: tuple[int, int], n_classes: int) -> nn.Module:
    """Return torchvision's ResNet-18 with a stem for small images: 3 x 3, stride 1, no max-pooling.

    Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016, section 4.2 (CIFAR).
    """
    from torchvision.models import resnet18 as build

    network = build(num_classes=n_classes)
    network.conv1 = nn.Conv2d(in_channels, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    network.fc = Head(network.fc.in_features, n_classes)
    module: nn.Module = network
    return module


def _halvings(side: int) -> int:
    """Return how often an image can be halved and still be at least 2 pixels wide."""
    n = 0
    while side >= 4:
        side, n = side // 2, n + 1
    return n
