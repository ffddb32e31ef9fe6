"""The lowest confidence that may be accepted, given right and wrong predictions of a validation set.

Axes: V validation samples of one group, sorted from the most to the least confident. A *cut* is a confidence
strictly above which predictions are accepted.

Sources: the estimate with its sigma, Vishwakarma et al., Promises and pitfalls of threshold-based
auto-labeling, NeurIPS 2023 (arXiv 2211.12620); the binomial bound, Clopper & Pearson, Biometrika 1934;
testing in a fixed order, Angelopoulos et al., Learn then Test, arXiv 2110.01052.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Bound = Literal["sigma", "clopper_pearson"]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """The cut of a group of validation samples.

    Attributes:
        above: the confidence strictly above which predictions are accepted; inf accepts none.
        n: how many validation samples are above the cut. If none is accepted, it counts the samples of the
            first test.
        wrong: how many of these n samples have a wrong prediction.
        needed: the smallest number of validation samples for the first test.
    """

    above: float
    n: int
    wrong: int
    needed: int

    @property
    def accepts(self) -> bool:
        """True if any prediction can be accepted."""
        return self.above < math.inf


def at_most(wrong: int, n: int, rate: float) -> float:
    """Return P(Binomial(n, rate) <= wrong), float64: the chance of at most `wrong` errors at this rate.

    The upper Clopper-Pearson bound at level delta is at most `rate` exactly if this is at most delta.

    >>> round(at_most(1, 3, 0.5), 12)  # (1 + 3) / 8
    0.5
    >>> at_most(0, 59, 0.05) <= 0.05 < at_most(0, 58, 0.05)
    True
    """
    if wrong >= n:
        return 1.0
    k = torch.arange(wrong + 1, dtype=torch.float64)
    n_T = torch.tensor(float(n), dtype=torch.float64)
    ways = torch.lgamma(n_T + 1) - torch.lgamma(k + 1) - torch.lgamma(n_T - k + 1)
    logs = ways + k * math.log(rate) + (n_T - k) * math.log1p(-rate)
    return min(1.0, float(logs.logsumexp(0).exp()))


def error_free_needed(tolerance: float, delta: float) -> int:
    """Return how many samples, all without an error, bound the error rate by `tolerance`.

    Args:
        tolerance, delta: in (0, 1); the bound holds with probability 1 - delta.

    >>> error_free_needed(0.05, 0.05), error_free_needed(0.01, 0.05), error_free_needed(0.05, 0.05 / 10)
    (59, 299, 104)
    """
    return math.ceil(math.log(delta) / math.log1p(-tolerance))


def cut_by_sigma(
    confidence_V: Tensor, wrong_V: Tensor, *, tolerance: float, weight: float, min_support: int
) -> Cut:
    """Return the lowest cut whose e + weight * sqrt(e (1 - e)) is within the tolerance.

    e is the error rate above the cut. A cut is the confidence of the next sample below it, or -inf if all
    samples are above it. The source tries the confidences of all groups' samples in each group, which leads
    nearly as far down. This is not a confidence bound: the second term does not fall with the number of
    samples.

    Args:
        confidence_V: (V,) float, any order. wrong_V: (V,) bool.
        tolerance: in (0, 1). weight: at least 0, the published C1.
        min_support: the smallest number of samples above the cut.

    >>> sure, wrong = torch.tensor([4.0, 3.0, 2.0, 1.0]), torch.tensor([False, False, True, False])
    >>> cut = cut_by_sigma(sure, wrong, tolerance=0.3, weight=0.0, min_support=2)
    >>> cut.n, cut.wrong, cut.above  # a third is wrong down to 2, a quarter down to 1
    (4, 1, -inf)
    """
    confidence_V, wrong_V = _sorted(confidence_V, wrong_V)
    n_V = torch.arange(1, len(wrong_V) + 1)
    sum_V = wrong_V.long().cumsum(0)
    error_V = sum_V.double() / n_V
    fits_V = error_V + weight * (error_V * (1 - error_V)).sqrt() <= tolerance
    # Equally confident samples are all above the cut; only the last one has the counts of the whole group.
    last_V = torch.ones_like(fits_V)
    last_V[:-1] = confidence_V[:-1] > confidence_V[1:]
    at = (fits_V & last_V & (n_V >= min_support)).nonzero().flatten()
    if len(at) == 0:
        n = min(min_support, len(wrong_V))
        return Cut(above=math.inf, n=n, wrong=int(wrong_V[:n].sum()), needed=min_support)
    lowest = int(at[-1])
    below = float(confidence_V[lowest + 1]) if lowest + 1 < len(confidence_V) else -math.inf
    return Cut(above=below, n=lowest + 1, wrong=int(sum_V[lowest]), needed=min_support)


def cut_by_tests(
    confidence_V: Tensor,
    wrong_V: Tensor,
    *,
    tolerance: float,
    delta: float,
    min_support: int,
    num_cuts: int,
) -> Cut:
    """Return the lowest cut of a grid that passes a binomial test, with all cuts above it passing too.

    The grid depends on the confidences alone. It begins with the first cut that has as many samples above it
    as a test without errors needs, ends with all samples, and has at most `num_cuts` cuts, evenly spaced in
    samples. A cut is the confidence of the next sample below it, so that the samples above it are a random
    sample of what is accepted. A test passes if, at an error rate of `tolerance`, this number of errors
    or fewer has at most probability delta. The first test that fails ends the search, so that no correction
    for several cuts is needed.

    With probability at least 1 - delta, the rate of wrong predictions above the cut is within the tolerance:
    for one use of a fresh random sample, and if less confident predictions are never more often right. (Let
    t* be the confidence above which the rate is the tolerance, and c the first cut below it. Predictions
    above t* are wrong at that rate and those between c and t* at no lower rate, so that the test at c fails
    often enough.)

    Args:
        confidence_V: (V,) float, any order. wrong_V: (V,) bool.
        tolerance, delta: in (0, 1). min_support: the smallest number of samples above the cut.
        num_cuts: at least 1.

    >>> sure, wrong = torch.arange(100.0), torch.arange(100) < 20  # the 20 least confident are wrong
    >>> cut = cut_by_tests(sure, wrong, tolerance=0.05, delta=0.05, min_support=1, num_cuts=42)
    >>> cut.n, cut.wrong, cut.above, cut.needed  # one wrong of 81 would be seen with chance 0.08
    (80, 0, 19.0, 59)
    """
    confidence_V, wrong_V = _sorted(confidence_V, wrong_V)
    needed = max(error_free_needed(tolerance, delta), min_support)
    sum_V = torch.cat([torch.zeros(1, dtype=torch.int64), wrong_V.long().cumsum(0)])
    passed: Cut | None = None
    for above, n in _grid(confidence_V, needed, num_cuts):
        wrong = int(sum_V[n])
        if at_most(wrong, n, tolerance) > delta:
            return passed or Cut(above=math.inf, n=n, wrong=wrong, needed=needed)
        passed = Cut(above=above, n=n, wrong=wrong, needed=needed)
    return passed or Cut(above=math.inf, n=len(wrong_V), wrong=int(sum_V[-1]), needed=needed)


def _grid(confidence_V: Tensor, first: int, num_cuts: int) -> list[tuple[float, int]]:
    """Return (cut, number of samples above it) pairs, at least `first` samples, the highest cut first."""
    n_V = len(confidence_V)
    counts = torch.linspace(first, n_V, num_cuts).round().long().unique().tolist() if first <= n_V else []
    if counts:
        counts[-1] = n_V
    below = [float(confidence_V[count]) if count < n_V else -math.inf for count in counts]
    above = [int((confidence_V > cut).sum()) for cut in below]  # fewer than asked for if some are equal
    return [(cut, n) for cut, n in zip(below, above, strict=True) if n >= first]


def _sorted(confidence_V: Tensor, wrong_V: Tensor) -> tuple[Tensor, Tensor]:
    order = confidence_V.argsort(descending=True, stable=True)
    return confidence_V[order].double(), wrong_V[order]
