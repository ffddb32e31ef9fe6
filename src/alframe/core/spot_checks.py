"""Spot checks: the part of a question that is drawn at random from what would be auto-labelled.

Only policies with the methods of `SpotChecks` make them. The query strategy then chooses among the samples
that are not accepted, and the question comes before the auto-labels, whatever `order` says.
"""

from dataclasses import replace

import torch
from torch import Tensor

from alframe.core.components import Components
from alframe.core.ledger import LabelLedger
from alframe.core.loop_plan import LoopPlan
from alframe.core.protocols import SpotChecks
from alframe.core.records import PoolScores
from alframe.core.seeds import derive_generator
from alframe.core.selection import among, rank_within
from alframe.core.steps import RoundState


def picks(components: Components, plan: LoopPlan) -> tuple[str, str]:
    """Return the order of "auto" and "hand" in a round."""
    hand_first = plan.order == "hand_first" or isinstance(components.auto_label, SpotChecks)
    return ("hand", "auto") if hand_first else ("auto", "hand")


def split(components: Components, state: RoundState) -> tuple[RoundState, Tensor, Tensor]:
    """Return the state, (P,) bool for what the strategy may choose, and judged_J, int64, for spot checks.

    Both are without copies of images that have an answer or are already among them. They are no scores, since
    each part of a pool of millions would be a further copy of most of it.
    """
    policy, scores = components.auto_label, state.scores
    rest_P, judged_J = torch.ones(len(scores), dtype=torch.bool), scores.index_P[:0]
    if isinstance(policy, SpotChecks):
        judged_J = scores.index_P[without_copies(components, state.ledger, scores, policy.judged(scores))]
        inside_V = state.inside_V if state.validation is None else policy.trusted(state.validation.scores)
        state, rest_P = replace(state, inside_V=inside_V), ~policy.trusted(scores)
    return state, without_copies(components, state.ledger, scores, rest_P), judged_J


def without_copies(
    components: Components, ledger: LabelLedger, scores: PoolScores, chosen_P: Tensor
) -> Tensor:
    """Return (P,) bool, one of the chosen samples per group of equal images, without groups with an answer.

    If no image is left, return all that were chosen.
    """
    some = components.copies is not None and bool(chosen_P.any())
    first_N = components.copies() if components.copies is not None and some else None
    if first_N is None:
        return chosen_P
    answered_N = torch.zeros(len(first_N), dtype=torch.bool)
    answered_N[first_N[torch.cat([ledger.index_hand, ledger.index_set_aside])]] = True
    position_C = chosen_P.nonzero().flatten()
    group_C = first_N[scores.index_P[position_C]]
    new_C = ~answered_N[group_C] & (rank_within(group_C) == 0)
    if not bool(new_C.any()):
        return chosen_P
    return torch.zeros_like(chosen_P).index_fill_(0, position_C[new_C], True)


def n_spot_checks(components: Components, n: int, n_judged: int, n_rest: int) -> int:
    """Return how many of n questions are spot checks.

    Args:
        n_judged: samples that spot checks can be drawn from. n_rest: those that the strategy can choose.
    """
    policy = components.auto_label
    return min(n, policy.n_checks(n, n_judged, n_rest)) if isinstance(policy, SpotChecks) else 0


def draw(plan: LoopPlan, judged_J: Tensor, n: int, round: int) -> Tensor:
    """Return (n,) int64, random ones of the judged data-set indices; the same in each process."""
    generator = derive_generator(plan.seed, round, "spot checks")
    return judged_J[torch.randperm(len(judged_J), generator=generator)[:n]]


def learn(components: Components, scores: PoolScores, checks_Q: Tensor, ledger: LabelLedger) -> None:
    """Give the policy the answers to the spot checks, with their scores from before the question."""
    if isinstance(components.auto_label, SpotChecks):
        checks = scores.at(among(scores.index_P, checks_Q))
        components.auto_label.learn(checks, ledger.answer_of(slice(None)))
