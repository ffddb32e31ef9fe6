"""The grey range by which the images and the test images of a data set are scaled alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alframe.data.damage import Unreadable
from alframe.data.grey_range import GreyRange
from alframe.data.photograph import read_pixels


@dataclass(eq=False)
class SharedRange:
    """The range of the images, by which test images are scaled too.

    Attributes:
        deep: some files with more than 8 bits a pixel, whose values give the first guess.
    """

    deep: Sequence[Path] = ()
    _range: GreyRange | None = field(default=None, repr=False)

    @property
    def value(self) -> GreyRange:
        """The range of all images if they are decoded, else of some."""
        if self._range is None:
            guess = GreyRange()
            for file in self.deep:
                try:
                    guess = guess.joined(read_pixels(file, (1, 1), 1, guess).seen)
                except Unreadable:  # named when all images are decoded
                    continue
            self._range = guess
        return self._range

    def settle(self, grey_range: GreyRange) -> None:
        """Take over the range of all images."""
        self._range = grey_range
