"""Frozen encoders, which turn each image into a vector once, and the store that keeps the vectors.

- `encoder.py`: the records `Encoder` and `Preprocessing`.
- Functions that return an `Encoder`, one for each option of encoder/: `efficientnet_lite.py`,
  `torchvision_models.py`, `timm_models.py`, `open_clip_models.py`, `checkpoints.py`; and `vector_files.py`
  for vectors that exist already. `weights.py`: files of weights.
- `prepare.py`: an image as the input of a network. `runtime.py`: what runs the network.
- `embed.py`: the vectors of a data set's images: those of the store, and those that it lacks.
- `store.py`, `store_writer.py`, `segment.py`: the store, by the content of the images.
- `array_source.py`, `file_source.py`: the images as input of an encoder. `file_notes.py`: known files.
- `vectors.py`: the vectors of all samples, in memory or in files. `vector_bank.py`: the learner's bank.
- `input_bank.py`: the bank of a learner that trains the encoder itself.
"""

from alframe.embedding.checkpoints import checkpoint_model
from alframe.embedding.efficientnet_lite import efficientnet_lite0
from alframe.embedding.embed import Filled, embedded, fill
from alframe.embedding.encoder import Encoder, Preprocessing
from alframe.embedding.input_bank import InputBank
from alframe.embedding.open_clip_models import open_clip_model
from alframe.embedding.timm_models import timm_model
from alframe.embedding.torchvision_models import torchvision_model
from alframe.embedding.vector_bank import VectorBank
from alframe.embedding.vector_files import GivenVectors, given_vectors
from alframe.embedding.vectors import Vectors

__all__ = [
    "Encoder",
    "Filled",
    "GivenVectors",
    "InputBank",
    "Preprocessing",
    "VectorBank",
    "Vectors",
    "checkpoint_model",
    "efficientnet_lite0",
    "embedded",
    "fill",
    "given_vectors",
    "open_clip_model",
    "timm_model",
    "torchvision_model",
]
