"""The seven steps of labelling a data set with active learning."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import NamedTuple

from torch import Tensor

from alframe.errors import ConfigError, TrialError, UserError
from alframe.ledger import LabelLedger, Source
from alframe.records import FitReport, Kind, PoolScores, RoundReport
from alframe.rooms import Plan, Rooms
from alframe.seeds import derive_generator
from alframe.selection import lowest


class RoundResult(NamedTuple):
    """The ledger as it stands after a round, and the round's figures."""

    ledger: LabelLedger
    report: RoundReport


def label_dataset(rooms: Rooms, plan: Plan, ledger: LabelLedger) -> Iterator[RoundResult]:
    """Yield the ledger and a report after the seed set, after each round and after the remainder.

    Args:
        rooms: who trains, asks, accepts, answers, stops and counts.
        plan: the reading of the protocol.
        ledger: an empty ledger of the data set.

    Raises:
        UserError: the seed set shows fewer than two classes, or the first question is empty.
        TrainingDiverged: from the learner.
    """
    # 1. Hand label the seed set: round 0.
    clock = _Clock()
    seed_set = rooms.initial.select(ledger.index_unlabelled, derive_generator(plan.seed, 0, "initial"))
    _check_budget(plan, len(seed_set))
    ledger = _hand_label(rooms, ledger, seed_set, Source.SEED, 0)
    yield RoundResult(ledger, _report(rooms, plan, clock, None, ledger, kind="seed", round=0))
    _check_seed_set(rooms, plan, ledger)

    for round in count(1):
        clock, before = _Clock(), ledger
        # 2. Train a classifier on the labels held.
        fit = rooms.learner.fit(ledger.labelled(), round)
        # 3. Softmax-score the pool; under "rejudge" the auto-labels go back into it first.
        if plan.keep == "rejudge":
            ledger = ledger.revoke(ledger.index_auto)
        scored = scores = rooms.learner.score(ledger.index_unlabelled, rooms.needs)
        # 4. and 5. Auto-label what is very sure, hand label what is least sure.
        threshold = None
        for pick in ("auto", "hand") if plan.order == "auto_first" else ("hand", "auto"):
            if pick == "auto":
                ledger, scores, threshold = _auto_label(rooms, plan, ledger, scores, round)
            else:
                ledger, scores = _ask(rooms, plan, ledger, scores, round)
        # 6. Repeat until little enough is left.
        did = _Did(fit, scored.seconds, threshold)
        report = _report(rooms, plan, clock, before, ledger, kind="round", round=round, did=did)
        yield RoundResult(ledger, report)
        if report.stopped_because:
            break

    # 7. Label the remainder: the closing row.
    clock, before = _Clock(), ledger
    ledger = _label_remainder(rooms, plan, ledger, scores, round + 1)
    yield RoundResult(ledger, _report(rooms, plan, clock, before, ledger, kind="closing", round=round + 1))


def _auto_label(
    rooms: Rooms, plan: Plan, ledger: LabelLedger, scores: PoolScores, round: int
) -> tuple[LabelLedger, PoolScores, float | None]:
    if rooms.auto_label is None:
        return ledger, scores, None
    accepted = rooms.auto_label.accept(scores, None, derive_generator(plan.seed, round, "auto_label"))
    ledger = ledger.commit(accepted.index_A, accepted.label_A, Source.AUTO, round, accepted.log_odds_A)
    return ledger, scores.without(accepted.index_A), accepted.threshold


def _ask(
    rooms: Rooms, plan: Plan, ledger: LabelLedger, scores: PoolScores, round: int
) -> tuple[LabelLedger, PoolScores]:
    if rooms.query is None or len(scores) == 0:
        return ledger, scores
    count = plan.question.first_count if round == 1 else plan.question.count
    wanted = max(1, count(ledger.n_samples, len(scores)))
    n = plan.affordable(min(wanted, len(scores)), ledger)
    if n == 0:
        return ledger, scores
    generator = derive_generator(plan.seed, round, "query")
    index_Q = rooms.query.select(scores, ledger.labelled(), n, generator)
    if len(index_Q) > n:
        name = type(rooms.query).__name__
        raise TrialError(f"query: expected {name} to select at most {n} samples, got {len(index_Q)}.")
    return _hand_label(rooms, ledger, index_Q, Source.QUERY, round), scores.without(index_Q)


def _label_remainder(
    rooms: Rooms, plan: Plan, ledger: LabelLedger, scores: PoolScores, round: int
) -> LabelLedger:
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
    return ledger.commit(index_Q, rooms.oracle.label(index_Q), source, round)


def _check_budget(plan: Plan, n_seed_set: int) -> None:
    budget = plan.max_hand_labels
    if budget is not None and n_seed_set > budget:
        raise ConfigError("stopping.max_hand_labels", f"at least the seed set's {n_seed_set} samples", budget)


def _check_seed_set(rooms: Rooms, plan: Plan, ledger: LabelLedger) -> None:
    labels = ledger.labelled().label_L
    n_classes = len(labels.unique())
    if n_classes < 2:
        raise UserError(
            f"initial: expected a seed set that shows at least two classes, got {n_classes} "
            f"in {len(labels)} hand labels. Write a larger initial.num or initial.share."
        )
    if rooms.query is not None:
        plan.question.first_count(ledger.n_samples, len(ledger.index_unlabelled))


@dataclass(frozen=True)
class _Did:
    fit: FitReport | None = None
    score_seconds: float | None = None
    threshold: float | None = None


class _Clock:
    def __init__(self) -> None:
        self._start = time.perf_counter()

    def seconds(self) -> float:
        return time.perf_counter() - self._start


def _report(
    rooms: Rooms,
    plan: Plan,
    clock: _Clock,
    before: LabelLedger | None,
    ledger: LabelLedger,
    *,
    kind: Kind,
    round: int,
    did: _Did = _Did(),
) -> RoundReport:
    counts = rooms.audit.counts(ledger)
    written_N = ledger.round_N == round
    auto_N = ledger.source_N == Source.AUTO
    trained = did.fit is not None
    report = RoundReport(
        kind=kind,
        round=round,
        counts=counts,
        hand_new=int((written_N & ~auto_N).sum()),
        auto_new=int((written_N & auto_N).sum()),
        unlabelled_before=len((before or ledger).index_unlabelled),
        fit=did.fit,
        score_seconds=did.score_seconds,
        threshold=did.threshold,
        test_accuracy=rooms.audit.test_accuracy(rooms.learner.predict_test()) if trained else None,
        seconds=clock.seconds(),
    )
    if not trained:
        return report
    return replace(report, stopped_because=_why_stop(rooms, plan, report))


def _why_stop(rooms: Rooms, plan: Plan, report: RoundReport) -> str | None:
    counts = report.counts
    # Auto-labels that are to be judged anew settle nothing: then only the rules may end the rounds.
    settled = plan.keep == "permanent" or counts.auto_labels == 0
    if settled and counts.unlabelled == 0:
        return "every sample was labelled"
    if settled and report.hand_new == 0 and counts.unlabelled >= report.unlabelled_before:
        return "the round brought nothing: no question and no new auto-label"
    return rooms.stopping.reason(report.without_truth())
