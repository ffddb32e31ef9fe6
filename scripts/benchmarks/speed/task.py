"""The measured task: a recipe and a network with the settings of the YAML files, on MNIST."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from PIL import Image
from torch import nn
from torch.utils.data import Dataset
from torchvision.datasets import MNIST

from alframe.config.by_data import chosen_by_data, with_choices
from alframe.config.compose import composed
from alframe.core.errors import DataError
from alframe.core.records import Labelled
from alframe.data import ImageDataset
from alframe.learner import Recipe
from alframe.learner.compute.autotune import DEFAULT_SCORING_BATCH
from alframe.learner.compute.device import Compute
from alframe.trial.assemble import build_recipe, load_data
from alframe.trial.instantiate import instantiate
from alframe.trial.settings import read_settings

# Recipe -> its overrides.
RECIPES = {"published": ["experiment=published"], "fast": []}
N_LABELLED = 1000  # of the fast recipe; the supervised one learns from all samples

Transform = Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSource:
    """Images in the form of alframe and in the form of torchvision.

    Attributes:
        dataset: uint8 tensors.
        pictures: makes a data set of (transformed PIL image, label).
    """

    dataset: ImageDataset
    pictures: Callable[[Transform], "Dataset[Any]"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A recipe to measure.

    Attributes:
        name: of the recipe. config: the composed config. source: the images.
    """

    name: str
    config: dict[str, Any]
    source: ImageSource

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe of the config."""
        recipe: Recipe = build_recipe(read_settings(self.config))
        return recipe

    @property
    def crop(self) -> int:
        """Pixels cropped from each side."""
        return int(self.config["learner"].get("crop", 0))

    @property
    def pool_batch_size(self) -> int:
        """Pool images per step."""
        return int(self.config["learner"].get("pool_batch_size", 0))

    @property
    def images_per_step(self) -> int:
        """Labelled and pool images per step."""
        return int(self.config["learner"]["batch_size"]) + self.pool_batch_size

    @property
    def images_per_batch(self) -> int:
        """Images per forward pass of scoring, the same for every contestant."""
        device = Compute.choose(self.config["device"], "float32").device
        return int(self.config["learner"]["scoring_batch_size"] or DEFAULT_SCORING_BATCH[device.type])

    @property
    def images(self) -> torch.Tensor:
        """(N, channels, height, width) uint8, all of them."""
        assert isinstance(self.source.dataset.images_N, torch.Tensor)
        return self.source.dataset.images_N

    @property
    def labelled(self) -> Labelled:
        """All images as labelled; with pool images, at most the first thousand, and the rest is the pool."""
        n = len(self.source.dataset)
        n_labelled = min(N_LABELLED, n // 2) if self.pool_batch_size else n
        assert self.source.dataset.truth_N is not None
        return Labelled(
            index_L=torch.arange(n_labelled),
            label_L=self.source.dataset.truth_N[:n_labelled],
            hand_L=torch.ones(n_labelled, dtype=torch.bool),
            pool_P=torch.arange(n_labelled, n),
        )

    def network(self) -> nn.Module:
        """Return a network with new weights on the CPU."""
        n_channels, height, width = self.source.dataset.images_N.shape[1:]
        make = instantiate("network", self.config["network"], self.config["trusted_packages"], call=False)
        network: nn.Module = make(
            in_channels=n_channels,
            image_size=(height - 2 * self.crop, width - 2 * self.crop),
            n_classes=self.source.dataset.n_classes,
        )
        return network


def fitted(config: dict[str, Any], source: ImageSource) -> dict[str, Any]:
    """Return a config with the keys that are chosen by the data."""
    n_samples, n_channels = source.dataset.images_N.shape[:2]
    return with_choices(config, chosen_by_data(config, n_samples=n_samples, n_channels=n_channels))


def open_source(data_dir: str | None) -> ImageSource:
    """Return MNIST from `data_dir` (None: alframe's default); without MNIST, noisy images of ten shapes."""
    config = composed(["data=mnist", "data.download=false"])
    root = data_dir or config["data_dir"]
    try:
        dataset = load_data(read_settings({**config, "data_dir": root}))
    except DataError:
        dataset = synthetic()
        return ImageSource(dataset=dataset, pictures=lambda transform: Pictures(dataset, transform))
    return ImageSource(
        dataset=dataset, pictures=lambda transform: MNIST(root, train=True, transform=transform)
    )


def synthetic(n: int = 20_000) -> ImageDataset:
    """Return n noisy images of ten shapes, in MNIST's size; zeros would be faster than real images."""
    generator = torch.Generator().manual_seed(0)
    shape_C = torch.rand(10, 7, 7, generator=generator).repeat_interleave(4, 1).repeat_interleave(4, 2)
    label_N = torch.arange(n) % 10
    noise_N = torch.rand(n, 28, 28, generator=generator)
    images_N = (255 * shape_C[label_N] * noise_N).to(torch.uint8)
    return ImageDataset.from_arrays("synthetic", images_N, label_N)


class Pictures(Dataset[Any]):
    """A data set that treats its images as torchvision's MNIST does."""

    def __init__(self, dataset: ImageDataset, transform: Transform) -> None:
        assert dataset.truth_N is not None
        assert isinstance(dataset.images_N, torch.Tensor)
        self.data = dataset.images_N[:, 0]
        self.targets = dataset.truth_N
        self.transform = transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """Return (transformed picture, label)."""
        image = Image.fromarray(self.data[index].numpy(), mode="L")
        return self.transform(image), int(self.targets[index])
