"""The audit of labels that were given: estimate, rank, mend, prove. Each stage can be the last.

1. estimate: a uniform sample is answered without a look at the labels; it says how many are wrong.
2. rank: classifiers that have not seen a label say how plausible it is; the least plausible are the suspects.
3. mend: the first suspects are asked about in batches. Wrong labels are corrected, classifiers are trained
   again, until a batch finds too few wrong labels or the budget ends.
4. prove: a random audit of what nobody has looked at bounds the wrong labels that are left. Its validity does
   not depend on the ranking.

Only the oracle knows the truth. The audit is a function of the plan, the labels and the answers: run again
with the same ones, it asks the same questions. So an audit that was stopped is run again from its beginning,
with the answers and the rankings that were kept.

Axes: N the samples of the data set's file; Q the samples of a question.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from alframe.audit.audit_state import Asked, AuditPlan, AuditRow, AuditState, Ranker, Stage, n_wrong
from alframe.audit.certify import AuditCertifier
from alframe.audit.estimate import estimate_errors
from alframe.audit.second_answers import SecondAnswers, second_answers
from alframe.core.ledger import LabelLedger, Source
from alframe.core.protocols import Oracle, RememberingOracle
from alframe.core.reports import Certificate
from alframe.core.seeds import derive_generator
from alframe.core.selection import among

# A ranking is new until this share of the answers is given after which the next one is made.
FRESH = 0.25


class _Recorded:
    """An oracle that keeps what it was asked, in order; everything else is that of the oracle inside."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self.index = torch.empty(0, dtype=torch.int64)

    def label(self, index_Q: Tensor) -> Tensor:
        """Return the answers of the oracle."""
        answer_Q = self._oracle.label(index_Q)
        self.index = torch.cat([self.index, index_Q])
        return answer_Q

    def __getattr__(self, name: str) -> Any:
        return getattr(self._oracle, name)


def run_audit(
    plan: AuditPlan, state: AuditState, oracle: Oracle, rank: Ranker, n_classes: int
) -> Iterator[AuditState]:
    """Yield the state after each question and each ranking.

    Args:
        state: as `begin_audit` returns it.
        oracle: answers with classes, `CANNOT_TELL` or `NO_CLASS`.
    """
    if "estimate" in plan.stages:
        state = _estimate(plan, state, oracle, n_classes)
        yield state
    if "rank" in plan.stages or "mend" in plan.stages:
        state = _ranked(state, rank, 1)
        yield state
    if "mend" in plan.stages:
        for mended in _mend(plan, state, oracle, rank):
            state = mended
            yield state
    if "prove" in plan.stages:
        yield _prove(plan, state, oracle)


def _estimate(plan: AuditPlan, state: AuditState, oracle: Oracle, n_classes: int) -> AuditState:
    index_A = state.ledger.index_given
    generator = derive_generator(plan.seed, 0, "estimate")
    drawn_D = index_A[torch.randperm(len(index_A), generator=generator)[: plan.n_estimate]]
    size_C = torch.bincount(state.given_N[index_A], minlength=n_classes)
    drawn_D = _question(oracle, "estimate", 0, state.ledger, drawn_D)
    answer_D = oracle.label(drawn_D)
    estimate = estimate_errors(state.given_N[drawn_D], answer_D, size_C, plan.confidence)
    state = replace(state, estimate=estimate)
    return _answered(state, Asked(stage="estimate", round=0, index_Q=drawn_D, answer_Q=answer_D))


def _ranked(state: AuditState, rank: Ranker, round: int) -> AuditState:
    ledger = state.ledger
    known_N = torch.zeros_like(ledger.member_N)
    known_N[ledger.index_hand] = True
    ranking = rank(torch.where(ledger.member_N, ledger.label_N, -1), known_N, round)
    odds_N = torch.where(ledger.source_N == Source.GIVEN, ranking.log_odds_N, torch.nan)
    state = replace(
        state,
        ledger=replace(ledger, log_odds_N=odds_N),
        ranking=ranking,
        first=state.first or ranking,
        is_ranked_anew=round > 1,
    )
    if round > 1:
        return state
    return replace(state, rows=(*state.rows, _row(state, "rank", round, None, ranking.seconds)))


