"""Exact bounds of a uniform audit whose size was fixed before its first answer.

A labels are audited, M of them are wrong (fixed, unknown). m are drawn uniformly without replacement;
the number x found wrong is hypergeometric. No asymptotics and no assumption about the source of the labels.

Probabilities are computed in log space with `math.lgamma`, whose error grows with A. Every comparison with
`alpha` favours the larger number of wrong labels, so that rounding can only widen a bound.

Source: Bartroff, Lorden and Wang, "Optimal and fast confidence intervals for hypergeometric successes",
The American Statistician 77 (2023), section 1, for the one-sided test inversion.
"""

import math

import numpy as np
from numpy.typing import NDArray

POWER = 0.9  # the probability with which an audit of `audit_size` passes


def most_wrong(population: int, drawn: int, found: int, alpha: float) -> int:
    """Return the largest M that the audit does not reject: P(Hypergeometric(A, M, m) <= x) > alpha.

    With probability at least 1 - alpha, at most this number of labels is wrong, those found included.

    Args:
        population: A >= 0, the labels audited. drawn: m in [0, A]. found: x in [0, m].
        alpha: the error probability, in (0, 1).

    >>> most_wrong(60_000, 598, 0, alpha=0.05)
    298
    >>> most_wrong(10, 10, 3, alpha=0.05)
    3
    """
    low, high = found, population - (drawn - found)
    while low < high:
        middle = (low + high + 1) // 2
        if _possible(population, middle, drawn, found, alpha):
            low = middle
        else:
            high = middle - 1
    return low


def least_wrong(population: int, drawn: int, found: int, alpha: float) -> int:
    """Return the smallest M that the audit does not reject: P(Hypergeometric(A, M, m) >= x) > alpha.

    With probability at least 1 - alpha, at least this number of labels is wrong, those found included. It is
    what remains if as many labels as possible are right, so `most_wrong` answers it with the roles swapped.

    Args:
        population: A >= 0, the labels audited. drawn: m in [0, A]. found: x in [0, m].
        alpha: the error probability, in (0, 1).

    >>> least_wrong(60_000, 600, 30, alpha=0.05)
    2177
    >>> least_wrong(60_000, 600, 0, alpha=0.05), least_wrong(10, 10, 3, alpha=0.05)
    (0, 3)
    """
    return population - most_wrong(population, drawn, drawn - found, alpha)


def smallest_error_free_audit(population: int, most_left: int, alpha: float) -> int:
    """Return the smallest m for which m right answers prove that at most `most_left` labels are wrong.

    Args:
        population: A >= 0. most_left: K >= 0. alpha: in (0, 1).

    >>> smallest_error_free_audit(60_000, 300, alpha=0.05)
    593
    """
    return _smallest_audit(population, most_left, 0, alpha) if most_left < population else 0


def audit_size(
    population: int, most_left: int, wrong_share: float, alpha: float, power: float = POWER
) -> int:
    """Return the smallest fixed m that passes with probability `power` if `wrong_share` of A are wrong.

    An audit that finds x wrong labels passes if at most `most_left` can be wrong after their correction.

    Args:
        population: A >= 0. most_left: K >= 0. wrong_share: anticipated, in [0, 1].
        alpha: in (0, 1). power: in (0, 1).

    Returns:
        m in [0, A]; all but K if more wrong labels are anticipated than tolerated.

    >>> audit_size(60_000, 600, 0.0, alpha=0.05), audit_size(60_000, 600, 0.0025, alpha=0.05)
    (297, 902)
    """
    if most_left >= population:
        return 0
    wrong = round(wrong_share * population)
    if wrong > most_left:
        return population - most_left
    for allowed in range(population):
        # An audit that allows more errors is larger, so the first with enough power is the smallest.
        m = _smallest_audit(population, most_left, allowed, alpha)
        if m >= population or tail(population, wrong, m, allowed) >= power:
            return m
    return population


def tail(population: int, wrong: int, drawn: int, found: int) -> float:
    """Return P(X <= found) for X ~ Hypergeometric(population, wrong, drawn), in [0, 1].

    >>> round(tail(10, 3, 2, 0), 6)  # 7/10 * 6/9
    0.466667
    """
    least = max(0, drawn - (population - wrong))
    if found < least:
        return 0.0
    if found >= min(drawn, wrong):
        return 1.0
    k = np.arange(found, least, -1, dtype=np.float64)
    steps = np.log(k) + np.log(population - wrong - drawn + k) - np.log(wrong - k + 1) - np.log(drawn - k + 1)
    log_terms = np.concatenate([[0.0], np.cumsum(steps)])
    return min(1.0, math.exp(_log_pmf(population, wrong, drawn, found) + _log_sum(log_terms)))


def most_oracle_errors(n: int, rate: float, delta: float) -> int:
    """Return a k with P(Binomial(n, rate) > k) <= delta, by Chernoff's bound, so it is never too small.

    Args:
        n: answers. rate: the share of them that is wrong, in [0, 1]. delta: in (0, 1).

    >>> most_oracle_errors(60_000, 0.01, delta=0.001), most_oracle_errors(60_000, 0.0, delta=0.001)
    (692, 0)
    """
    low, high = math.ceil(n * rate), n
    if rate <= 0.0 or low >= n:
        return low
    while low < high:
        middle = (low + high) // 2
        if n * divergence((middle + 1) / n if middle < n else 1.0, rate) >= -math.log(delta):
            high = middle
        else:
            low = middle + 1
    return low


def divergence(p: float, q: float) -> float:
    """Return the Kullback-Leibler divergence of Bernoulli(p) from Bernoulli(q) in nats, for q in (0, 1).

    >>> round(divergence(0.5, 0.25), 4)
    0.1438
    """
    of_heads = p * math.log(p / q) if p > 0 else 0.0
    return of_heads + ((1 - p) * math.log((1 - p) / (1 - q)) if p < 1 else 0.0)


def _smallest_audit(population: int, most_left: int, found: int, alpha: float) -> int:
    """Return the smallest m at which at most `most_left` are left after `found` errors are corrected."""
    low, high = min(found, population), population
    while low < high:
        middle = (low + high) // 2
        null = most_left + found + 1
        # More than the labels that were not drawn is impossible, hence rejected.
        if null - found > population - middle or not _possible(population, null, middle, found, alpha):
            high = middle
        else:
            low = middle + 1
    return low


def _possible(population: int, wrong: int, drawn: int, found: int, alpha: float) -> bool:
    slack = 1e-9 + 1e-13 * population
    return tail(population, wrong, drawn, found) * (1.0 + slack) > alpha


def _log_pmf(population: int, wrong: int, drawn: int, found: int) -> float:
    return (
        _log_choose(wrong, found)
        + _log_choose(population - wrong, drawn - found)
        - _log_choose(population, drawn)
    )


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _log_sum(log_terms: NDArray[np.float64]) -> float:
    top = float(log_terms.max())
    return top + math.log(float(np.exp(log_terms - top).sum()))
