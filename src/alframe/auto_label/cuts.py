"""How low a confidence may be accepted, given right and wrong predictions of a validation set.

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
    """What a group of validation samples allows.

    Attributes:
        above: the confidence strictly above which predictions are accepted; inf accepts none.
        n, wrong: the validation samples above it, and those of them whose prediction is wrong; where none are
            accepted, what was looked at first.
        needed: validation samples that the first look takes.
    """

    above: float
    n: int
    wrong: int
    needed: int

    @property
    def accepts(self) -> bool:
        """True where there is something to accept."""
        return self.above < math.inf


def at_most(wrong: int, n: int, rate: float) -> float:
    """Return P(Binomial(n, rate) <= wrong), float64: the chance to see so few if the rate were `rate`.

    The rate's upper Clopper-Pearson bound at level delta is at most `rate` where this is at most delta.

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
    """Return how many samples without an error put the rate's bound at `tolerance`.

    >>> error_free_needed(0.05, 0.05), error_free_needed(0.01, 0.05), error_free_needed(0.05, 0.05 / 10)
    (59, 299, 104)
    """
    return math.ceil(math.log(delta) / math.log1p(-tolerance))


def cut_by_sigma(
    confidence_V: Tensor, wrong_V: Tensor, *, tolerance: float, weight: float, min_support: int
) -> Cut:
    """Return the lowest cut whose e + weight * sqrt(e (1 - e)) is within the tolerance.

    Cuts lie just below a validation sample's confidence: it is among those above. Not a confidence bound: the
    second term does not fall with the number of samples.

    Args:
        confidence_V: float, any order. wrong_V: bool.
        tolerance, weight, min_support: in (0, 1); the published C1; samples above at least.

    >>> sure, wrong = torch.tensor([4.0, 3.0, 2.0, 1.0]), torch.tensor([False, False, True, False])
    >>> cut = cut_by_sigma(sure, wrong, tolerance=0.3, weight=0.0, min_support=2)
    >>> cut.n, cut.wrong, 0.99 < cut.above < 1.0  # a third is wrong down to 2, a quarter down to 1
    (4, 1, True)
    """
    confidence_V, wrong_V = _sorted(confidence_V, wrong_V)
    n_V = torch.arange(1, len(wrong_V) + 1)
    sum_V = wrong_V.long().cumsum(0)
    error_V = sum_V.double() / n_V
    fits_V = error_V + weight * (error_V * (1 - error_V)).sqrt() <= tolerance
    # Of equally confident samples all are above the cut: only the last has the group's figures.
    last_V = torch.ones_like(fits_V)
    last_V[:-1] = confidence_V[:-1] > confidence_V[1:]
    at = (fits_V & last_V & (n_V >= min_support)).nonzero().flatten()
    if len(at) == 0:
        n = min(min_support, len(wrong_V))
        return Cut(above=math.inf, n=n, wrong=int(wrong_V[:n].sum()), needed=min_support)
    lowest = int(at[-1])
    above = math.nextafter(float(confidence_V[lowest]), -math.inf)
    return Cut(above=above, n=lowest + 1, wrong=int(sum_V[lowest]), needed=min_support)


def cut_by_tests(
    confidence_V: Tensor,
    wrong_V: Tensor,
    *,
    tolerance: float,
    delta: float,
    min_support: int,
    num_cuts: int,
) -> Cut:
    """Return the lowest cut of a grid that was reached before a binomial test failed.

    The grid is fixed by the confidences alone: from the first cut with as many samples above it as an
    error-free test takes, down to all of them, `num_cuts` at most, evenly spaced in samples. A cut is the
    confidence of the next sample below, so that those above it are a random sample of what is accepted. Each
    test asks whether so few wrong ones would be seen with chance delta at most if the rate were the
    tolerance; the first that fails ends the search, so that no correction over cuts is due.

    With probability 1 - delta at least, the rate of wrong predictions above the cut is within the tolerance:
    for one use of a fresh random sample, and where the less confident are never more often right. (Let t* be
    the confidence above which the rate is the tolerance, and c the first cut below it. Those above t* are
    wrong at that rate, those between c and t* at no lower one, so that the test at c fails often enough.)

    Args:
        confidence_V: float, any order. wrong_V: bool.
        tolerance, delta: in (0, 1). min_support: samples above at least. num_cuts: at least 1.

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
    """Return (cut, samples above it) pairs with at least `first` samples, the highest cut first."""
    n_V = len(confidence_V)
    counts = torch.linspace(first, n_V, num_cuts).round().long().unique().tolist() if first <= n_V else []
    if counts:
        counts[-1] = n_V
    below = [float(confidence_V[count]) if count < n_V else -math.inf for count in counts]
    above = [int((confidence_V > cut).sum()) for cut in below]  # fewer than asked for where some are equal
    return [(cut, n) for cut, n in zip(below, above, strict=True) if n >= first]


def _sorted(confidence_V: Tensor, wrong_V: Tensor) -> tuple[Tensor, Tensor]:
    order = confidence_V.argsort(descending=True, stable=True)
    return confidence_V[order].double(), wrong_V[order]
