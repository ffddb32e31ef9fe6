"""An upper bound on the number of wrong labels that holds at every moment of an audit at once.

Axes: D the random draws of the audit, in order; G the bets.

A labels, M of them wrong (fixed, unknown). Before draw t every label i not yet answered has a known
probability q_t(i) of being drawn next. With x_t the wrong labels found before draw t, the number

    Y_t = 1 / q_t(i) if the drawn label i is wrong, else 0,    has mean M - x_t given everything before,

whatever set the probabilities, as long as they were set before draw t. So under "at least M0 are wrong"

    E_t = sum_g p_g prod_{s <= t} (1 + g (mu_s - Y_s) / (top_s - mu_s)),  mu_s = M0 - x_s,
    top_s >= max 1 / q_s, g in (0, 1), sum p_g = 1,

is a supermartingale that starts at 1 and never falls below 0, and by Ville's inequality it ever reaches
1 / alpha with probability at most alpha. Every factor grows with M0, hence so does E: if M0 is rejected,
so is every larger number, and

    M_up(t) = the largest M0 whose E has not reached 1 / alpha up to t

satisfies P(M <= M_up(t) for all t) >= 1 - alpha. Three things follow without further cost:

- looking after every answer and ending at any time: the bound holds for all t at once;
- corrections: the wrong labels left are M - x_t, at most M_up(t) - x_t, for any x_t;
- hand labelling chosen labels in between (the least confident, say): they only change x_t, and the choice
  may depend on all answers so far. No bet is placed on them.

With equal probabilities top_s is the number of labels left and a component is the likelihood ratio of
"M0 (1 - g)" against M0 wrong ones: a prior over the number wrong, relative to the hypothesis and on
its good side only, without replacement. The G bets and their equal weights are constants: fixed before
the first answer, and at most log(G) nats worse than the best of them in hindsight.

Source: Waudby-Smith and Ramdas, "Confidence sequences for sampling without replacement", NeurIPS 2020, and
"Estimating means of bounded random variables by betting", JRSS B 86 (2024), sections 4 and 5; Shekhar,
Xu, Lipton, Liang and Ramdas, "Risk-limiting financial audits via weighted sampling without
replacement", UAI 2023, for unequal probabilities.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Large bets pay if almost no label is wrong, small ones if the share is near the tolerance. Chosen by
# scripts/simulate_audits.py on shares of a quarter to a half of the tolerance.
BETS_G: Floats = np.array([0.5, 0.7, 0.85, 0.95])


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """The random draws of an audit.

    Attributes:
        value_D: float64, Y: 1 / (probability of the draw) if the label was wrong, else 0.
        top_D: float64, the largest possible value of Y.
        found_wrong_D: float64, the wrong labels found before the draw, hand-picked ones included.
    """

    value_D: Floats
    top_D: Floats
    found_wrong_D: Floats

    @classmethod
    def empty(cls) -> Self:
        """Return the trace before the first draw."""
        return cls(value_D=np.zeros(0), top_D=np.zeros(0), found_wrong_D=np.zeros(0))

    def __len__(self) -> int:
        return len(self.value_D)

    def extended(self, value_D: Floats, top_D: Floats, found_wrong_D: Floats) -> Self:
        """Return the trace with more draws at its end."""
        return type(self)(
            value_D=np.concatenate([self.value_D, value_D]),
            top_D=np.concatenate([self.top_D, top_D]),
            found_wrong_D=np.concatenate([self.found_wrong_D, found_wrong_D]),
        )


def log_evidence(trace: Trace, null: int) -> Floats:
    """Return (D,) float64, log E after each draw, against "at least `null` labels were wrong at the start".

    Args:
        trace: D draws.
        null: M0, above the wrong labels found, and at most these and the unanswered labels together.

    >>> errorless = Trace(value_D=np.zeros(3), top_D=np.array([4.0, 3.0, 2.0]), found_wrong_D=np.zeros(3))
    >>> log_evidence(errorless, null=1).round(3).tolist()
    [0.223, 0.544, 1.114]
    """
    mean_D = null - trace.found_wrong_D
    # If all labels left would be wrong, top = mean, and one right answer disproves it.
    unit_D = (mean_D - trace.value_D) / np.maximum(trace.top_D - mean_D, 1e-12 * trace.top_D)
    log_wealth_GD = np.log1p(BETS_G[:, None] * unit_D).cumsum(axis=1)
    return np.asarray(np.logaddexp.reduce(log_wealth_GD, axis=0)) - math.log(len(BETS_G))


def draws_to_reject(trace: Trace, null: int, alpha: float) -> int | None:
    """Return the number of draws after which the evidence against M >= `null` reached 1 / alpha, or None."""
    if len(trace) == 0:
        return None
    reached_D = np.flatnonzero(log_evidence(trace, null) >= -math.log(alpha) + 1e-9)
    return int(reached_D[0]) + 1 if len(reached_D) else None


def rejected(trace: Trace, null: int, alpha: float) -> bool:
    """Return True if the evidence against M >= `null` has reached 1 / alpha at any draw so far."""
    return draws_to_reject(trace, null, alpha) is not None


def most_wrong_so_far(trace: Trace, found_wrong: int, unanswered: int, alpha: float) -> int:
    """Return M_up, which with probability 1 - alpha is never below M, the wrong labels at the start.

    Args:
        trace: the draws so far.
        found_wrong: wrong labels found so far, hand-picked ones included.
        unanswered: labels that have not been checked.
        alpha: in (0, 1).
    """
    low, high = found_wrong, found_wrong + unanswered
    while low < high:
        middle = (low + high + 1) // 2
        if rejected(trace, middle, alpha):
            high = middle - 1
        else:
            low = middle
    return low


def smallest_error_free_draws(population: int, most_left: int, alpha: float, base: float = 1.0) -> int:
    """Return about how many draws are needed to reject M > `most_left` if none of them is wrong.

    Args:
        population: A. most_left: K. alpha: in (0, 1).
        base: the share of draws that are uniform; the result is exact for 1.

    >>> smallest_error_free_draws(60_000, 600, alpha=0.05)
    372
    """
    length, limit = 1024, population - most_left
    while most_left < population:
        left_D = np.arange(population, population - min(length, limit), -1, dtype=np.float64)
        none_D = np.zeros(len(left_D))
        errorless = Trace(value_D=none_D, top_D=left_D / base, found_wrong_D=none_D)
        needed = draws_to_reject(errorless, most_left + 1, alpha)
        if needed is not None or length >= limit:
            return limit if needed is None else needed
        length *= 2
    return 0
