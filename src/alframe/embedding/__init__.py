"""Frozen encoders, which turn each image into a vector once, and the store that keeps the vectors.

- `encoder.py`: the records `Encoder` and `Preprocessing`.
"""

from alframe.embedding.encoder import Encoder, Preprocessing

__all__ = ["Encoder", "Preprocessing"]
