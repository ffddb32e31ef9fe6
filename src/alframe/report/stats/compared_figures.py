"""The figures by which groups of trials are compared: the column and the reader of each."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from alframe.report.load.trials import FinishedTrial
from alframe.report.stats.statistics import Estimate, estimate

Groups = Mapping[str, Sequence[FinishedTrial]]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A column: its title, and the function that reads it from a trial (None if undefined), times `scale`."""

    title: str
    read: Callable[[FinishedTrial], float | None]
    scale: float = 100
    decimals: int = 2

    @property
    def highest(self) -> float:
        """The upper bound of the figure: 100 % for a share, infinity otherwise; the lower bound is 0."""
        return 100.0 if self.scale == 100 else math.inf


def by_seed(figure: Figure, trials: Sequence[FinishedTrial]) -> dict[int, float]:
    """Return the figure of each seed for which it is defined."""
    values = {trial.seed: figure.read(trial) for trial in trials}
    return {seed: figure.scale * value for seed, value in values.items() if value is not None}


def mean(figure: Figure, trials: Sequence[FinishedTrial]) -> Estimate | None:
    """Return a figure's mean over seeds; None if it is undefined for all."""
    values = list(by_seed(figure, trials).values())
    return estimate(values) if values else None


def cut(each: Estimate, highest: float = 100.0) -> Estimate:
    """Return an estimate with its interval cut at 0 and `highest`, which Student's t can exceed.

    >>> cut(Estimate(mean=4.0, low=-6.0, high=14.0, n=3)).low
    0.0
    """
    if each.low is None or each.high is None:
        return each
    return replace(each, low=max(0.0, each.low), high=min(highest, each.high))


def means(figures: Mapping[str, Figure], groups: Groups) -> dict[str, dict[str, Estimate | None]]:
    """Return each group's mean of each figure."""
    return {
        name: {key: mean(figure, trials) for key, figure in figures.items()}
        for name, trials in groups.items()
    }


def _of_summary(key: str) -> Callable[[FinishedTrial], float | None]:
    return lambda trial: getattr(trial.summary, key)


def _of_certificate(key: str) -> Callable[[FinishedTrial], float | None]:
    return lambda trial: getattr(trial.summary.certificate, key, None)


def _of_check(key: str) -> Callable[[FinishedTrial], float | None]:
    return lambda trial: getattr(trial.summary.check, key, None)


def _before_audit(key: str, change: str, sign: int) -> Callable[[FinishedTrial], float | None]:
    """Return a reader of a figure before the audit's answers changed it; the oracle is assumed perfect."""

    def read(trial: FinishedTrial) -> float | None:
        value, certificate = getattr(trial.summary, key), trial.summary.certificate
        return None if certificate is None or value is None else value + sign * getattr(certificate, change)

    return read


def _mean_over_classes(trial: FinishedTrial) -> float | None:
    """Return the mean of the classes' mislabelled shares if the classes are of unequal size."""
    return trial.summary.mislabelled_share_macro if trial.summary.classes_are_unequal else None


def _other_seconds(trial: FinishedTrial) -> float:
    summary = trial.summary
    return summary.seconds - summary.train_seconds - summary.score_seconds


_count = partial(Figure, scale=1, decimals=0)

RESULTS = {
    "rounds": Figure(title="rounds", read=_of_summary("rounds"), scale=1, decimals=1),
    "hand_labels": _count(title="hand labels", read=_of_summary("hand_labels")),
    "hand_share": Figure(title="hand labels, %", read=_of_summary("hand_share")),
    "mislabelled_share": Figure(title="mislabelled, %", read=_of_summary("mislabelled_share"), decimals=3),
    "mislabelled_share_macro": Figure(
        title="mislabelled, mean over classes, %", read=_mean_over_classes, decimals=3
    ),
    "auto_label_error": Figure(title="auto-label error, %", read=_of_summary("auto_label_error")),
    "check_most_share": Figure(title="check: error at most, %", read=_of_check("most_share")),
    "coverage": Figure(title="coverage, %", read=_of_summary("coverage")),
    "test_accuracy": Figure(title="test accuracy, %", read=_of_summary("test_accuracy")),
}

TIMES = {
    "seconds": Figure(title="seconds", read=_of_summary("seconds"), scale=1, decimals=1),
    "train_seconds": Figure(title="training, s", read=_of_summary("train_seconds"), scale=1),
    "score_seconds": Figure(title="scoring, s", read=_of_summary("score_seconds"), scale=1),
    "other_seconds": Figure(title="other, s", read=_other_seconds, scale=1),
}

CERTIFICATES = {
    "hand_labels_before": _count(
        title="hand labels before the audit", read=_before_audit("hand_labels", "asked", -1)
    ),
    "mislabelled_before": _count(
        title="mislabelled before the audit", read=_before_audit("mislabelled", "found_wrong", 1)
    ),
    "asked": _count(title="labels asked by the audit", read=_of_certificate("asked")),
    "found_wrong": Figure(
        title="found wrong by the audit", read=_of_certificate("found_wrong"), scale=1, decimals=1
    ),
    "max_wrong_share": Figure(title="proven at most, %", read=_of_certificate("max_wrong_share"), decimals=3),
    "hand_share": Figure(title="hand labels in all, %", read=_of_summary("hand_share")),
    "truly": Figure(title="mislabelled in truth, %", read=_of_summary("mislabelled_share"), decimals=3),
}
