"""Frozen encoders, which turn each image into a vector once, and the store that keeps the vectors.

- `encoder.py`: the records `Encoder` and `Preprocessing`.
- `vectors.py`: the vectors of all samples, in memory or in files. `vector_bank.py`: the learner's bank.
- `prepare.py`: an image as the input of a network. `runtime.py`: what runs the network.
"""

from alframe.embedding.encoder import Encoder, Preprocessing
from alframe.embedding.vector_bank import VectorBank
from alframe.embedding.vectors import Vectors

__all__ = ["Encoder", "Preprocessing", "VectorBank", "Vectors"]