def _mend(plan: AuditPlan, state: AuditState, oracle: Oracle, rank: Ranker) -> Iterator[AuditState]:
    """Yield the state after each batch.

    The networks are trained again after enough answers, and before mending ends at a low yield: what was
    learned may show suspects that the last ranking has missed.
    """
    round = n_asked = n_since = 0  # n_since: answers since the last ranking
    ended: str | None = None
    trains = False
    while ended is None:
        round += 1
        if trains:
            state, n_since = _ranked(state, rank, round), 0
        index_Q = _question(oracle, "mend", round, state.ledger, _next_batch(plan, state, n_asked))
        if len(index_Q):
            answer_Q = oracle.label(index_Q)
            state = _answered(state, Asked(stage="mend", round=round, index_Q=index_Q, answer_Q=answer_Q))
            n_asked, n_since = n_asked + len(index_Q), n_since + len(index_Q)
        is_low = _has_low_yield(plan, state, n_asked)
        is_fresh = n_since <= max(len(index_Q), FRESH * plan.train)
        trains = n_since >= plan.train or (is_low and not is_fresh)
        # People may have changed their answers: a batch that was asked is never left out for that.
        goes_on = bool(len(begin(oracle, "mend", round + 1)))
        ended = None if goes_on else _end_of_mending(plan, state, n_asked, is_low and is_fresh)
        state = replace(state, mending_ended=ended)
        yield state


def _next_batch(plan: AuditPlan, state: AuditState, n_asked: int) -> Tensor:
    """Return int64, the most suspect labels that nobody has looked at, as many as the budget allows."""
    assert state.ranking is not None
    index = state.ledger.index_given
    order = state.ranking.quality_N[index].nan_to_num(nan=torch.inf).argsort(stable=True)
    left = plan.batch if plan.max_answers is None else min(plan.batch, plan.max_answers - n_asked)
    return index[order[: max(0, left)]]


def _has_low_yield(plan: AuditPlan, state: AuditState, n_asked: int) -> bool:
    """Return whether too few labels of the last batch of mending were wrong."""
    if not n_asked:
        return False
    last = state.questions[-1]
    return n_wrong(state.given_N, last) < plan.min_yield * len(last.index_Q)


def _end_of_mending(plan: AuditPlan, state: AuditState, n_asked: int, is_exhausted: bool) -> str | None:
    """Return why mending ends after a batch, or None; `is_exhausted`: a new ranking had a low yield."""
    if not len(state.ledger.index_given):
        return "every label was looked at"
    if is_exhausted:
        return f"fewer than {100 * plan.min_yield:g} % of the last batch were wrong"
    if plan.max_answers is not None and n_asked >= plan.max_answers:
        return f"mend.max_answers={plan.max_answers} were given"
    return None


def _prove(plan: AuditPlan, state: AuditState, oracle: Oracle) -> AuditState:
    assert plan.certificate is not None
    spec, ledger, ranking = plan.certificate, state.ledger, state.ranking
    second = _differing(state)
    if second is not None:
        spec = replace(spec, oracle_error=max(second.error_high, spec.oracle_error or 0.0))
    if ranking is None:  # without an order no label is drawn more often than another
        spec = replace(spec, method="uniform")
    else:
        quality_N = torch.where(ledger.source_N == Source.GIVEN, ranking.quality_N, torch.nan)
        ledger = replace(ledger, log_odds_N=quality_N)
    begin(oracle, "prove", 0)
    recorded, round = _Recorded(oracle), max((each.round for each in state.questions), default=0) + 1
    generator = derive_generator(plan.seed, 0, "prove")
    proven, certificate = AuditCertifier(spec).certify(ledger, recorded, generator, None, round)
    if second is not None and spec.oracle_error == second.error_high:
        certificate = _less_sure(certificate, 1.0 - second.confidence)
    odds_N = torch.where(proven.source_N == Source.GIVEN, state.ledger.log_odds_N, torch.nan)
    ledger = replace(proven, log_odds_N=odds_N)
    state = replace(state, ledger=ledger, certificate=certificate, second=second)
    # The ledger has the answers after a second look, if the oracle takes one.
    answer_Q = proven.answer_of(recorded.index)
    asked = Asked(stage="prove", round=round, index_Q=recorded.index, answer_Q=answer_Q)
    return _with_question(state, asked)


