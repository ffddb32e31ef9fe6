"""The settings of the last fit of a trial."""

from dataclasses import dataclass

from alframe.learner.scoring.test_time_augmentation import Views


@dataclass(frozen=True, kw_only=True)
class FinalFit:
    """The last fit of a trial, after the last question.

    Attributes:
        networks: number of networks to train, each with other random numbers. They score together with the
            networks of the last rounds.
        warm: the number of networks that start from the newest network; the others start from new weights.
        steps: optimizer steps of each; None takes the recipe's own number.
        views: test-time augmentation of the least confident images after this fit, or None.
    """

    networks: int
    warm: int
    steps: int | None
    views: Views | None
