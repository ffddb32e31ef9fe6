"""Images that contain their index, and networks that look up their logits by it."""

import pytest
import torch
from torch import nn

from alframe.core.records import Labelled
from alframe.data import ImageBank


def read_indices(image_B):
    """Return (B,) int64: the index that `make_bank` wrote into each image's first two pixels."""
    return (image_B[:, 0, 0, 0] * 256.0 + image_B[:, 0, 0, 1]).long()


class LogitTable(nn.Module):
    """Returns row i of a table for the image with index i."""

    def __init__(self, logits_NC):
        super().__init__()
        self.logits_NC = logits_NC

    def forward(self, x_B):
        return self.logits_NC[read_indices(x_B)]


class ListedBatches:
    """Batches from a list; a Trainer would take the list itself for several loaders."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return iter(self.batches)


@pytest.fixture(scope="session")
def listed():
    return ListedBatches


@pytest.fixture(scope="session")
def indices_of():
    return read_indices


@pytest.fixture(scope="session")
def logit_table():
    return LogitTable


@pytest.fixture(scope="session")
def make_bank():
    """Makes a bank of n images, each with its index in its first two pixels."""

    def make(n):
        images = torch.zeros(n, 1, 4, 4, dtype=torch.uint8)
        images[:, 0, 0, 0] = torch.arange(n) // 256
        images[:, 0, 0, 1] = torch.arange(n) % 256
        return ImageBank(images)

    return make


@pytest.fixture(scope="session")
def make_labelled():
    """Makes the labels of a fit; all are hand labels unless `hand` is given."""

    def make(index, label, pool=(), hand=None):
        return Labelled(
            index_L=torch.tensor(index, dtype=torch.int64),
            label_L=torch.tensor(label, dtype=torch.int64),
            hand_L=torch.tensor([True] * len(index) if hand is None else hand, dtype=torch.bool),
            pool_P=torch.tensor(pool, dtype=torch.int64),
        )

    return make


@pytest.fixture(scope="session")
def ignore_progress():
    return lambda stage, done, total: None
