"""Policies that use the confidence of each prediction alone: one threshold, one per class, or the top k.

Confidences are compared as log-odds, so that 0.999999 and 1 - 1e-9 stay different, and in float64, so that
the threshold is not rounded to the precision of the scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from alframe.auto_label.accept import accept_where, accepted
from alframe.config.ranges import check_fields
from alframe.core.errors import ConfigError
from alframe.core.log_odds import logit
from alframe.core.records import Accepted, PoolScores, Validation
from alframe.core.selection import lowest


@dataclass(frozen=True, kw_only=True)
class ThresholdPolicy:
    """Accepts predictions whose probability is strictly above one threshold.

    Attributes:
        threshold: a probability strictly between 0 and 1.
    """

    threshold: float
    needs: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        check_fields("auto_label", self)

    def accept(
        self, scores: PoolScores, validation: Validation | None, generator: torch.Generator
    ) -> Accepted:
        """Return the samples with log-odds strictly above logit(threshold), with their predicted class."""
        return accept_where(self._accepts, scores, validation, self.threshold)

    def _accepts(self, scores: PoolScores) -> Tensor:
        return scores.log_odds_P.double() > logit(self.threshold)


@dataclass(frozen=True, kw_only=True)
class PerClassPolicy:
    """Accepts predictions whose probability is strictly above the threshold of the predicted class.

    Attributes:
        threshold: a probability strictly between 0 and 1, for the classes that `thresholds` does not name.
        thresholds: such probabilities: a list with one for each class in order, a mapping from class to
            probability, or None.
    """

    threshold: float
    thresholds: Sequence[float] | Mapping[int | str, float] | None
    needs: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        check_fields("auto_label", self)

    def accept(
        self, scores: PoolScores, validation: Validation | None, generator: torch.Generator
    ) -> Accepted:
        """Return the samples above the threshold of their predicted class.

        Raises:
            ConfigError: a predicted class is beyond the end of the list of thresholds.
        """
        threshold = None if self.thresholds else self.threshold
        return accept_where(self._accepts, scores, validation, threshold)

    def _accepts(self, scores: PoolScores) -> Tensor:
        if len(scores) == 0:
            return torch.empty(0, dtype=torch.bool)
        bound_C = self._bounds(int(scores.predicted_P.max()) + 1)
        return scores.log_odds_P.double() > bound_C[scores.predicted_P]

    def _bounds(self, n_classes: int) -> Tensor:
        """Return (C,) float64, the log-odds of the thresholds, with C at least `n_classes`."""
        if isinstance(self.thresholds, Mapping):
            named = {int(key): value for key, value in self.thresholds.items()}
            values = [named.get(each, self.threshold) for each in range(n_classes)]
        elif self.thresholds:
            values = list(self.thresholds)
        else:
            values = [self.threshold] * n_classes
        if len(values) < n_classes:
            raise ConfigError(
                "auto_label.thresholds",
                f"one threshold for each class up to class {n_classes - 1}, which was predicted",
                f"{len(values)} thresholds",
            )
        return torch.tensor([logit(value) for value in values], dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class TopKPolicy:
    """Accepts the k most confident predictions of the pool; ties go to the lowest index.

    Exactly one of `num` and `share` is given, and the other is None.

    Attributes:
        num: k, at least 1.
        share: k as a share of the current pool, in (0, 1]; at least one sample is accepted.
    """

    num: int | None
    share: float | None
    needs: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        check_fields("auto_label", self)
        if (self.num is None) == (self.share is None):
            given = "none" if self.num is None else f"num={self.num} and share={self.share:g}"
            raise ConfigError(
                "auto_label",
                "exactly one of auto_label.num and auto_label.share",
                given,
                "Write one, and the other as null.",
            )

    def accept(
        self, scores: PoolScores, validation: Validation | None, generator: torch.Generator
    ) -> Accepted:
        """Return the k most confident samples, the most confident first, with their predicted class."""
        by_index = scores.index_P.argsort()
        order = by_index[lowest(-scores.log_odds_P[by_index], self._count(len(scores)))]
        inside_V = None if validation is None else self._inside(scores, validation.scores)
        return accepted(scores, order, inside_V=inside_V, note=self._note(len(scores)))

    def _note(self, n_pool: int) -> str | None:
        if self.num is None or self.num < n_pool or n_pool == 0:
            return None
        return f"auto_label.num={self.num} takes the whole pool of {n_pool}"

    def _count(self, n_pool: int) -> int:
        if self.share is not None:
            return min(n_pool, max(1, round(self.share * n_pool)))
        return min(n_pool, self.num or 0)

    def _inside(self, scores: PoolScores, scores_V: PoolScores) -> Tensor:
        """Return (V,) bool: True if the sample would be among the top k of a pool with one sample more."""
        k = self._count(len(scores) + 1)
        if k > len(scores):
            return torch.ones(len(scores_V), dtype=torch.bool)
        by_index = scores.index_P.argsort()
        last = by_index[lowest(-scores.log_odds_P[by_index], k)[-1]]
        ahead_V = scores_V.log_odds_P > scores.log_odds_P[last]
        level_V = scores_V.log_odds_P == scores.log_odds_P[last]
        return ahead_V | (level_V & (scores_V.index_P < scores.index_P[last]))
