"""The report of a round: its counts and times, and the reason if the rounds end after it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from alframe.core.components import Components
from alframe.core.ledger import LabelLedger, Source
from alframe.core.loop_plan import LoopPlan
from alframe.core.protocols import SpotChecks
from alframe.core.reports import FitReport, Kind, RoundReport


@dataclass(kw_only=True)
class RoundLog:
    """The log of a round, which the loop writes and the report reads.

    Attributes:
        fit: the report of training, None in rounds without training.
        score_seconds: wall-clock seconds of scoring, None in rounds without scoring.
        validation_errors, n_validation: as in `RoundReport`.
        threshold, note: of what the auto-label policy accepted, as in `Accepted`.
    """

    fit: FitReport | None = None
    score_seconds: float | None = None
    validation_errors: tuple[tuple[float, float], ...] = ()
    n_validation: int = 0
    threshold: float | None = None
    note: str | None = None

    @contextmanager
    def time_scoring(self) -> Iterator[None]:
        """Add the seconds of a block to `score_seconds`."""
        start = time.perf_counter()
        yield
        self.score_seconds = (self.score_seconds or 0.0) + time.perf_counter() - start


class Clock:
    """Measures the seconds of the current round and of the trial."""

    def __init__(self, elapsed_seconds: float = 0.0) -> None:
        """Start both; `elapsed_seconds` is the time that earlier processes of the same trial took."""
        self._round = time.perf_counter()
        self._start = self._round - elapsed_seconds

    def next_round(self) -> None:
        """Start counting the seconds of a new round."""
        self._round = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds of the round."""
        return time.perf_counter() - self._round

    def total_seconds(self) -> float:
        """Return the seconds of the trial."""
        return time.perf_counter() - self._start


def report_round(
    components: Components,
    plan: LoopPlan,
    clock: Clock,
    before: LabelLedger | None,
    ledger: LabelLedger,
    *,
    kind: Kind,
    round: int,
    log: RoundLog | None = None,
) -> RoundReport:
    """Return all figures of a round, with the reason why the rounds end after it, or None.

    Args:
        components: of the trial. plan: prices and readings. clock: the times of the round and the trial.
        before, ledger: the ledger before and after the round; `before` is None for the seed set.
        kind: of the row. round: its number.
        log: of the round, None for a round without training.
    """
    log = log or RoundLog()
    counts = components.evaluator.counts(ledger)
    written_N = ledger.round_N == round
    auto_N = ledger.source_N == Source.AUTO
    trained = log.fit is not None
    predicted_T = components.learner.predict_test() if trained else None
    report = RoundReport(
        kind=kind,
        round=round,
        counts=counts,
        hand_new=int((written_N & ~auto_N).sum()),
        auto_new=int((written_N & auto_N).sum()),
        unlabelled_before=len((before or ledger).index_unlabelled),
        fit=log.fit,
        score_seconds=log.score_seconds,
        threshold=log.threshold,
        test_accuracy=components.evaluator.test_accuracy(predicted_T),
        class_accuracies=components.evaluator.class_accuracies(predicted_T),
        seconds=clock.seconds(),
        note=log.note,
        cost=plan.cost.total(counts, clock.total_seconds()),
        validation_errors=log.validation_errors,
        n_validation=log.n_validation,
        kept_for_check=plan.kept_for_check(ledger),
    )
    if not trained:
        return report
    if isinstance(components.auto_label, SpotChecks):
        n_checked, n_wrong = components.auto_label.checked()
        report = replace(report, spot_checks=n_checked, spot_checks_wrong=n_wrong)
    return replace(report, stopped_because=_stop_reason(components, plan, report))


def _stop_reason(components: Components, plan: LoopPlan, report: RoundReport) -> str | None:
    counts = report.counts
    # Auto-labels that are decided anew each round are not final: then only the stopping rules end the rounds.
    settled = plan.keep == "permanent" or counts.auto_labels == 0
    if settled and counts.unlabelled == 0:
        return "every sample was labelled"
    if settled and report.hand_new == 0 and counts.unlabelled >= report.unlabelled_before:
        spent = plan.max_hand_labels and report.budget_spent(plan.max_hand_labels)
        return spent or "the round added no label: no question and no new auto-label"
    return components.stopping.reason(report.without_truth())
