"""Threshold-based auto-labelling: as much as a validation set says is safe.

Source: Vishwakarma et al., Promises and pitfalls of threshold-based auto-labeling, NeurIPS 2023, arXiv
2211.12620, algorithm 1; the binomial bound and the joint group are additions.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from alframe.auto_label.base import accepted, check_finite, nothing
from alframe.auto_label.cuts import Bound, Cut, cut_by_sigma, cut_by_tests
from alframe.config.ranges import check_fields
from alframe.core.records import Accepted, PoolScores, Validation

Confidence = Callable[[PoolScores], Tensor]  # (P,) float, the higher the surer; log-odds where it can be
JOINT = -1  # the one group of all classes


class Learned(NamedTuple):
    """A confidence, which validation samples judge it, and what a person should know of it.

    Attributes:
        confidence: float of each sample, in the log-odds of `threshold` where `is_probability`.
        judges_V: bool, the validation samples from which it was not learned.
        is_probability: False where a cut on it says nothing about the classifier's probabilities.
    """

    confidence: Confidence
    judges_V: Tensor
    is_probability: bool = True
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class ValidatedPolicy:
    """Accepts predictions that are as confident as those that a validation set shows to be right.

    Attributes:
        validation_size: samples that the oracle labels for it, once.
        tolerance: wrong ones among the accepted, as a share.
        bound: "clopper_pearson", or "sigma" as published.
        group: "joint", one threshold, or "per_class", one for each predicted class.
        delta: chance that the binomial bound may fail, over all groups together.
        sigma_weight: the published C1, of "sigma".
        min_support: validation samples above a threshold at least.
        num_cuts: thresholds that are tested at most in a group, of "clopper_pearson".
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
            TrialError: a confidence, or what it is learned from, is NaN or infinite.
        """
        if validation is None or len(validation) == 0:
            return nothing(scores, validation, "no auto-labels: no validation sample is left to judge them")
        learned = self.learn(validation, generator)
        confidence_V = _checked(learned.confidence, validation.scores)
        cuts = self.cuts(confidence_V[learned.judges_V], _at(validation, learned.judges_V))
        inside_V = above(cuts, confidence_V, validation.scores.predicted_P)
        sure_P = above(cuts, _checked(learned.confidence, scores), scores.predicted_P)
        return accepted(
            scores,
            sure_P,
            threshold=_threshold(cuts) if learned.is_probability else None,
            inside_V=inside_V,
            note="; ".join(filter(None, [_told(cuts, self.tolerance), learned.note])) or None,
        )

    def learn(self, validation: Validation, generator: torch.Generator) -> Learned:
        """Return the confidence by which predictions are ordered: here the classifier's own log-odds."""
        return Learned(lambda scores: scores.log_odds_P, torch.ones(len(validation), dtype=torch.bool))

    def cuts(self, confidence_V: Tensor, validation: Validation) -> dict[int, Cut]:
        """Return the cut of each group: of each class predicted in the validation set, or of `JOINT`."""
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
        if self.bound == "sigma":
            return cut_by_sigma(
                confidence_V,
                wrong_V,
                tolerance=self.tolerance,
                weight=self.sigma_weight,
                min_support=self.min_support,
            )
        return cut_by_tests(
            confidence_V,
            wrong_V,
            tolerance=self.tolerance,
            delta=self.delta / n_groups,
            min_support=self.min_support,
            num_cuts=self.num_cuts,
        )


def above(cuts: dict[int, Cut], confidence_P: Tensor, predicted_P: Tensor) -> Tensor:
    """Return bool (P,): strictly above the cut of the predicted class; a class without a cut is not accepted.

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


def part(n: int, share: float, generator: torch.Generator) -> Tensor:
    """Return bool (n,), True at a random share of the places, rounded down.

    >>> int(part(5, 0.5, torch.Generator()).sum())
    2
    """
    chosen = torch.zeros(n, dtype=torch.bool)
    chosen[torch.randperm(n, generator=generator)[: int(share * n)]] = True
    return chosen


def _checked(confidence: Confidence, scores: PoolScores) -> Tensor:
    check_finite("log-odds", scores.log_odds_P, scores.index_P)
    return confidence(scores)


def _at(validation: Validation, chosen_V: Tensor) -> Validation:
    return Validation(scores=validation.scores.at(chosen_V), label_V=validation.label_V[chosen_V])


def _threshold(cuts: dict[int, Cut]) -> float | None:
    """Return the probability at the cut where there is a single one that accepts something."""
    if JOINT not in cuts or not cuts[JOINT].accepts:
        return None
    return float(torch.tensor(cuts[JOINT].above, dtype=torch.float64).sigmoid())


def _told(cuts: dict[int, Cut], tolerance: float) -> str | None:
    """Return why a group accepts nothing, None where each accepts something."""
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