def _less_sure(certificate: Certificate, failure: float) -> Certificate:
    """Return a certificate whose rate of wrong answers is itself a bound that fails with a probability."""
    confidence = certificate.confidence_with_oracle_error
    assert confidence is not None
    return replace(certificate, confidence_with_oracle_error=max(0.0, confidence - failure))


def _differing(state: AuditState) -> SecondAnswers | None:
    """Return how often the second person's answers differ from those of this audit, or None without them.

    Both must have answered without a look at the other's answer. Answers that name no class are left out.
    """
    if state.second_N is None:
        return None
    hand = state.ledger.index_hand
    both = hand[state.second_N[hand] >= 0]
    differing = int((state.second_N[both] != state.ledger.label_N[both]).sum())
    return second_answers(len(both), differing)


def _answered(state: AuditState, asked: Asked) -> AuditState:
    """Return the state with the answers to a question in its ledger."""
    source = Source.MEND if asked.stage == "mend" else Source.AUDIT
    ledger = state.ledger.revoke(asked.index_Q)
    ledger = ledger.answered(asked.index_Q, asked.answer_Q, source, asked.round)
    return _with_question(replace(state, ledger=ledger), asked)


def _with_question(state: AuditState, asked: Asked) -> AuditState:
    state = replace(state, questions=(*state.questions, asked))
    seconds = state.ranking.seconds if state.ranking is not None and state.is_ranked_anew else 0.0
    row = _row(state, asked.stage, asked.round, asked, seconds)
    return replace(state, rows=(*state.rows, row), is_ranked_anew=False)


def _row(state: AuditState, stage: Stage, round: int, asked: Asked | None, seconds: float) -> AuditRow:
    n = 0 if asked is None else len(asked.index_Q)
    found = 0 if asked is None else n_wrong(state.given_N, asked)
    return AuditRow(
        stage=stage,
        round=round,
        asked=n,
        found=found,
        answers=state.n_answers,
        found_wrong=state.n_found,
        precision=found / n if n else None,
        bound=_bound(state),
        train_seconds=seconds,
    )


def _bound(state: AuditState) -> float | None:
    """Return the largest share of the labels that can be wrong now, or None.

    The interval of the estimate holds for all wrong labels there were; those found are no longer wrong.
    """
    if state.certificate is not None:
        return state.certificate.max_wrong_share
    if state.estimate is None:
        return None
    overall = state.estimate.overall
    return max(0.0, overall.high - state.n_found / overall.n_labels)


def _question(oracle: Oracle, purpose: str, round: int, ledger: LabelLedger, selected: Tensor) -> Tensor:
    """Return the samples of a question: those that were asked about before, or else a new selection."""
    earlier_Q = begin(oracle, purpose, round)
    earlier_Q = earlier_Q[among(earlier_Q, ledger.index_given)]
    return earlier_Q if len(earlier_Q) else selected


def begin(oracle: Oracle, purpose: str, round: int) -> Tensor:
    """Tell an oracle of people which question follows; return int64, the samples that it has asked about."""
    if isinstance(oracle, RememberingOracle):
        return oracle.begin(purpose, round)
    return torch.empty(0, dtype=torch.int64)
