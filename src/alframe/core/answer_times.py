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


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a person answers, and how often an error slips through.

    Attributes:
        single_seconds: for an image alone. image_seconds: for an image of a grid that is not corrected.
        correction_seconds: more for an image of a grid that is corrected.
        overlooked: in [0, 1], the share of wrong images in a grid that are confirmed by mistake.
        mistyped: in [0, 1], the share of typed answers that name another class.
    """

    single_seconds: float
    image_seconds: float
    correction_seconds: float
    overlooked: float
    mistyped: float

    def removed_alone(self, wrong: float) -> float:
        """Return the expected errors removed per second by showing an image alone.

        Args:
            wrong: in [0, 1], the probability that the prediction is wrong.
        """
        return wrong * (1.0 - self.mistyped) / self.single_seconds

    def removed_in_grid(self, wrong: float) -> float:
        """Return the expected errors removed per second by showing an image in a grid; `wrong` as above."""
        seconds = self.image_seconds + wrong * self.correction_seconds
        return wrong * (1.0 - self.overlooked) * (1.0 - self.mistyped) / seconds

    def prefers_grid(self, wrong: float) -> bool:
        """Return True if a grid removes at least as many errors per second as an image alone.

        >>> pace = Pace(
        ...     single_seconds=0.6, image_seconds=0.1, correction_seconds=0.8, overlooked=0.1, mistyped=0.0
        ... )
        >>> pace.prefers_grid(0.3), pace.prefers_grid(0.7)
        (True, False)
        """
        return self.removed_in_grid(wrong) >= self.removed_alone(wrong)

    @property
    def most_wrong_in_grid(self) -> float:
        """The largest probability of a wrong prediction for which a grid is preferred; -1 if it never is.

        >>> Pace(
        ...     single_seconds=0.6, image_seconds=0.1, correction_seconds=0.8, overlooked=0.1, mistyped=0.0
        ... ).most_wrong_in_grid  # 0.9 / (0.1 + 0.8 * wrong) >= 1 / 0.6
        0.55
        """
        spare = (1.0 - self.overlooked) * self.single_seconds - self.image_seconds
        if spare < 0:
            return -1.0
        return min(1.0, spare / self.correction_seconds) if self.correction_seconds > 0 else 1.0


# A person before anything was measured: the one of conf/oracle/timed.yaml.
USUAL = Pace(
    single_seconds=0.6, image_seconds=2.0 / 60, correction_seconds=0.5, overlooked=0.1, mistyped=0.002
)
