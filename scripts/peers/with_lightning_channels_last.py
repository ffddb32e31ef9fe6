"""The job with PyTorch Lightning and images in channels_last, the layout of torch's tuning guide."""

import torch

from peers import with_lightning
from peers.job import Data, Job, Labels


def label(data: Data, job: Job) -> Labels:
    """Return the labels of all images."""
    return with_lightning.label(data, job, torch.channels_last)
