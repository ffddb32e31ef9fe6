"""Step 5: the question of a round, which the query strategy selects and the oracle answers."""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from alframe.core import spot_checks
from alframe.core.asking import hand_label, propose, question_of
from alframe.core.component_check import check_component
from alframe.core.components import Components
from alframe.core.errors import TrialError
from alframe.core.ledger import LabelLedger, Source
from alframe.core.loop_plan import LoopPlan
from alframe.core.protocols import LABELLED, QueryStrategy
from alframe.core.records import Labelled, PoolScores
from alframe.core.round_log import RoundLog
from alframe.core.seeds import derive_generator
from alframe.core.selection import among
from alframe.core.steps import RoundState
from alframe.core.undeclared import checked_call
from alframe.core.validation_set import thin_like_queries


def ask(components: Components, plan: LoopPlan, state: RoundState, round: int, log: RoundLog) -> RoundState:
    """Return the state with the strategy's question answered, as far as the budget allows."""
    if components.query is None or len(state.scores) == 0:
        return state
    query = _in_force(components.query, state.ledger)
    question = _question(components, query, plan, state, round, log)
    if question is None:
        return state
    index_Q, checks_Q, asked_V = question
    propose(components, state.scores, index_Q, checks_Q)
    ledger = hand_label(components, state.ledger, index_Q, Source.QUERY, round)
    spot_checks.learn(components, state.scores, checks_Q, ledger)
    return replace(state, ledger=ledger, scores=state.scores.without(index_Q), asked_V=asked_V)


def _question(
    components: Components,
    query: QueryStrategy,
    plan: LoopPlan,
    state: RoundState,
    round: int,
    log: RoundLog,
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return index_Q, the spot checks among them, and asked_V of the next state; None without a budget."""
    ledger, scores = state.ledger, state.scores
    asking, rest_P, judged_J = spot_checks.split(components, state)
    n_rest = int(rest_P.sum())
    count = plan.question.first_count if round == 1 else plan.question.count
    wanted = max(1, count(ledger.n_samples, n_rest, ledger.n_answers))
    n_checks = spot_checks.n_spot_checks(components, wanted, len(judged_J), n_rest)
    wanted = min(wanted - n_checks, n_rest) + n_checks
    n = plan.affordable(wanted, ledger, plan.kept_for_check(ledger))
    if n == 0:
        return None
    checks_Q = spot_checks.draw(plan, judged_J, min(n, n_checks), round)
    rest = replace(asking, scores=scores.at(rest_P & ~among(scores.index_P, checks_Q)))

    def select() -> Tensor:
        n_selected = min(n - len(checks_Q), len(rest.scores))
        if n_selected == 0:
            return checks_Q
        selected_Q = _selected(components, query, plan, rest, n_selected, round, log)
        return torch.cat([selected_Q, checks_Q])

    index_Q = question_of(components, ledger, "query", round, select)
    selected_Q = index_Q[among(index_Q, rest.scores.index_P)]
    asked_V = _thinned(query, rest, selected_Q, derive_generator(plan.seed, round, "validation"))
    return index_Q, checks_Q[among(checks_Q, index_Q)], asked_V


def _in_force(query: QueryStrategy, ledger: LabelLedger) -> QueryStrategy:
    """Return the strategy that asks this time: the one of a schedule, or else the strategy itself."""
    if not hasattr(query, "in_force"):
        return query
    strategy: QueryStrategy = query.in_force(ledger.labelled())
    check_component("query", strategy)
    return strategy


def _selected(
    components: Components,
    query: QueryStrategy,
    plan: LoopPlan,
    state: RoundState,
    n: int,
    round: int,
    log: RoundLog,
) -> Tensor:
    """Return int64, the strategy's selection of up to n samples of the pool."""
    generator = derive_generator(plan.seed, round, "query")
    with log.time_scoring():
        candidates, labelled = _score_candidates(components, query, state.ledger, state.scores, n, generator)
    index_Q: Tensor = checked_call("query", query, "select", candidates, labelled, n, generator)
    _check_question(query, index_Q, candidates, n)
    return index_Q


def _check_question(query: QueryStrategy, index_Q: Tensor, candidates: PoolScores, n: int) -> None:
    """Raise `TrialError` for a wrong selection before the oracle is asked about it."""
    name = type(query).__name__
    _check_indices(f"the selection of {name}", index_Q, candidates)
    if len(index_Q) > n:
        raise TrialError(f"query: expected {name} to select at most {n} samples, got {len(index_Q)}.")
    if len(index_Q) and int(index_Q.unique().numel()) < len(index_Q):
        raise TrialError(f"query: expected {name} to select each sample once, but it selects one twice.")


def _check_indices(what: str, index: Tensor, scores: PoolScores) -> None:
    """Raise `TrialError` unless `index` is int64, one-dimensional and a part of the pool."""
    if not isinstance(index, Tensor) or index.dtype != torch.int64 or index.dim() != 1:
        got = f"{index.dtype} {tuple(index.shape)}" if isinstance(index, Tensor) else type(index).__name__
        raise TrialError(f"query: expected {what} to be data-set indices, int64 (n,), got {got}.")
    if (len(index) and int(index.min()) < 0) or not bool(among(index, scores.index_P).all()):
        raise TrialError(
            f"query: expected {what} to be in the pool; one is not. Take them from scores.index_P."
        )


def _score_candidates(
    components: Components,
    query: QueryStrategy,
    ledger: LabelLedger,
    scores: PoolScores,
    n: int,
    generator: torch.Generator,
) -> tuple[PoolScores, Labelled]:
    """Return the strategy's candidates with all scores that it needs, and the labels so far."""
    labelled = ledger.labelled()
    if hasattr(query, "candidates"):
        candidates = checked_call("query", query, "candidates", scores, n, generator)
        _check_indices(f"the candidates of {type(query).__name__}", candidates, scores)
        if len(candidates) < len(scores):
            scores = scores.at(among(scores.index_P, candidates))
    if not query.needs <= components.pool_needs | LABELLED:
        scores = components.learner.score(scores.index_P, query.needs - LABELLED)
    if query.needs & LABELLED:
        needs = frozenset(need.removeprefix("labelled_") for need in query.needs & LABELLED)
        seen = components.learner.score(labelled.index_L, needs)
        labelled = replace(labelled, features_LD=seen.features_PD, log_probs_LC=seen.log_probs_PC)
    return scores, labelled


def _thinned(query: QueryStrategy, state: RoundState, index_Q: Tensor, generator: torch.Generator) -> Tensor:
    """Return (V,) bool: validation samples to drop because similar samples were queried."""
    if state.validation is None:
        return state.asked_V
    asked_V = torch.zeros(len(state.validation), dtype=torch.bool)
    outside_V = ~state.inside_V if len(state.inside_V) else ~asked_V
    value = partial(checked_call, "query", query, "value") if hasattr(query, "value") else None
    asked_V[outside_V] = thin_like_queries(
        state.validation.scores.at(outside_V), state.scores, index_Q, value, generator
    )
    return asked_V
