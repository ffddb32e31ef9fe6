"""What a recipe is: turns a network and the labels held into a fit."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from alframe.data.bank import Bank
from alframe.learner.engine import FitJob
from alframe.records import Labelled


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """What one round learns from.

    Attributes:
        bank: the images on the device.
        normalize: maps uint8 images to the network's input.
        labelled: the labels held and the pool.
        round: 1-based.
        batches_seed, augment_seed: draw what goes into batches and how images are altered.
        steps: optimizer steps, for recipes that take a number of them; None takes the recipe's own.
    """

    bank: Bank
    normalize: nn.Module
    labelled: Labelled
    round: int
    batches_seed: int
    augment_seed: int
    steps: int | None = None


class Recipe(Protocol):
    """How a round is trained."""

    def normalize(self, bank: Bank, index_N: Tensor) -> nn.Module:
        """Return the map from uint8 images to the network's input, fitted on the images `index_N`."""
        ...

    def job(self, network: nn.Module, lesson: Lesson) -> FitJob:
        """Return the fit of one round for a network on the device, fresh or started from the last."""
        ...
