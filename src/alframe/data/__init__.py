"""Data sets: uint8 images and, for simulations, their true labels."""

from alframe.data.bank import Bank, ImageBank
from alframe.data.folder import folder
from alframe.data.images import ImageDataset, choose_members, map_images
from alframe.data.imbalance import thinned_members
from alframe.data.mapped import MappedBank, MappedImages, make_bank
from alframe.data.sources import arrays, digits, torchvision_dataset

__all__ = [
    "Bank",
    "ImageBank",
    "ImageDataset",
    "MappedBank",
    "MappedImages",
    "arrays",
    "choose_members",
    "digits",
    "folder",
    "make_bank",
    "map_images",
    "thinned_members",
    "torchvision_dataset",
]
