"""What labelling costs."""

from dataclasses import dataclass

from alframe.records import Counts


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Prices in any one currency.

    Attributes:
        hand_label: of an answer. auto_label: of a label that is a prediction. hour: of computing.
    """

    hand_label: float = 0.0
    auto_label: float = 0.0
    hour: float = 0.0

    def total(self, counts: Counts, seconds: float) -> float:
        """Return what the labels held and the seconds spent come to.

        >>> from alframe.records import Counts
        >>> counts = Counts(n_samples=9, hand_labels=5, auto_labels=4, unlabelled=0, mislabelled=None,
        ...                 mislabelled_share=None, auto_label_error=None)
        >>> Cost(hand_label=0.04, hour=2.0).total(counts, seconds=1800)
        1.2
        """
        labels = self.hand_label * counts.hand_labels + self.auto_label * counts.auto_labels
        return labels + self.hour * seconds / 3600
