"""The steps of the loop: each takes a ledger or a round's state and returns it after the step.

The question of a round is in `alframe.core.question`.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from alframe.core.check_result import CheckResult
from alframe.core.components import Components
from alframe.core.errors import ConfigError, TrialNotice, UserError
from alframe.core.ledger import NO_ANSWER, LabelLedger, Source
from alframe.core.loop_plan import LoopPlan
from alframe.core.protocols import RememberingOracle
from alframe.core.records import Accepted, PoolScores, Validation
from alframe.core.reports import Certificate
from alframe.core.round_log import RoundLog
from alframe.core.seeds import derive_generator
from alframe.core.selection import among, lowest
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


def label_seed_set(
    components: Components, plan: LoopPlan, ledger: LabelLedger
) -> tuple[LabelLedger, Tensor, str | None]:
    """Return the ledger with seed set and validation set labelled, validation_V (int64), and a note or None.

    If all answers name one class, more samples are asked about, until there are two classes.
    """
    seed_set = question_of(components, ledger, "seed", 0, lambda: _seed_set(components, plan, ledger))
    _check_budget(components, plan, ledger, len(seed_set))
    _warn_of_small_check(plan, len(seed_set) + components.validation_size)
    ledger = hand_label(components, ledger, seed_set, Source.SEED, 0)
    ledger, note = _second_class(components, plan, ledger)
    left, n = ledger.index_unlabelled, components.validation_size
    generator = derive_generator(plan.seed, 0, "validation")
    validation_V = question_of(
        components,
        ledger,
        "validation",
        0,
        lambda: left[torch.randperm(len(left), generator=generator)[:n]].sort().values,
    )
    ledger = hand_label(components, ledger, validation_V, Source.VALIDATION, 0)
    validation_V = validation_V[ledger.label_N[validation_V] >= 0]
    return ledger, validation_V, note or validation_note(validation_V)


def _seed_set(components: Components, plan: LoopPlan, ledger: LabelLedger) -> Tensor:
    """Return the seed set's selection; answers that are known already take the place of some of it."""
    pool_P = ledger.index_unlabelled
    selected = components.initial.select(pool_P, derive_generator(plan.seed, 0, "initial"))
    oracle = components.oracle
    if not isinstance(oracle, RememberingOracle):
        return selected
    known = oracle.known(0)
    known = known[among(known, pool_P)]
    n_more = max(0, len(selected) - len(known))
    return torch.cat([known, selected[~among(selected, known)][:n_more]])


def _second_class(
    components: Components, plan: LoopPlan, ledger: LabelLedger
) -> tuple[LabelLedger, str | None]:
    """Return the ledger with at least two classes, as far as the pool and the budget allow, and a note."""
    n_first, attempt = ledger.n_answers, 1
    while len(_classes_of(ledger)) < 2 and len(ledger.index_unlabelled):
        attempt += 1
        purpose = f"seed {attempt}"
        generator = derive_generator(plan.seed, 0, purpose)
        pool_P = ledger.index_unlabelled
        # As many again as the answers so far, so that a rare class is found in few steps.
        n = plan.affordable(min(len(pool_P), max(1, n_first)), ledger)
        if n == 0:
            break
        order = torch.randperm(len(pool_P), generator=generator)
        more = question_of(components, ledger, purpose, 0, lambda: pool_P[order[:n]])  # noqa: B023
        ledger = hand_label(components, ledger, more, Source.SEED, 0)
    n_more = ledger.n_answers - n_first
    if n_more == 0:
        return ledger, None
    return ledger, f"the first {n_first:,} answers did not name two classes: {n_more:,} more were asked"


def _classes_of(ledger: LabelLedger) -> Tensor:
    return ledger.labelled().label_L.unique()


def validation_note(validation_V: Tensor) -> str | None:
    """Return the note of the seed row on the validation set, or None if there is none."""
    n = len(validation_V)
    return f"{n:,} of them for validation; they are never learned from" if n else None


def score(
    components: Components, ledger: LabelLedger, validation_V: Tensor, log: RoundLog
) -> tuple[PoolScores, Validation | None]:
    """Return the scores of the pool and of the validation set, from one pass over both."""
    index_P = ledger.index_unlabelled
    with log.time_scoring():
        both = components.learner.score(torch.cat([index_P, validation_V]), components.pool_needs)
    if components.validation_size == 0:
        return both, None
    scores_V = both.at(slice(len(index_P), None))
    validation = Validation(scores=scores_V, label_V=ledger.label_N[validation_V])
    return both.at(slice(len(index_P))), validation


