"""The loop: the seven steps of labelling a data set with active learning.

`label_dataset` is the loop. `_seed_round` has step 1, `_round` has steps 2 to 6, and `_closing` has step 7.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from alframe.core.asking import with_current_answers
from alframe.core.check_result import CheckResult
from alframe.core.components import Components
from alframe.core.ledger import LabelLedger
from alframe.core.loop_plan import LoopPlan
from alframe.core.mending import mend
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
        left: predictions for the remaining pool after the last round; None after other rounds.
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
        start = _seed_round(components, plan, clock, start)  # step 1
        yield start
    result = start
    del start  # a result has 24 bytes for each sample, so that none is kept longer than it is needed
    if result.report.kind == "seed":
        ledger = checked_seed_set(components, plan, result.ledger)
        # If all was answered, there is nothing to learn for.
        result = replace(result, ledger=ledger, left=None if len(ledger.index_unlabelled) else NO_SCORES)
        del ledger
    while result.left is None:  # steps 2 to 6, until little enough is left
        clock.next_round()
        result = _round(components, plan, clock, result)
        yield result
    clock.next_round()
    yield _closing(components, plan, clock, result, result.left)  # step 7


def _seed_round(components: Components, plan: LoopPlan, clock: Clock, ledger: LabelLedger) -> RoundResult:
    """Return round 0: the hand labels of the seed set."""
    # 1. Hand label the seed set and, if one is wanted, the validation set: round 0.
    ledger, validation_V, note = label_seed_set(components, plan, ledger)
    report = report_round(components, plan, clock, None, ledger, kind="seed", round=0)
    return RoundResult(ledger=ledger, report=replace(report, note=note), validation_V=validation_V)


def _round(components: Components, plan: LoopPlan, clock: Clock, before: RoundResult) -> RoundResult:
    """Return the next round: a fit, its auto-labels and its question; `left` is set if it is the last one."""
    round, stopped, validation_V = before.report.round + 1, before.report.stopped_because, before.validation_V
    ledger = with_current_answers(components, before.ledger, round)
    validation_V = validation_V[ledger.label_N[validation_V] >= 0]
    final = stopped is not None
    # 2. Train a classifier on the labels so far.
    log = RoundLog(fit=components.learner.fit(ledger.labelled(), round, final=final))
    # 3. Softmax-score the pool; under "rejudge" the auto-labels return to it first.
    if plan.keep == "rejudge":
        ledger = ledger.revoke(ledger.index_auto)
    pool, validation = score(components, ledger, validation_V, log)
    log.validation_errors, log.n_validation = error_by_share(validation), len(validation or ())
    # 4. and 5. Auto-label the most confident, hand label the least confident.
    state = RoundState(ledger=ledger, scores=pool, validation=validation)
    del ledger, pool, validation  # each step replaces parts of the state
    for pick in picks(components, plan):
        if pick == "auto":
            state = auto_label(components, plan, state, round, log)
        elif not final:
            state = ask(components, plan, state, round, log)
    validation_V = validation_in_use(plan, validation_V, state)
    # 6. Repeat until little enough is left; then train once more if the plan says so.
    report = report_round(
        components, plan, clock, before.ledger, state.ledger, kind="round", round=round, log=log
    )
    report = replace(report, stopped_because=stopped or report.stopped_because)
    left = None
    if report.stopped_because and (final or not plan.final_fit):
        left = state.scores.predictions()
    return RoundResult(ledger=state.ledger, report=report, validation_V=validation_V, left=left)


def _closing(
    components: Components, plan: LoopPlan, clock: Clock, before: RoundResult, left: PoolScores
) -> RoundResult:
    """Return the closing row. `left` has the predictions for the remaining pool."""
    # 7. Label the remainder, check a sample of the auto-labels and, if a certificate is wanted, audit them.
    # Before the audit, people look again at doubtful labels that they confirmed in grids.
    round = before.report.round + 1
    ledger = with_current_answers(components, before.ledger, round)
    ledger = label_remainder(components, plan, ledger, left, round)
    ledger, check = check_auto_labels(components, plan, ledger, round)
    ledger = mend(components, ledger, round)
    ledger, certificate = audit_auto_labels(components, plan, ledger, round)
    ledger = with_current_answers(components, ledger, round, closed=True)
    report = report_round(components, plan, clock, before.ledger, ledger, kind="closing", round=round)
    return RoundResult(
        ledger=ledger,
        report=report,
        validation_V=before.validation_V,
        certificate=certificate,
        check=check,
    )
