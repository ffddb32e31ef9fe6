"""The steps of the loop: each takes a ledger or a round's state and returns it after the step.

The seed set is in `alframe.core.seed_set`, the question of a round in `alframe.core.question`.
"""

import warnings
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from alframe.core.answer_counting import AUDIT
from alframe.core.asking import hand_label, propose, question_of
from alframe.core.check_result import CheckResult
from alframe.core.components import Components
from alframe.core.errors import TrialNotice
from alframe.core.ledger import LabelLedger, Source
from alframe.core.loop_plan import LoopPlan
from alframe.core.mending import with_doubts
from alframe.core.protocols import RememberingOracle
from alframe.core.records import Accepted, PoolScores, Validation
from alframe.core.reports import Certificate
from alframe.core.round_log import RoundLog
from alframe.core.seeds import derive_generator
from alframe.core.selection import lowest
from alframe.core.undeclared import checked_call


@dataclass(frozen=True, kw_only=True)
class RoundState:
    """The state of a round between two steps.

    Attributes:
        ledger: the labels so far.
        scores: the samples of the pool that are left.
        validation: the validation set in use, None if the trial has none.
        inside_V: bool, True for validation samples that the policy would accept; empty before that step.
        asked_V: bool, True for validation samples that resemble the queried ones; empty before that step.
    """

    ledger: LabelLedger
    scores: PoolScores
    validation: Validation | None
    inside_V: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.bool))
    asked_V: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.bool))


def score(
    components: Components, ledger: LabelLedger, validation_V: Tensor, log: RoundLog
) -> tuple[PoolScores, Validation | None]:
    """Return the scores of the pool and of the validation set, from one pass over both."""
    index_P = ledger.index_unlabelled
    if components.validation_size == 0:
        with log.time_scoring():
            return components.learner.score(index_P, components.pool_needs), None
    with log.time_scoring():
        both = components.learner.score(torch.cat([index_P, validation_V]), components.pool_needs)
    scores_V = both.at(slice(len(index_P), None))
    validation = Validation(scores=scores_V, label_V=ledger.label_N[validation_V])
    return both.at(slice(len(index_P))), validation


def auto_label(
    components: Components, plan: LoopPlan, state: RoundState, round: int, log: RoundLog
) -> RoundState:
    """Return the state with the predictions that the policy accepts as labels."""
    if components.auto_label is None:
        return state
    generator = derive_generator(plan.seed, round, "auto_label")
    # Under hand_first the queried samples have left the pool; similar ones leave the validation set.
    stays_V = ~state.asked_V
    validation = state.validation
    if validation is not None and len(stays_V):  # else no question was asked yet
        validation = validation.at(stays_V)
    policy = components.auto_label
    accepted: Accepted = checked_call("auto_label", policy, "accept", state.scores, validation, generator)
    log.threshold, log.note = accepted.threshold, accepted.note
    ledger = state.ledger.commit(accepted.index_A, accepted.label_A, Source.AUTO, round, accepted.log_odds_A)
    inside_V = state.inside_V
    if accepted.inside_V is not None and state.validation is not None:
        inside_V = torch.zeros(len(state.validation), dtype=torch.bool)
        inside_V[stays_V if len(stays_V) else slice(None)] = accepted.inside_V
    del accepted  # as large as the scores
    scores = state.scores.at(ledger.source_N[state.scores.index_P] == Source.NONE)
    return replace(state, ledger=ledger, scores=scores, inside_V=inside_V)


def validation_in_use(plan: LoopPlan, validation_V: Tensor, state: RoundState) -> Tensor:
    """Return the validation samples that stay in use after a round, int64.

    Samples that resemble the queried ones are dropped. Samples inside the auto-labelled region are dropped
    only if auto-labels are permanent.
    """
    lost = [state.asked_V] + ([state.inside_V] if plan.keep == "permanent" else [])
    for lost_V in lost:
        if len(lost_V):
            validation_V = torch.where(lost_V, -1, validation_V)
    return validation_V[validation_V >= 0]


def check_auto_labels(
    components: Components, plan: LoopPlan, ledger: LabelLedger, round: int
) -> tuple[LabelLedger, CheckResult | None]:
    """Return the ledger with the answers to the check sample and its result, or None without a check."""
    checker = components.checker
    if checker is None:
        return ledger, None
    budget = None if plan.max_hand_labels is None else plan.affordable(checker.num, ledger)
    # Another size is another draw, so that a check cannot be enlarged until it says what is wanted.
    generator = derive_generator(plan.seed, round, f"check/{checker.num}")
    return checker.check(ledger, components.oracle, generator, budget, round)


def audit_auto_labels(
    components: Components, plan: LoopPlan, ledger: LabelLedger, round: int
) -> tuple[LabelLedger, Certificate | None]:
    """Return the ledger with the audit's answers and the certificate, or None if none is wanted."""
    certifier = components.certifier
    if certifier is None:
        return ledger, None
    budget = None if plan.max_hand_labels is None else plan.affordable(ledger.n_samples, ledger)
    impossible = certifier.infeasible(ledger, components.oracle, budget)
    if impossible is not None:
        warnings.warn(impossible, TrialNotice, stacklevel=2)
    if isinstance(components.oracle, RememberingOracle):
        components.oracle.begin(AUDIT, round)
    generator = derive_generator(plan.seed, round, "certificate")
    rated = with_doubts(components, ledger)
    rated, certificate = certifier.certify(rated, components.oracle, generator, budget, round)
    return rated.rated(rated.index_hand, torch.full((len(rated.index_hand),), torch.nan)), certificate


def label_remainder(
    components: Components, plan: LoopPlan, ledger: LabelLedger, scores: PoolScores, round: int
) -> LabelLedger:
    """Return the ledger with the remainder labelled as the plan says."""
    if plan.remainder == "auto":
        return ledger.commit(scores.index_P, scores.predicted_P, Source.AUTO, round, scores.log_odds_P)
    if plan.remainder == "leave":
        return ledger
    kept = min(plan.kept_for_check(ledger), len(ledger.index_auto))
    n = plan.affordable(len(scores), ledger, kept)

    def select() -> Tensor:
        if n < len(scores):  # if the budget is too small for all, the least confident are asked
            return scores.index_P[lowest(scores.log_odds_P, n)]
        return scores.index_P

    index_Q = question_of(components, ledger, "remainder", round, select)
    propose(components, scores, index_Q, index_Q[:0])
    return hand_label(components, ledger, index_Q, Source.REMAINDER, round)
