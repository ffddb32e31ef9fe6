"""Spot checks: the part of a question that is drawn at random from what would be auto-labelled.

Only policies with the methods of `SpotChecks` make them. The query strategy then chooses among the other
samples of the pool, and the question comes before the auto-labels, whatever `order` says.
"""

from dataclasses import replace

import torch
from torch import Tensor

from alframe.core.components import Components
from alframe.core.loop_plan import LoopPlan
from alframe.core.protocols import SpotChecks
from alframe.core.records import PoolScores
from alframe.core.seeds import derive_generator
from alframe.core.selection import among
from alframe.core.steps import RoundState


def picks(components: Components, plan: LoopPlan) -> tuple[str, str]:
    """Return the order of "auto" and "hand" in a round."""
    hand_first = plan.order == "hand_first" or isinstance(components.auto_label, SpotChecks)
    return ("hand", "auto") if hand_first else ("auto", "hand")


def set_apart(components: Components, state: RoundState) -> tuple[RoundState, PoolScores]:
    """Return the state without the samples that spot checks are drawn from, and the scores of these."""
    policy, scores = components.auto_label, state.scores
    if not isinstance(policy, SpotChecks):
        return state, scores.at(slice(0, 0))
    trusted_P = policy.trusted(scores)
    inside_V = state.inside_V if state.validation is None else policy.trusted(state.validation.scores)
    return replace(state, scores=scores.at(~trusted_P), inside_V=inside_V), scores.at(trusted_P)


def n_spot_checks(components: Components, n: int, n_trusted: int, n_pool: int) -> int:
    """Return how many of n questions are spot checks of the `n_trusted` samples that were set apart."""
    policy = components.auto_label
    return min(n, policy.n_checks(n, n_trusted, n_pool)) if isinstance(policy, SpotChecks) else 0


def draw(plan: LoopPlan, trusted: PoolScores, n: int, round: int) -> Tensor:
    """Return (n,) int64, random data-set indices of the samples that were set apart."""
    generator = derive_generator(plan.seed, round, "spot checks")
    return trusted.index_P[torch.randperm(len(trusted), generator=generator)[:n]]


def learn(components: Components, trusted: PoolScores, index_Q: Tensor, label_N: Tensor) -> None:
    """Give the policy the answers to the spot checks among a question's samples."""
    if isinstance(components.auto_label, SpotChecks):
        components.auto_label.learn(trusted.at(among(trusted.index_P, index_Q)), label_N)
