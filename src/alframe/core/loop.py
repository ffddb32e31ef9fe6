"""The loop: the seven steps of labelling a data set with active learning."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from alframe.core.asking import with_current_answers
from alframe.core.check_result import CheckResult
from alframe.core.components import Components
from alframe.core.ledger import LabelLedger
from alframe.core.loop_plan import LoopPlan
from alframe.core.question import ask
from alframe.core.records import NO_SCORES, PoolScores
from alframe.core.reports import Certificate, RoundReport
from alframe.core.round_log import Clock, RoundLog, report_round
from alframe.core.seed_set import checked_seed_set, label_seed_set
from alframe.core.spot_checks import picks
from alframe.core.steps import (
    RoundState,
    audit_auto_labels,
    auto_label,
    check_auto_labels,
    label_remainder,
    score,
    validation_in_use,
)
from alframe.core.validation_set import error_by_share


@dataclass(frozen=True, kw_only=True, eq=False)
class RoundResult:
    """The result of a round. The next round needs only this and the state of the components.

    Attributes:
        ledger: the labels after the round.
        report: the round's figures.
        validation_V: int64, the validation samples still in use.
        left: scores of the remaining pool after the last round; None after other rounds.
        certificate: of the closing row if one was wanted; else None.
        check: of the auto-labels, in the closing row; None without one.
    """

    ledger: LabelLedger
    report: RoundReport
    validation_V: Tensor
    left: PoolScores | None = None
    certificate: Certificate | None = None
    check: CheckResult | None = None


def label_dataset(
    components: Components, plan: LoopPlan, start: LabelLedger | RoundResult, clock: Clock | None = None
) -> Iterator[RoundResult]:
    """Yield the ledger and a report after the seed set, after each round and after the remainder.

    Args:
        components: of the trial. plan: amounts, order and limits. clock: of the trial; None starts one.
        start: an empty ledger; or, to resume, the last result before the closing row, with the components
            restored to their state at that time. The results that follow are then the same.

    Raises:
        UserError: the seed set has fewer than two classes, or the first question is empty.
        TrainingDiverged: raised by the learner.
    """
    clock = clock or Clock()
    if isinstance(start, LabelLedger):
        # 1. Hand label the seed set and, if one is wanted, the validation set: round 0.
        ledger, validation_V, note = label_seed_set(components, plan, start)
        report = report_round(components, plan, clock, None, ledger, kind="seed", round=0)
        report = replace(report, note=note)
        start = RoundResult(ledger=ledger, report=report, validation_V=validation_V)
        yield start
    ledger, report, validation_V, scores = start.ledger, start.report, start.validation_V, start.left
    if report.kind == "seed":
        ledger = checked_seed_set(components, plan, ledger)
        if len(ledger.index_unlabelled) == 0:
            scores = NO_SCORES  # all was answered, so that there is nothing to learn for
    while scores is None:
        clock.next_round()
        round, stopped, before = report.round + 1, report.stopped_because, ledger
        ledger = with_current_answers(components, ledger, round)
        validation_V = validation_V[ledger.label_N[validation_V] >= 0]
        final = stopped is not None
        # 2. Train a classifier on the labels so far.
        log = RoundLog(fit=components.learner.fit(ledger.labelled(), round, final=final))
        # 3. Softmax-score the pool; under "rejudge" the auto-labels return to it first.
        if plan.keep == "rejudge":
            ledger = ledger.revoke(ledger.index_auto)
        pool, validation = score(components, ledger, validation_V, log)
        log.validation_errors = error_by_share(validation)
        # 4. and 5. Auto-label the most confident, hand label the least confident.
        state = RoundState(ledger=ledger, scores=pool, validation=validation)
        del ledger, pool, validation  # each step replaces a part of the state, which may be large
        for pick in picks(components, plan):
            if pick == "auto":
                state, log.accepted = auto_label(components, plan, state, round)
            elif not final:
                state = ask(components, plan, state, round, log)
        ledger = state.ledger
        validation_V = validation_in_use(plan, validation_V, state)
        # 6. Repeat until little enough is left; then train once more if the plan says so.
        report = report_round(components, plan, clock, before, ledger, kind="round", round=round, log=log)
        report = replace(report, stopped_because=stopped or report.stopped_because)
        if report.stopped_because and (final or not plan.final_fit):
            scores = state.scores
        yield RoundResult(ledger=ledger, report=report, validation_V=validation_V, left=scores)

    # 7. Label the remainder, check a sample of the auto-labels and, if a certificate is wanted, audit them.
    clock.next_round()
    before, round = ledger, report.round + 1
    ledger = with_current_answers(components, ledger, round)
    ledger = label_remainder(components, plan, ledger, scores, round)
    ledger, check = check_auto_labels(components, plan, ledger, round)
    ledger, certificate = audit_auto_labels(components, plan, ledger, round)
    ledger = with_current_answers(components, ledger, round, closed=True)
    report = report_round(components, plan, clock, before, ledger, kind="closing", round=round)
    yield RoundResult(
        ledger=ledger, report=report, validation_V=validation_V, certificate=certificate, check=check
    )
