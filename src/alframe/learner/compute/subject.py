"""The network and the images that a trial will train on, for measurements before the first label."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The network to measure.

    Attributes:
        network: makes it. config: its settings, part of the key under which the result is stored.
        image_shape: (channels, height, width). n_classes: C. batch_size: images per training step.
    """

    network: Callable[..., nn.Module]
    config: dict[str, Any]
    image_shape: tuple[int, int, int]
    n_classes: int
    batch_size: int

    def make(self) -> nn.Module:
        """Return a new network; the global random state does not change."""
        n_channels, height, width = self.image_shape
        with torch.random.fork_rng(devices=[]):
            return self.network(in_channels=n_channels, image_size=(height, width), n_classes=self.n_classes)
