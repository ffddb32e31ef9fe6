"""Data sets: uint8 images and, for simulations, their true labels."""

from alframe.data.dataset import ImageDataset, map_images
from alframe.data.folder import folder
from alframe.data.image_bank import Bank, ImageBank
from alframe.data.memory_map import MappedBank, MappedImages, make_bank
from alframe.data.sources import arrays, digits, torchvision_dataset
from alframe.data.subset import choose_members, thinned_members

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
