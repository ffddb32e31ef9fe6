"""What each of the seven steps does: pool and ledger in, pool and ledger out."""

import warnings
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from alframe.certificate import Certificate, certify, feasibility
from alframe.errors import ConfigError, TrialError, TrialNotice, UserError
from alframe.ledger import LabelLedger, Source
from alframe.plan import Plan
from alframe.records import Accepted, Labelled, PoolScores, Validation, among
from alframe.reporting import Clock
from alframe.rooms import QueryStrategy, Rooms
from alframe.seeds import derive_generator
from alframe.selection import lowest
from alframe.validation import asked_alike


class Desk(NamedTuple):
    """What a round works on: the ledger, what is left of the pool, and the validation set."""

    ledger: LabelLedger
    scores: PoolScores
    validation: Validation | None
    inside_V: Tensor = torch.empty(0, dtype=torch.bool)  # would have been auto-labelled
    asked_V: Tensor = torch.empty(0, dtype=torch.bool)  # would have been asked
    seconds: float = 0.0  # of looking closely at candidates


def begin(rooms: Rooms, plan: Plan, ledger: LabelLedger) -> tuple[LabelLedger, Tensor]:
    """Return the ledger with the seed set and the validation set labelled, and the latter's indices."""
    seed_set = rooms.initial.select(ledger.index_unlabelled, derive_generator(plan.seed, 0, "initial"))
    _check_budget(rooms, plan, ledger, len(seed_set))
    ledger = _hand_label(rooms, ledger, seed_set, Source.SEED, 0)
    left = ledger.index_unlabelled
    generator = derive_generator(plan.seed, 0, "validation")
    validation_V = left[torch.randperm(len(left), generator=generator)[: rooms.validation_size]].sort().values
    return _hand_label(rooms, ledger, validation_V, Source.VALIDATION, 0), validation_V


def told_of(validation_V: Tensor) -> str | None:
    """Return what the seed row says of the validation set, where there is one."""
    return f"{len(validation_V):,} of them to judge by, never learned from" if len(validation_V) else None


def score(rooms: Rooms, ledger: LabelLedger, validation_V: Tensor) -> tuple[PoolScores, Validation | None]:
    """Score the pool and the validation set in one go."""
    index_P = ledger.index_unlabelled
    both = rooms.learner.score(torch.cat([index_P, validation_V]), rooms.pool_needs)
    if rooms.validation_size == 0:
        return both, None
    scores_V = both.at(slice(len(index_P), None))
    validation = Validation(scores=scores_V, label_V=ledger.label_N[validation_V])
    return both.at(slice(len(index_P))), validation


def auto_label(rooms: Rooms, plan: Plan, desk: Desk, round: int) -> tuple[Desk, Accepted | None]:
    """Return the desk with what the policy accepts labelled, and what it accepted."""
    if rooms.auto_label is None:
        return desk, None
    generator = derive_generator(plan.seed, round, "auto_label")
    # Under hand_first the pool has lost what was asked, and the validation set loses the like of it.
    stays_V = ~desk.asked_V
    accepted = rooms.auto_label.accept(desk.scores, _part(desk.validation, stays_V), generator)
    ledger = desk.ledger.commit(accepted.index_A, accepted.label_A, Source.AUTO, round, accepted.log_odds_A)
    scores = desk.scores.without(accepted.index_A)
    inside_V = desk.inside_V
    if accepted.inside_V is not None and desk.validation is not None:
        inside_V = torch.zeros(len(desk.validation), dtype=torch.bool)
        inside_V[stays_V if len(stays_V) else slice(None)] = accepted.inside_V
    return desk._replace(ledger=ledger, scores=scores, inside_V=inside_V), accepted


def _part(validation: Validation | None, stays_V: Tensor) -> Validation | None:
    """Return the validation samples that stay; all of them where nothing was asked yet."""
    if validation is None or len(stays_V) == 0:
        return validation
    return Validation(scores=validation.scores.at(stays_V), label_V=validation.label_V[stays_V])


