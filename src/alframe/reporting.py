"""The report of a round: what was done, counted and timed, and why the rounds end, if they do."""

import time
from dataclasses import dataclass, replace

from alframe.ledger import LabelLedger, Source
from alframe.plan import Plan
from alframe.records import Accepted, FitReport, Kind, RoundReport
from alframe.rooms import Rooms


@dataclass
class Did:
    """What a round has done so far, for its report."""

    fit: FitReport | None = None
    score_seconds: float | None = None
    validation_errors: tuple[tuple[float, float], ...] = ()
    accepted: Accepted | None = None


class Clock:
    """Seconds of the round and of the trial."""

    def __init__(self, elapsed_seconds: float = 0.0) -> None:
        """Start both; the trial may have taken some seconds before, in a process that has ended."""
        self._round = time.perf_counter()
        self._start = self._round - elapsed_seconds

    def next_round(self) -> None:
        """Begin to count a round's seconds."""
        self._round = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds of the round."""
        return time.perf_counter() - self._round

    def total_seconds(self) -> float:
        """Return the seconds of the trial."""
        return time.perf_counter() - self._start


def report_on(
    rooms: Rooms,
    plan: Plan,
    clock: Clock,
    before: LabelLedger | None,
    ledger: LabelLedger,
    *,
    kind: Kind,
    round: int,
    did: Did | None = None,
) -> RoundReport:
    """Return every figure of a round, with why the rounds end after it, if they do."""
    did = did or Did()
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
        threshold=did.accepted.threshold if did.accepted else None,
        test_accuracy=rooms.audit.test_accuracy(rooms.learner.predict_test()) if trained else None,
        seconds=clock.seconds(),
        note=did.accepted.note if did.accepted else None,
        cost=plan.cost.total(counts, clock.total_seconds()),
        validation_errors=did.validation_errors,
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
        if plan.max_hand_labels is not None and counts.hand_labels >= plan.max_hand_labels:
            return f"stopping.max_hand_labels={plan.max_hand_labels} was reached"
        return "the round brought nothing: no question and no new auto-label"
    return rooms.stopping.reason(report.without_truth())
