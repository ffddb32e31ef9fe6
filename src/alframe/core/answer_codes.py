"""Answers of the oracle that name no class, as numbers and as people write them. Imports no torch.

All other answers are class numbers from 0.
"""

NO_ANSWER = -1
# The sample leaves the pool and gets no label.
CANNOT_TELL = -2  # nobody can tell which class it is
NO_CLASS = -3  # it belongs to no class

CANNOT_TELL_TEXT, NO_CLASS_TEXT = "?", "-"
