"""The result of a check of the auto-labels: plain numbers, no tensor. Imports no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What a random sample of the auto-labels says about all of them, as they were before its corrections.

    Attributes:
        n_auto: auto-labels before the check, with those of the sample whose images were removed since.
        asked: auto-labels drawn at random and asked about; each answer is a hand label.
        found_wrong: wrong auto-labels found and corrected. A sample that belongs to no class is wrong too.
        undecided: samples of which the oracle cannot tell the class or whose images were removed before all
            was answered; `least_share` counts them as right, `most_share` as wrong.
        confidence: the probability with which each of the two bounds holds.
        error_share: the estimate, found_wrong over the decided answers, in [0, 1]; None without any.
        least_share: lower bound on the share of wrong auto-labels, in [0, 1].
        most_share: upper bound on the share of wrong auto-labels, in [0, 1].
        most_left: wrong auto-labels that may be left after the corrections, at the same confidence.
        warn: True if `most_share` is above check.warn: do not use the auto-labels as they are.
        simulated: True if nothing was asked and the truth judged the sample, so that no label was corrected.
    """

    n_auto: int
    asked: int
    found_wrong: int
    undecided: int
    confidence: float
    error_share: float | None
    least_share: float
    most_share: float
    most_left: int
    warn: bool
    simulated: bool
