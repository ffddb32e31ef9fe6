"""The choice between more random draws and hand labelling the least confident auto-labels.

This heuristic may err about costs but never about the bound, because it uses only past answers.

Axes: B blocks of auto-labels by rank, the least confident in the first, each ending at GROWTH times the end
of the one before; O options: hand label the first o blocks completely, then continue to draw; G the bets.
"""

import math

import numpy as np

from alframe.audit.betting import BETS_G, Floats, log_evidence
from alframe.audit.sampling import Auditor

PILOT = 100  # draws before the first estimate is trusted
FIRST_BLOCK, GROWTH = 64, 1.25
# Hand labelling cannot be undone, and a few unlucky draws look like many errors. Therefore it must be clearly
# cheaper, it never gets far ahead of the draws and of the errors that they found, and blocks count as good
# until answers show otherwise.
CLEARLY = 0.7
RATIO = 1.0  # hand labels per draw, for each error that the draws found
PRIOR_ERRORS, ANTICIPATED = 1.0, 0.5  # a block's share is half the tolerated one: the weight of one error


def labels_by_hand(auditor: Auditor, most_left: int, alpha: float) -> int:
    """Return how many of the least confident to hand label now; 0 to continue with random draws.

    Args:
        auditor: the audit so far. most_left: K, the wrong labels tolerated. alpha: in (0, 1).

    Returns:
        the number for which these labels and the draws needed after them are estimated to cost least.
    """
    by_hand = auditor.asked - auditor.audited
    n_found = max(1, int((auditor.trace.value_D > 0).sum()))
    if auditor.audited < PILOT or by_hand > RATIO * auditor.audited * n_found:
        return 0
    size_B, density_B, weight_B = _blocks(auditor, most_left)
    labels_O = np.concatenate([[0.0], size_B.cumsum()])
    found_O = np.concatenate([[0.0], (size_B * density_B).cumsum()])
    growth_O = _growth(size_B, density_B, weight_B, auditor.weight_A[-1], most_left)
    cost_O = np.full(len(labels_O), np.inf)
    for option, growth in enumerate(growth_O):
        need = _needed(auditor, most_left, round(found_O[option]), alpha)
        cost_O[option] = labels_O[option] + (need / growth if growth > 1e-12 else np.inf)
    # If all but K are labelled, the proof is complete.
    all_but_K_O = labels_O >= labels_O[-1] - most_left
    cost_O[all_but_K_O] = labels_O[all_but_K_O]
    best = int(cost_O.argmin())
    return round(labels_O[best]) if best and cost_O[best] < CLEARLY * cost_O[0] else 0


def _blocks(auditor: Auditor, most_left: int) -> tuple[Floats, Floats, Floats]:
    """Return three (B,) float64: unanswered labels, estimated share of wrong ones, mean weight."""
    n_auto = len(auditor.answered_A)
    edges = [0]
    while edges[-1] < n_auto:
        edges.append(min(n_auto, max(FIRST_BLOCK, math.ceil(GROWTH * edges[-1]))))
    first_B = np.array(edges[:-1])
    answered_B = np.add.reduceat(auditor.answered_A, first_B, dtype=np.float64)
    wrong_B = np.add.reduceat(auditor.wrong_A, first_B, dtype=np.float64)
    length_B = np.diff(np.array(edges)).astype(np.float64)
    # The prior of a block is half the tolerated share. All blocks together have the weight of a few errors.
    anticipated = ANTICIPATED * max(most_left, 1) / n_auto
    prior_B = PRIOR_ERRORS / anticipated * (1 - 1 / GROWTH)
    density_B = falling((wrong_B + prior_B * anticipated) / (answered_B + prior_B), answered_B + prior_B)
    weight_B = np.add.reduceat(auditor.weight_A, first_B) / length_B
    return length_B - answered_B, np.minimum(density_B, 1.0), weight_B


def falling(value_B: Floats, mass_B: Floats) -> Floats:
    """Return (B,) float64, the falling values that are nearest in weighted squares (pool adjacent violators).

    >>> falling(np.array([0.2, 0.4, 0.1]), np.array([1.0, 3.0, 1.0])).round(3).tolist()
    [0.35, 0.35, 0.1]
    """
    pooled: list[tuple[float, float, int]] = []
    for value, mass in zip(value_B.tolist(), mass_B.tolist(), strict=True):
        length = 1
        while pooled and pooled[-1][0] <= value:
            other, other_mass, other_length = pooled.pop()
            value = (value * mass + other * other_mass) / (mass + other_mass)
            mass, length = mass + other_mass, length + other_length
        pooled.append((value, mass, length))
    return np.concatenate([np.full(length, value) for value, _, length in pooled])


def _growth(
    size_B: Floats, density_B: Floats, weight_B: Floats, least_weight: float, most_left: int
) -> Floats:
    """Return (B + 1,), the expected log E per draw, best bet, after the first o blocks are labelled."""
    kept_OB = np.arange(len(size_B))[None, :] >= np.arange(len(size_B) + 1)[:, None]
    weights_OB = kept_OB * (size_B * weight_B)[None]
    total_O1 = np.maximum(weights_OB.sum(axis=1, keepdims=True), 1e-9)
    chance_OB, value_OB, top_O1 = weights_OB / total_O1, total_O1 / weight_B[None], total_O1 / least_weight
    mean = most_left + 1.0
    room_O1 = np.maximum(top_O1 - mean, 1e-9)
    bet_OBG = BETS_G[None, None, :]
    if_wrong_OBG = np.log1p(np.maximum(bet_OBG * ((mean - value_OB) / room_O1)[..., None], -0.999))
    if_right_OBG = np.log1p(bet_OBG * (mean / room_O1)[..., None])
    density_1B1 = density_B[None, :, None]
    mean_OBG = density_1B1 * if_wrong_OBG + (1 - density_1B1) * if_right_OBG
    return np.asarray((chance_OB[..., None] * mean_OBG).sum(axis=1).max(axis=1))


def _needed(auditor: Auditor, most_left: int, about_to_find: int, alpha: float) -> float:
    """Return the nats of evidence that are missing after `about_to_find` more labels are corrected."""
    null = min(auditor.found_wrong + about_to_find + most_left + 1, auditor.found_wrong + auditor.unanswered)
    return max(1e-9, -math.log(alpha) - float(log_evidence(auditor.trace, null)[-1]))
