"""The networks in plain torch, and their input, for all peers."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def fast() -> nn.Sequential:
    """Return three convolutions with batch norm, 16, 32 and 64 channels."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(32),
        nn.ReLU(inplace=True),
        nn.Conv2d(32, 64, 3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.AdaptiveMaxPool2d(3),
        nn.Flatten(),
        nn.Linear(64 * 9, 10),
    )


def published() -> nn.Sequential:
    """Return the published script's classifier with its initial weights."""
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(inplace=True),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(64 * 12 * 12, 128),
        nn.ReLU(inplace=True),
        nn.Linear(128, 10),
    )
    for layer in network:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return network


def lenet5() -> nn.Sequential:
    """Return LeNet-5 as in the authors' code of Colander: tanh, and means over 2 x 2 pixels."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 120, 5),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, 10),
    )


NETWORKS = {"fast": fast, "published": published, "lenet5": lenet5}


class Network(nn.Module):
    """A network by name; with "bfloat16" it computes under autocast and returns float32 logits."""

    def __init__(self, name: str, precision: str) -> None:
        super().__init__()
        self.layers = NETWORKS[name]()
        self.in_bfloat16 = precision == "bfloat16"

    def forward(self, X: Tensor) -> Tensor:
        """Return (B, 10) float32 logits; skorch wants the argument to be called X."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.in_bfloat16):
            logits: Tensor = self.layers(X)
        return logits.float()


def standardised(images_N: NDArray[np.uint8], like_N: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (N, 1, 28, 28) float32 with the mean 0 and the standard deviation 1 of other images."""
    mean, deviation = like_N.mean(), like_N.std()
    return ((images_N[:, None] - mean) / deviation).astype(np.float32)
