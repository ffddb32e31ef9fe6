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


def split(components: Components, state: RoundState) -> tuple[RoundState, PoolScores]:
    """Return the state with the samples that the strategy may choose, and the scores that spot checks judge.

    Both are without copies of images that have an answer or are already among them.
    """
    policy, scores = components.auto_label, state.scores
    judged = scores.at(slice(0, 0))
    if isinstance(policy, SpotChecks):
        judged = without_copies(components, state.ledger, scores.at(policy.judged(scores)))
        inside_V = state.inside_V if state.validation is None else policy.trusted(state.validation.scores)
        state = replace(state, scores=scores.at(~policy.trusted(scores)), inside_V=inside_V)
    return replace(state, scores=without_copies(components, state.ledger, state.scores)), judged


def without_copies(components: Components, ledger: LabelLedger, scores: PoolScores) -> PoolScores:
    """Return one score per group of equal images, without groups that have an answer.

    If no image is left, return all scores.
    """
    first_N = components.copies() if components.copies is not None and len(scores) else None
    if first_N is None:
        return scores
    answered_N = torch.zeros(len(first_N), dtype=torch.bool)
    answered_N[first_N[torch.cat([ledger.index_hand, ledger.index_set_aside])]] = True
    group_P = first_N[scores.index_P]
    new_P = ~answered_N[group_P] & (rank_within(group_P) == 0)
    return scores.at(new_P) if bool(new_P.any()) else scores


def n_spot_checks(components: Components, n: int, n_judged: int, n_rest: int) -> int:
    """Return how many of n questions are spot checks.

    Args:
        n_judged: samples that spot checks can be drawn from. n_rest: those that the strategy can choose.
    """
    policy = components.auto_label
    return min(n, policy.n_checks(n, n_judged, n_rest)) if isinstance(policy, SpotChecks) else 0


def draw(plan: LoopPlan, judged: PoolScores, n: int, round: int) -> Tensor:
    """Return (n,) int64, random data-set indices of the judged samples; the same in each process."""
    generator = derive_generator(plan.seed, round, "spot checks")
    return judged.index_P[torch.randperm(len(judged), generator=generator)[:n]]


def learn(components: Components, judged: PoolScores, checks_Q: Tensor, ledger: LabelLedger) -> None:
    """Give the policy the answers to the spot checks."""
    if isinstance(components.auto_label, SpotChecks):
        checks = judged.at(among(judged.index_P, checks_Q))
        components.auto_label.learn(checks, ledger.answer_of(slice(None)))