def ask(rooms: Rooms, plan: Plan, desk: Desk, round: int) -> Desk:
    """Return the desk with the strategy's question answered, as far as the budget allows."""
    ledger, scores = desk.ledger, desk.scores
    if rooms.query is None or len(scores) == 0:
        return desk
    count = plan.question.first_count if round == 1 else plan.question.count
    wanted = max(1, count(ledger.n_samples, len(scores)))
    n = plan.affordable(min(wanted, len(scores)), ledger)
    if n == 0:
        return desk
    generator = derive_generator(plan.seed, round, "query")
    clock = Clock()
    candidates, labelled = _look_closely(rooms, rooms.query, ledger, scores, n, generator)
    seconds = clock.seconds()
    index_Q = rooms.query.select(candidates, labelled, n, generator)
    _check_question(rooms.query, index_Q, candidates, n)
    asked_V = _asked_alike(rooms.query, desk, index_Q, derive_generator(plan.seed, round, "validation"))
    ledger = _hand_label(rooms, ledger, index_Q, Source.QUERY, round)
    left = scores.without(index_Q)
    return desk._replace(ledger=ledger, scores=left, asked_V=asked_V, seconds=seconds)


def _check_question(query: QueryStrategy, index_Q: Tensor, candidates: PoolScores, n: int) -> None:
    """Raise `TrialError` before anybody is asked what a strategy should not have selected."""
    name = type(query).__name__
    _check_indices(f"what {name} selects", index_Q, candidates)
    if len(index_Q) > n:
        raise TrialError(f"query: expected {name} to select at most {n} samples, got {len(index_Q)}.")
    if len(index_Q) and int(index_Q.unique().numel()) < len(index_Q):
        raise TrialError(f"query: expected {name} to select each sample once, but it selects one twice.")


def _check_indices(what: str, index: Tensor, scores: PoolScores) -> None:
    """Raise `TrialError` unless `index` is int64, one-dimensional and of the pool."""
    if not isinstance(index, Tensor) or index.dtype != torch.int64 or index.dim() != 1:
        came = f"{index.dtype} {tuple(index.shape)}" if isinstance(index, Tensor) else type(index).__name__
        raise TrialError(f"query: expected {what} to be data-set indices, int64 (n,), got {came}.")
    if (len(index) and int(index.min()) < 0) or not bool(among(index, scores.index_P).all()):
        raise TrialError(
            f"query: expected {what} to be in the pool; one is not. Take them from scores.index_P."
        )


def _look_closely(
    rooms: Rooms,
    query: QueryStrategy,
    ledger: LabelLedger,
    scores: PoolScores,
    n: int,
    generator: torch.Generator,
) -> tuple[PoolScores, Labelled]:
    """Return the strategy's candidates with all that it needs, and the labels held."""
    labelled, choose = ledger.labelled(), getattr(query, "candidates", None)
    if choose is not None:
        # Candidates are positions in nobody's pool: indices, like everything that crosses a room.
        candidates = choose(scores, n, generator)
        _check_indices(f"the candidates of {type(query).__name__}", candidates, scores)
        if len(candidates) < len(scores):
            scores = scores.at(among(scores.index_P, candidates))
    if not query.needs <= rooms.pool_needs | {"labelled_features"}:
        scores = rooms.learner.score(scores.index_P, query.needs - {"labelled_features"})
    if "labelled_features" in query.needs:
        seen = rooms.learner.score(labelled.index_L, frozenset({"features"}))
        labelled = replace(labelled, features_LD=seen.features_PD)
    return scores, labelled


