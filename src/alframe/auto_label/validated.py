"""Threshold-based auto-labelling, with thresholds that a validation set shows to be safe.

Source: Vishwakarma et al., Promises and pitfalls of threshold-based auto-labeling, NeurIPS 2023, arXiv
2211.12620, algorithm 1; the binomial bound and the joint group are additions.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from alframe.auto_label.accept import accept_unjudged, accepted, check_finite
from alframe.auto_label.threshold_search import Bound, Cut, cut_by_sigma, cut_by_tests
from alframe.config.ranges import check_fields
from alframe.core.records import Accepted, PoolScores, Validation

Confidence = Callable[[PoolScores], Tensor]  # (P,) float, higher is more confident; log-odds if possible
JOINT = -1  # the one group of all classes


class Learned(NamedTuple):
    """A confidence function and the validation samples that may judge it.

    Attributes:
        confidence: from scores to one float for each sample; log-odds if `is_probability`.
        judges_V: (V,) bool, the validation samples that it was not learned from.
        is_probability: False if a cut on it is not a threshold on the classifier's probabilities.
        note: a remark for the reader, or None.
    """

    confidence: Confidence
    judges_V: Tensor
    is_probability: bool = True
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class ValidatedPolicy:
    """Accepts predictions above the lowest confidence at which a validation set shows few enough errors.

    Attributes:
        validation_size: at least 1, how many samples the oracle labels for it, once.
        tolerance: in (0, 1), the largest share of wrong predictions among the accepted.
        bound: "clopper_pearson", a binomial confidence bound, or "sigma", the published estimate.
        group: "joint" for one threshold, or "per_class" for one for each predicted class.
        delta: in (0, 1), the probability with which the binomial bound may fail, over all groups together.
        sigma_weight: at least 0, the published C1; only with "sigma".
        min_support: at least 1, the smallest number of validation samples above a threshold.
        num_cuts: at least 1, how many thresholds are tested in a group at most; only with "clopper_pearson".

    Source: Vishwakarma et al., Promises and pitfalls of threshold-based auto-labeling, NeurIPS 2023,
    algorithm 1; the binomial bound and the joint group are additions.
    """

    validation_size: int
    tolerance: float
    bound: Bound
    group: Literal["joint", "per_class"]
    delta: float
    sigma_weight: float
    min_support: int
    num_cuts: int
    needs: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        check_fields("auto_label", self)

    def accept(
        self, scores: PoolScores, validation: Validation | None, generator: torch.Generator
    ) -> Accepted:
        """Return the samples above the cut of their group.

        Raises:
            TrialError: a confidence, or a score that it is learned from, is NaN or infinite.
        """
        if validation is None or len(validation) == 0:
            return accept_unjudged(scores, validation)
        learned = self.learn(validation, generator)
        confidence_V = _checked(learned.confidence, validation.scores)
        cuts = self.cuts(confidence_V[learned.judges_V], validation.at(learned.judges_V))
        inside_V = above(cuts, confidence_V, validation.scores.predicted_P)
        accepted_P = above(cuts, _checked(learned.confidence, scores), scores.predicted_P)
        return accepted(
            scores,
            accepted_P,
            threshold=_threshold(cuts) if learned.is_probability else None,
            inside_V=inside_V,
            note="; ".join(filter(None, [_refusals(cuts, self.tolerance), learned.note])) or None,
        )

    def learn(self, validation: Validation, generator: torch.Generator) -> Learned:
        """Return the confidence that orders predictions: here the classifier's own log-odds."""
        return Learned(lambda scores: scores.log_odds_P, torch.ones(len(validation), dtype=torch.bool))

    def cuts(self, confidence_V: Tensor, validation: Validation) -> dict[int, Cut]:
        """Return the cut of each class that is predicted in the validation set, or the one cut of `JOINT`."""
        wrong_V = validation.scores.predicted_P != validation.label_V
        group_V = validation.scores.predicted_P
        if self.group == "joint":
            group_V = torch.full_like(group_V, JOINT)
        groups = group_V.unique().tolist() or [JOINT]
        return {
            each: self._cut(confidence_V[group_V == each], wrong_V[group_V == each], len(groups))
            for each in groups
        }

    def _cut(self, confidence_V: Tensor, wrong_V: Tensor, n_groups: int) -> Cut:
        both: Any = {"tolerance": self.tolerance, "min_support": self.min_support}
        if self.bound == "sigma":
            return cut_by_sigma(confidence_V, wrong_V, weight=self.sigma_weight, **both)
        delta = self.delta / n_groups
        return cut_by_tests(confidence_V, wrong_V, delta=delta, num_cuts=self.num_cuts, **both)


def above(cuts: dict[int, Cut], confidence_P: Tensor, predicted_P: Tensor) -> Tensor:
    """Return (P,) bool, True strictly above the cut of the predicted class; False for classes without a cut.

    >>> cuts = {0: Cut(above=1.0, n=9, wrong=0, needed=9)}
    >>> above(cuts, torch.tensor([1.0, 1.5, 9.0]), torch.tensor([0, 0, 1])).tolist()
    [False, True, False]
    """
    if JOINT in cuts:
        return confidence_P.double() > cuts[JOINT].above
    size = max(int(predicted_P.max()) if len(predicted_P) else 0, *cuts) + 1
    above_C = torch.full((size,), math.inf, dtype=torch.float64)
    for each, cut in cuts.items():
        above_C[each] = cut.above
    return confidence_P.double() > above_C[predicted_P]


def random_mask(n: int, share: float, generator: torch.Generator) -> Tensor:
    """Return (n,) bool, True at a random share of the positions, rounded down.

    >>> int(random_mask(5, 0.5, torch.Generator()).sum())
    2
    """
    chosen = torch.zeros(n, dtype=torch.bool)
    chosen[torch.randperm(n, generator=generator)[: int(share * n)]] = True
    return chosen


def _checked(confidence: Confidence, scores: PoolScores) -> Tensor:
    check_finite("log-odds", scores.log_odds_P, scores.index_P)
    return confidence(scores)


def _threshold(cuts: dict[int, Cut]) -> float | None:
    """Return the probability at the joint cut, or None if it accepts nothing or there are several cuts."""
    if JOINT not in cuts or not cuts[JOINT].accepts:
        return None
    return float(torch.tensor(cuts[JOINT].above, dtype=torch.float64).sigmoid())


def _refusals(cuts: dict[int, Cut], tolerance: float) -> str | None:
    """Return why groups accept nothing, or None if every group accepts something."""
    refused = {each: cut for each, cut in cuts.items() if not cut.accepts}
    if not refused:
        return None
    if JOINT in refused:
        return f"no auto-labels: {_why(refused[JOINT], tolerance)}"
    names = ", ".join(str(each) for each in refused)
    best = max(refused.values(), key=lambda cut: cut.n)
    which = "no auto-labels of any class" if len(refused) == len(cuts) else f"no auto-labels of class {names}"
    return f"{which}: at best {_why(best, tolerance)}"


def _why(cut: Cut, tolerance: float) -> str:
    if cut.n < cut.needed:
        return f"{cut.n} validation samples judge them and {cut.needed} are needed"
    return f"{cut.wrong} of the {cut.n} most confident validation samples are wrong (tolerance {tolerance:g})"
