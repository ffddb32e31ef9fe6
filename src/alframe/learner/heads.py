"""The network on an encoder's vectors, and the standardisation of the vectors before it.

Axes: B a batch, D the features.
"""

from torch import Tensor, nn

MAX_TEMPERATURE = 10.0  # a temperature that calibrates lies between this and its inverse
SMALLEST_STD = 1e-6  # of the largest standard deviation: features that vary less are not scaled up further


class StandardVectors(nn.Module):
    """Turns vectors into standardised ones: each feature with mean 0 and standard deviation 1."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean_D: Tensor, std_D: Tensor) -> None:
        """Take the (D,) mean and standard deviation of each feature."""
        super().__init__()
        smallest = float(std_D.max()) * SMALLEST_STD or 1.0
        self.register_buffer("mean", mean_D.float())
        self.register_buffer("std", std_D.float().clamp_min(smallest))

    def forward(self, vector_B: Tensor) -> Tensor:
        """Return (B, D) float32 of (B, D, 1, 1) vectors of any float type."""
        return vector_B.flatten(1).to(self.mean.dtype).sub(self.mean).div_(self.std)


class LinearHead(nn.Linear):
    """One linear layer; its weights start at zero, so that no prediction is confident before it has learned.

    Args:
        in_channels: features of a vector. image_size: (1, 1). n_classes: of the data.
    """

    def __init__(self, *, in_channels: int, image_size: tuple[int, int], n_classes: int) -> None:
        super().__init__(in_channels * image_size[0] * image_size[1], n_classes)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x_BD: Tensor) -> Tensor:
        """Return (B, n_classes) float32 logits."""
        return super().forward(x_BD.flatten(1)).float()
