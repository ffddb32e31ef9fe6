"""How often people err, from samples that two of them answered.

Both answer the same m samples, each without a look at the other's answer, and err independently at one rate
e. Their answers differ with probability at least 2 e (1 - e): exactly this if two errors on one sample always
name the same wrong class, which is the least favourable case. An upper bound q on the probability to differ
therefore bounds the rate: e <= (1 - sqrt(1 - 2 q)) / 2, for e of at most one half. The bound says nothing
about errors that both make for the same reason, such as a picture that misleads everybody.
"""

import math
from dataclasses import dataclass

from scipy.special import betaincinv  # type: ignore[import-untyped]

# Of the bound on the rate. A constant, since it is only an intermediate step: what a user chooses is
# certificate.confidence, and the statement of a proof takes off the 1 % by which this bound can fail.
CONFIDENCE = 0.99


@dataclass(frozen=True, kw_only=True)
class SecondAnswers:
    """Two persons' answers to the same samples.

    Attributes:
        answers: samples that both answered. differing: those with different answers.
        error_rate: the estimated share of wrong answers of one person; None without samples.
        error_high: its upper bound. confidence: of this bound.
    """

    answers: int
    differing: int
    error_rate: float | None
    error_high: float
    confidence: float


def second_answers(answers: int, differing: int, confidence: float = CONFIDENCE) -> SecondAnswers:
    """Return how often one of two persons errs, from the number of answers that differ.

    Args:
        answers: m >= 0. differing: in [0, m]. confidence: in (0, 1), of Clopper and Pearson's upper bound.

    >>> found = second_answers(500, 10)
    >>> round(found.error_rate, 4), round(found.error_high, 4)
    (0.0101, 0.0204)
    """
    high = 1.0 if differing >= answers else float(betaincinv(differing + 1, answers - differing, confidence))
    return SecondAnswers(
        answers=answers,
        differing=differing,
        error_rate=_rate(differing / answers) if answers else None,
        error_high=_rate(high),
        confidence=confidence,
    )


def _rate(differ: float) -> float:
    """Return the rate of one person's errors, at most one half, from the probability to differ."""
    return (1.0 - math.sqrt(max(0.0, 1.0 - 2.0 * differ))) / 2.0
