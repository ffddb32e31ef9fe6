"""Error rates of labels with their intervals, and pairs of confused classes.

Pure functions of a trial's records. Axes: C the classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alframe.audit.binomial import exact_interval
from alframe.report.load.trial_records import Bin, DiagnosisFile


@dataclass(frozen=True, kw_only=True)
class Rate:
    """The number of wrong labels of n, and the 95 % interval of the share (Clopper and Pearson)."""

    n: int
    wrong: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Wrong over n."""
        return self.wrong / self.n


@dataclass(frozen=True, kw_only=True)
class MixUp:
    """Auto-labels of one true class with another label: number, and share of the class's auto-labels."""

    truth: str
    given: str
    n: int
    share: float


def cumulative(by_round: Mapping[int, int], rounds: Sequence[int]) -> list[int]:
    """Return the total number after each round.

    >>> cumulative({0: 5, 2: 3}, [0, 1, 2])
    [5, 5, 8]
    """
    return [sum(n for number, n in by_round.items() if number <= last) for last in rounds]


def rate(wrong: int, n: int, level: float = 0.95) -> Rate:
    """Return the share of wrong labels with its exact two-sided interval."""
    low, high = exact_interval(wrong, n, level)
    return Rate(n=n, wrong=wrong, low=low, high=high)


def rates_above(bins: Sequence[Bin]) -> list[Rate]:
    """Return for each bin the error rate of the auto-labels in it and in all more confident bins."""
    return [
        rate(sum(each.wrong for each in bins[k:]), sum(each.n for each in bins[k:])) for k in range(len(bins))
    ]


def mix_ups(diagnosis: DiagnosisFile) -> list[MixUp]:
    """Return the pairs of a true class and a wrong label, most frequent first."""
    if diagnosis.confusion_CC is None:
        return []
    confusion_CC, names = diagnosis.confusion_CC, diagnosis.class_names
    total_C = confusion_CC.sum(axis=1)
    pairs = [(t, g) for t, g in zip(*confusion_CC.nonzero(), strict=True) if t != g]
    pairs.sort(key=lambda pair: (-confusion_CC[pair], pair))
    return [
        MixUp(
            truth=names[t],
            given=names[g],
            n=int(confusion_CC[t, g]),
            share=float(confusion_CC[t, g] / total_C[t]),
        )
        for t, g in pairs
    ]
