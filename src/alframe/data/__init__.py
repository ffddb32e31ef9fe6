"""Data sets: uint8 images and, for simulations, their true labels."""

from alframe.data.bank import Bank, ImageBank
from alframe.data.images import ImageDataset, choose_members
from alframe.data.sources import arrays, digits, torchvision_dataset

__all__ = ["Bank", "ImageBank", "ImageDataset", "arrays", "choose_members", "digits", "torchvision_dataset"]