def _asked_alike(query: QueryStrategy, desk: Desk, index_Q: Tensor, generator: torch.Generator) -> Tensor:
    """Return bool (V,): which validation samples leave as the queried left the pool."""
    if desk.validation is None:
        return desk.asked_V
    asked_V = torch.zeros(len(desk.validation), dtype=torch.bool)
    outside_V = ~desk.inside_V if len(desk.inside_V) else ~asked_V
    value = getattr(query, "value", None)
    asked_V[outside_V] = asked_alike(
        desk.validation.scores.at(outside_V), desk.scores, index_Q, value, generator
    )
    return asked_V


def still_in_use(plan: Plan, validation_V: Tensor, desk: Desk) -> Tensor:
    """Return the validation samples that the pool's losses leave; re-judged auto-labels are none."""
    lost = [desk.asked_V] + ([desk.inside_V] if plan.keep == "permanent" else [])
    for lost_V in lost:
        if len(lost_V):
            validation_V = torch.where(lost_V, -1, validation_V)
    return validation_V[validation_V >= 0]


def prove(
    rooms: Rooms, plan: Plan, ledger: LabelLedger, round: int
) -> tuple[LabelLedger, Certificate | None]:
    """Return the ledger with the audit's answers and what they prove, where that is asked for."""
    if plan.certificate is None:
        return ledger, None
    budget = None if plan.max_hand_labels is None else plan.affordable(ledger.n_samples, ledger)
    impossible = feasibility(len(ledger.index_auto), ledger.n_samples, plan.certificate, budget)
    if impossible is not None:
        warnings.warn(impossible, TrialNotice, stacklevel=2)
    generator = derive_generator(plan.seed, round, "certificate")
    return certify(ledger, rooms.oracle, plan.certificate, generator, budget, round)


def label_remainder(
    rooms: Rooms, plan: Plan, ledger: LabelLedger, scores: PoolScores, round: int
) -> LabelLedger:
    """Return the ledger with what is left labelled, as the plan says."""
    if plan.remainder == "auto":
        return ledger.commit(scores.index_P, scores.predicted_P, Source.AUTO, round, scores.log_odds_P)
    if plan.remainder == "leave":
        return ledger
    n, index_Q = plan.affordable(len(scores), ledger), scores.index_P
    if n < len(scores):  # where the budget does not reach for all, it goes to the least confident
        index_Q = index_Q[lowest(scores.log_odds_P, n)]
    return _hand_label(rooms, ledger, index_Q, Source.REMAINDER, round)


def _hand_label(
    rooms: Rooms, ledger: LabelLedger, index_Q: Tensor, source: Source, round: int
) -> LabelLedger:
    if len(index_Q) == 0:  # an empty question is none
        return ledger
    return ledger.commit(index_Q, rooms.oracle.label(index_Q), source, round)


def _check_budget(rooms: Rooms, plan: Plan, ledger: LabelLedger, n_seed_set: int) -> None:
    budget, n_validation = plan.max_hand_labels, rooms.validation_size
    if budget is not None and n_seed_set + n_validation > budget:
        also = f" and the validation set's {n_validation}" if n_validation else ""
        raise ConfigError(
            "stopping.max_hand_labels", f"at least the seed set's {n_seed_set}{also} samples", budget
        )
    if n_seed_set + n_validation >= ledger.n_samples:
        also = " together with the seed set" if n_validation else ""
        raise ConfigError(
            "auto_label.validation_size" if n_validation else "initial.num",
            f"fewer than the {ledger.n_samples} samples there are{also}",
            f"{n_seed_set + n_validation} or more",
        )


def check_seed_set(rooms: Rooms, plan: Plan, ledger: LabelLedger) -> None:
    """Raise `UserError` where nothing can be learned from the seed set, or the first question is empty."""
    labels = ledger.labelled().label_L
    n_classes = len(labels.unique())
    if n_classes < 2:
        raise UserError(
            f"initial: expected a seed set that shows at least two classes, got {n_classes} "
            f"in {len(labels)} hand labels. Write a larger initial.num or initial.share."
        )
    if rooms.query is not None:
        plan.question.first_count(ledger.n_samples, len(ledger.index_unlabelled))
