"""Pillow without its limit of pixels and without its warnings."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image


@contextmanager
def patient_pillow() -> Iterator[None]:
    """Let Pillow open large images and warn of nothing while the block runs, in all threads.

    Pillow's own limit of 179 million pixels is for servers; `MAX_BYTES` replaces it. What matters in Pillow's
    warnings comes as an error from the decoder too.
    """
    global _n_patient, _limit_before
    with _patience:
        if _n_patient == 0:
            _limit_before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _n_patient += 1
    try:
        yield
    finally:
        with _patience:
            _n_patient -= 1
            if _n_patient == 0:
                Image.MAX_IMAGE_PIXELS = _limit_before
                ours = next((each for each in warnings.filters if _is_ours(each)), None)
                if ours is not None:
                    warnings.filters.remove(ours)  # type: ignore[attr-defined]


_patience = threading.Lock()
_n_patient, _limit_before = 0, Image.MAX_IMAGE_PIXELS


def _is_ours(each: Any) -> bool:
    return each[0] == "ignore" and getattr(each[3], "pattern", None) == r"PIL\."
