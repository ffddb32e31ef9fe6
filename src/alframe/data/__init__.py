"""Data sets: uint8 images and, for simulations, their true labels."""

from alframe.data.banks import Images, in_memory, make_bank
from alframe.data.dataset import ImageDataset, map_images
from alframe.data.decoded import DecodedImages
from alframe.data.folder import folder
from alframe.data.hugging_face import hugging_face
from alframe.data.identity import content_digest, content_digests, picture
from alframe.data.image_bank import Bank, ImageBank
from alframe.data.memory_map import MappedBank, MappedImages
from alframe.data.sources import arrays, digits
from alframe.data.subset import choose_members, thinned_members
from alframe.data.table import table
from alframe.data.torchvision_sets import torchvision_by_name, torchvision_dataset

__all__ = [
    "Bank",
    "DecodedImages",
    "ImageBank",
    "ImageDataset",
    "Images",
    "MappedBank",
    "MappedImages",
    "arrays",
    "choose_members",
    "content_digest",
    "content_digests",
    "digits",
    "folder",
    "hugging_face",
    "in_memory",
    "make_bank",
    "map_images",
    "picture",
    "table",
    "thinned_members",
    "torchvision_by_name",
    "torchvision_dataset",
]
