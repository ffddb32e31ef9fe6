"""The one range of grey values of a data set whose files have more than 8 bits a pixel.

All images of a data set are scaled alike, so that they stay comparable. Whole numbers and floating-point
numbers have their own range.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

# Bits of the cameras and scanners that write 16 or 32 bits a pixel.
WHOLE_BITS = (8, 10, 12, 14, 16, 20, 24, 32)
REAL_TOPS = (1.0, 255.0, 65535.0)  # usual largest values of floating-point images

Pair = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class GreyRange:
    """The smallest and the largest value seen, of whole and of floating-point numbers; None for none.

    Whole numbers are scaled from 0 to the largest number of 8, 10, 12, 14, 16, 20, 24 or 32 bits, the fewest
    that hold all values. Floating-point numbers are scaled from 0 to 1, 255 or 65,535. If there are negative
    values, or larger ones, the range is from the smallest to the largest value.

    Attributes:
        is_held: values beyond the range do not widen it; they are as black or as white as its ends.
    """

    whole: Pair | None = None
    real: Pair | None = None
    is_held: bool = False

    @classmethod
    def of(cls, values: np.ndarray[Any, Any]) -> "GreyRange":
        """Return the range of one image's values; NaN and infinity are left out."""
        if values.dtype.kind != "f":
            return cls(whole=(float(values.min()), float(values.max())))
        finite = values[np.isfinite(values)]
        return cls(real=(float(finite.min()), float(finite.max()))) if len(finite) else cls()

    def joined(self, other: "GreyRange") -> "GreyRange":
        """Return the range of both; a range that is held takes over only the kind of number that it lacks."""
        if self.is_held:
            return replace(self, whole=self.whole or other.whole, real=self.real or other.real)
        return GreyRange(whole=_joined(self.whole, other.whole), real=_joined(self.real, other.real))

    def held(self) -> "GreyRange":
        """Return this range, held."""
        return replace(self, is_held=True)

    def scaled(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the values as uint8, 0 for the low end of the range; NaN becomes 0.

        >>> GreyRange(whole=(0, 4000)).scaled(np.array([0, 2048, 4095])).tolist()
        [0, 128, 255]
        """
        low, high = self._ends(values.dtype.kind == "f")
        share = (values.astype(np.float32) - low) * (255.0 / (high - low))
        # float32 holds the 24 bits that 8 bits of result can depend on.
        rounded = np.rint(np.nan_to_num(share, nan=0.0, posinf=255.0, neginf=0.0)).clip(0, 255)
        return rounded.astype(np.uint8)

    def key(self) -> list[list[float] | None]:
        """Return the ends of both scales as plain values; two ranges with equal keys scale alike."""
        return [
            None if seen is None else list(self._ends(real))
            for seen, real in ((self.whole, False), (self.real, True))
        ]

    def _ends(self, real: bool) -> Pair:
        low, high = (self.real if real else self.whole) or (0.0, 0.0)
        tops = REAL_TOPS if real else [2.0**bits - 1 for bits in WHOLE_BITS]
        top = next((top for top in tops if high <= top), None)
        if low >= 0 and top is not None:
            return 0.0, top
        return low, high if high > low else low + 1


def _joined(one: Pair | None, other: Pair | None) -> Pair | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])