def auto_label(
    components: Components, plan: LoopPlan, state: RoundState, round: int
) -> tuple[RoundState, Accepted | None]:
    """Return the state with the accepted predictions as labels, and the policy's `Accepted` or None."""
    if components.auto_label is None:
        return state, None
    generator = derive_generator(plan.seed, round, "auto_label")
    # Under hand_first the queried samples have left the pool; similar ones leave the validation set.
    stays_V = ~state.asked_V
    validation = state.validation
    if validation is not None and len(stays_V):  # else no question was asked yet
        validation = validation.at(stays_V)
    policy = components.auto_label
    accepted: Accepted = checked_call("auto_label", policy, "accept", state.scores, validation, generator)
    ledger = state.ledger.commit(accepted.index_A, accepted.label_A, Source.AUTO, round, accepted.log_odds_A)
    inside_V = state.inside_V
    if accepted.inside_V is not None and state.validation is not None:
        inside_V = torch.zeros(len(state.validation), dtype=torch.bool)
        inside_V[stays_V if len(stays_V) else slice(None)] = accepted.inside_V
    scores = state.scores.without(accepted.index_A)
    return replace(state, ledger=ledger, scores=scores, inside_V=inside_V), accepted


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
    impossible = certifier.infeasible(ledger, budget)
    if impossible is not None:
        warnings.warn(impossible, TrialNotice, stacklevel=2)
    if isinstance(components.oracle, RememberingOracle):
        components.oracle.begin("audit", round)
    generator = derive_generator(plan.seed, round, "certificate")
    return certifier.certify(ledger, components.oracle, generator, budget, round)


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
    return hand_label(components, ledger, index_Q, Source.REMAINDER, round)


def question_of(
    components: Components, ledger: LabelLedger, purpose: str, round: int, select: Callable[[], Tensor]
) -> Tensor:
    """Return the samples to ask about: of a question that is open already, or else a new selection.

    Args:
        purpose: of the question, the same in each process. select: returns int64 indices of the pool.
    """
    if not isinstance(components.oracle, RememberingOracle):
        return select()
    earlier = components.oracle.begin(purpose, round)
    still_open = earlier[among(earlier, ledger.index_unlabelled)]
    return still_open if len(still_open) else select()


def hand_label(
    components: Components, ledger: LabelLedger, index_Q: Tensor, source: Source, round: int
) -> LabelLedger:
    """Return the ledger with the oracle's answers to `index_Q` (int64) added."""
    if len(index_Q) == 0:
        return ledger
    return ledger.answered(index_Q, components.oracle.label(index_Q), source, round)


def with_current_answers(components: Components, ledger: LabelLedger, round: int) -> LabelLedger:
    """Return the ledger with the answers that people have changed since, before the questions of a round.

    It also gets answers to samples that were not there when their question was answered completely.
    """
    oracle = components.oracle
    if not isinstance(oracle, RememberingOracle):
        return ledger
    oracle.collect()
    index = torch.cat([ledger.index_hand, ledger.index_set_aside])
    answer = oracle.current(index)
    changed = (answer != NO_ANSWER) & (answer != ledger.answer_of(index))
    if bool(changed.any()):
        ledger = ledger.changed(index[changed], answer[changed])
    known = oracle.known(round)
    late = known[among(known, ledger.index_unlabelled)]
    return ledger.answered(late, oracle.current(late), Source.QUERY, round) if len(late) else ledger


def _check_budget(components: Components, plan: LoopPlan, ledger: LabelLedger, n_seed_set: int) -> None:
    budget, n_validation = plan.max_hand_labels, components.validation_size
    if budget is not None and n_seed_set + n_validation > budget:
        also = f" and the validation set's {n_validation}" if n_validation else ""
        raise ConfigError(
            "stopping.max_hand_labels", f"at least the seed set's {n_seed_set}{also} samples", budget
        )
    n_samples, wanted = ledger.n_samples, getattr(getattr(components.initial, "amount", None), "num", None)
    if wanted is not None and wanted > n_samples:
        way_out = f"initial.num={n_samples} labels all by hand."
        raise ConfigError("initial.num", f"at most the data set's {n_samples} samples", wanted, way_out)
    if n_seed_set == n_samples:
        text = (
            f"initial: the seed set takes all {n_samples} samples: they are labelled by hand, and that is all"
        )
        warnings.warn(
            f"{text}. Write a smaller initial.num to train a classifier.", TrialNotice, stacklevel=2
        )
    elif n_seed_set + n_validation >= n_samples:
        policy_wants_it = getattr(components.auto_label, "validation_size", 0) == n_validation
        group, left = "auto_label" if policy_wants_it else "stopping", n_samples - n_seed_set
        raise ConfigError(
            f"{group}.validation_size",
            f"fewer samples than the seed set of {n_seed_set} leaves ({left})",
            n_validation,
            f"Write {group}.validation_size={left // 2}." if left > 1 else f"Choose another {group}.",
        )


def _warn_of_small_check(plan: LoopPlan, n_before: int) -> None:
    """Warn, before the first question, if the budget leaves less for the check than it would ask."""
    budget, left = plan.max_hand_labels, plan.share_of_check(n_before)
    if budget is None or left == plan.num_check:
        return
    answers = f"{left} answers" if left else "no answer"  # more, if the rounds do not use the rest
    warnings.warn(
        f"stopping.max_hand_labels={budget} keeps {answers} for the check of the auto-labels, which would "
        f"ask {plan.num_check}: the fewer are checked, the less is known about how many are wrong.",
        TrialNotice,
        stacklevel=2,
    )


def check_seed_set(components: Components, plan: LoopPlan, ledger: LabelLedger) -> None:
    """Raise `UserError` if the seed set has fewer than two classes or the first question is empty."""
    n_classes = len(_classes_of(ledger))
    if n_classes < 2:
        raise UserError(
            f"initial: expected a seed set with at least two classes, got {n_classes} "
            f"in {ledger.n_answers} answers. Write a larger stopping.max_hand_labels."
        )
    if components.query is not None:
        plan.question.first_count(ledger.n_samples, len(ledger.index_unlabelled))
