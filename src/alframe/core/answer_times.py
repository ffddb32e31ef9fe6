"""How long people took for their answers. Plain numbers, no tensor. Imports no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AnswerTimes:
    """Answers of people and the seconds that they took, one at a time and in grids.

    A grid shows many images that the classifier takes for one class; people confirm them at once and correct
    the others.

    Attributes:
        n_single: answers to one image at a time. single_seconds: all of their time.
        n_grid: images answered in grids, corrections included. n_grids: grids.
        grid_seconds: all of their time.
    """

    n_single: int
    single_seconds: float
    n_grid: int
    n_grids: int
    grid_seconds: float

    @property
    def seconds(self) -> float:
        """The time of all answers."""
        return self.single_seconds + self.grid_seconds

    @property
    def saved_seconds(self) -> float | None:
        """The time that grids saved: what their images would have taken one at a time, less what they took.

        None without a single answer to compare with.

        >>> AnswerTimes(n_single=10, single_seconds=6.0, n_grid=60, n_grids=1, grid_seconds=4.0).saved_seconds
        32.0
        """
        if not self.n_single:
            return None
        return self.n_grid * self.single_seconds / self.n_single - self.grid_seconds
