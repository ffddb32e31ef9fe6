"""The seven steps of labelling a data set with active learning."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor

from alframe.certificate import Certificate
from alframe.ledger import LabelLedger
from alframe.plan import Plan
from alframe.records import PoolScores, RoundReport
from alframe.reporting import Clock, Did, report_on
from alframe.rooms import Rooms
from alframe.steps import (
    Desk,
    ask,
    auto_label,
    begin,
    check_seed_set,
    label_remainder,
    prove,
    score,
    still_in_use,
    told_of,
)
from alframe.validation import error_by_share


class RoundResult(NamedTuple):
    """The ledger as it stands after a round, and the round's figures: with the learner, all that goes on.

    `validation_V` (int64) are the validation samples still in use; `left` are the scores of what is left of
    the pool after the last of the rounds; `certificate` comes with the closing row.
    """

    ledger: LabelLedger
    report: RoundReport
    validation_V: Tensor
    left: PoolScores | None = None
    certificate: Certificate | None = None


def label_dataset(
    rooms: Rooms, plan: Plan, start: LabelLedger | RoundResult, clock: Clock | None = None
) -> Iterator[RoundResult]:
    """Yield the ledger and a report after the seed set, after each round and after the remainder.

    Args:
        rooms: who trains, asks, accepts, answers, stops and counts.
        plan: the reading of the protocol.
        start: an empty ledger of the data set; or what an earlier run of the same trial yielded last before
            the closing row, with rooms that are as they were then: what follows is the same.
        clock: of the trial; None starts one.

    Raises:
        UserError: the seed set shows fewer than two classes, or the first question is empty.
        TrainingDiverged: from the learner.
    """
    clock = clock or Clock()
    if isinstance(start, LabelLedger):
        # 1. Hand label the seed set, and what labels are to be judged by: round 0.
        ledger, validation_V = begin(rooms, plan, start)
        report = report_on(rooms, plan, clock, None, ledger, kind="seed", round=0)
        start = RoundResult(ledger, replace(report, note=told_of(validation_V)), validation_V)
        yield start
    if start.report.kind == "seed":
        check_seed_set(rooms, plan, start.ledger)

    ledger, report, validation_V, scores, _ = start
    while scores is None:
        clock.next_round()
        round, stopped = report.round + 1, report.stopped_because
        before, final = ledger, stopped is not None
        # 2. Train a classifier on the labels held.
        fit = rooms.learner.fit(ledger.labelled(), round, **({"final": True} if final else {}))
        # 3. Softmax-score the pool; under "rejudge" the auto-labels go back into it first.
        if plan.keep == "rejudge":
            ledger = ledger.revoke(ledger.index_auto)
        pool, validation = score(rooms, ledger, validation_V)
        did = Did(fit, pool.seconds, error_by_share(validation))
        # 4. and 5. Auto-label what is very sure, hand label what is least sure.
        desk = Desk(ledger, pool, validation)
        for pick in ("auto", "hand") if plan.order == "auto_first" else ("hand", "auto"):
            if pick == "auto":
                desk, did.accepted = auto_label(rooms, plan, desk, round)
            elif not final:
                desk = ask(rooms, plan, desk, round)
        ledger = desk.ledger
        did.score_seconds = desk.scores.seconds + desk.seconds
        validation_V = still_in_use(plan, validation_V, desk)
        # 6. Repeat until little enough is left; then train once more, where the plan says so.
        report = report_on(rooms, plan, clock, before, ledger, kind="round", round=round, did=did)
        report = replace(report, stopped_because=stopped or report.stopped_because)
        if report.stopped_because and (final or not plan.final_fit):
            scores = desk.scores
        yield RoundResult(ledger, report, validation_V, scores)

    # 7. Label the remainder, and prove what can be proven: the closing row.
    clock.next_round()
    before, round = ledger, report.round + 1
    ledger = label_remainder(rooms, plan, ledger, scores, round)
    ledger, certificate = prove(rooms, plan, ledger, round)
    report = report_on(rooms, plan, clock, before, ledger, kind="closing", round=round)
    yield RoundResult(ledger, report, validation_V, certificate=certificate)
