"""Frozen encoders, which turn each image into a vector once, and the store that keeps the vectors.

- `encoder.py`: the records `Encoder` and `Preprocessing`.
- `prepare.py`: an image as the input of a network. `runtime.py`: what runs the network.
- `embed.py`: the vectors of a data set's images: those of the store, and those that it lacks.
- `store.py`, `store_writer.py`, `segment.py`: the store, by the content of the images.
- `array_source.py`, `file_source.py`: the images as input of an encoder. `file_notes.py`: known files.
- `vectors.py`: the vectors of all samples, in memory or in files. `vector_bank.py`: the learner's bank.
"""

from alframe.embedding.embed import Filled, embedded, fill
from alframe.embedding.encoder import Encoder, Preprocessing
from alframe.embedding.vector_bank import VectorBank
from alframe.embedding.vectors import Vectors

__all__ = ["Encoder", "Filled", "Preprocessing", "VectorBank", "Vectors", "embedded", "fill"]
