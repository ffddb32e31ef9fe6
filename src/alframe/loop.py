"""The seven steps of labelling a data set with active learning."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import NamedTuple

from torch import Tensor

from alframe.certificate import Certificate
from alframe.ledger import LabelLedger
from alframe.plan import Plan
from alframe.records import RoundReport
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
    """The ledger as it stands after a round, and the round's figures.

    `validation_V` (int64) are the validation samples still in use; `certificate` comes with the closing row.
    """

    ledger: LabelLedger
    report: RoundReport
    validation_V: Tensor
    certificate: Certificate | None = None


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
    # 1. Hand label the seed set, and what labels are to be judged by: round 0.
    clock = Clock()
    ledger, validation_V = begin(rooms, plan, ledger)
    report = report_on(rooms, plan, clock, None, ledger, kind="seed", round=0)
    yield RoundResult(ledger, replace(report, note=told_of(validation_V)), validation_V)
    check_seed_set(rooms, plan, ledger)

    stopped: str | None = None
    for round in count(1):
        clock.next_round()
        before, final = ledger, stopped is not None
        # 2. Train a classifier on the labels held.
        fit = rooms.learner.fit(ledger.labelled(), round, **({"final": True} if final else {}))
        # 3. Softmax-score the pool; under "rejudge" the auto-labels go back into it first.
        if plan.keep == "rejudge":
            ledger = ledger.revoke(ledger.index_auto)
        scores, validation = score(rooms, ledger, validation_V)
        did = Did(fit, scores.seconds, error_by_share(validation))
        # 4. and 5. Auto-label what is very sure, hand label what is least sure.
        desk = Desk(ledger, scores, validation)
        for pick in ("auto", "hand") if plan.order == "auto_first" else ("hand", "auto"):
            if pick == "auto":
                desk, did.accepted = auto_label(rooms, plan, desk, round)
            elif not final:
                desk = ask(rooms, plan, desk, round)
        ledger, scores = desk.ledger, desk.scores
        did.score_seconds = scores.seconds + desk.seconds
        validation_V = still_in_use(plan, validation_V, desk)
        # 6. Repeat until little enough is left; then train once more, where the plan says so.
        report = report_on(rooms, plan, clock, before, ledger, kind="round", round=round, did=did)
        stopped = stopped or report.stopped_because
        yield RoundResult(ledger, replace(report, stopped_because=stopped), validation_V)
        if stopped and (final or not plan.final_fit):
            break

    # 7. Label the remainder, and prove what can be proven: the closing row.
    clock.next_round()
    before = ledger
    ledger = label_remainder(rooms, plan, ledger, scores, round + 1)
    ledger, certificate = prove(rooms, plan, ledger, round + 1)
    report = report_on(rooms, plan, clock, before, ledger, kind="closing", round=round + 1)
    yield RoundResult(ledger, report, validation_V, certificate)
