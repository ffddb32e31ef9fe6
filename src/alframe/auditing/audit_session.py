"""The questions of an audit: each result goes into the files and to the trackers."""

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from alframe._files import replace_file
from alframe.audit.audit_state import AuditPlan, AuditRow, AuditState, Ranker, begin_audit
from alframe.audit.audit_summary import AuditSummary, statement
from alframe.audit.label_audit import run_audit
from alframe.audit.label_counts import TruthEvaluator
from alframe.auditing.audit_files import changes_of, write_change_images, write_labels, write_rounds
from alframe.auditing.audit_lines import heading, line_of
from alframe.auditing.audit_request import Say
from alframe.config.verbatim import as_yaml
from alframe.core.errors import AnswersNeeded, Terminated
from alframe.core.file_names import CONFIG, FAILURE, SUMMARY
from alframe.core.protocols import Oracle
from alframe.data import ImageDataset
from alframe.oracle.people import PeopleOracle
from alframe.tracking.audit_report import AuditInfo, AuditOutcome, AuditReport, AuditTrackers
from alframe.tracking.base import Status
from alframe.tracking.files import write_failure
from alframe.trial.summarise import versions


@dataclass(kw_only=True, eq=False)
class AuditSession:
    """Runs an audit and writes its files.

    Attributes:
        info: for trackers; `config` is that of config.yaml.
        plan, oracle, rank: of the audit. dataset: of the images; its truth is used only for `simulated`.
        truth_N: int64, the true classes, or None if they are unknown.
        given_N, member_N: as for `begin_audit`.
        second_N: int64, a second person's answers, or None.
        seconds_before: of earlier processes. keep_seconds: records the seconds so far.
        stop_wanted: called after each question. say: prints a line.
    """

    info: AuditInfo
    plan: AuditPlan
    oracle: Oracle
    rank: Ranker
    dataset: ImageDataset
    truth_N: Tensor | None
    given_N: Tensor
    member_N: Tensor
    second_N: Tensor | None
    seconds_before: float
    keep_seconds: Callable[[float], None]
    stop_wanted: Callable[[], bool]
    say: Say
    started: float = field(default_factory=time.perf_counter)
    state: AuditState | None = None

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of the audit so far, over all processes."""
        return self.seconds_before + time.perf_counter() - self.started

    def run(self, trackers: AuditTrackers) -> AuditSummary:
        """Run the stages and return the summary.

        Raises:
            AnswersNeeded: people have to answer. KeyboardInterrupt: `stop_wanted` returned True.
        """
        self.state = begin_audit(self.given_N, self.member_N, self.second_N)
        directory = self.info.directory
        (directory / FAILURE).unlink(missing_ok=True)
        replace_file(directory / CONFIG, as_yaml(self.info.config))
        try:
            trackers.start(self.info)
            for line in heading(self.info):
                self.say(line)
            n_logged = 0
            for state in run_audit(self.plan, self.state, self.oracle, self.rank, self.info.n_classes):
                self.state = state
                self._log(trackers, state.rows, n_logged)
                n_logged = len(state.rows)
                self.keep_seconds(self.seconds)
                if self.stop_wanted():
                    raise KeyboardInterrupt
            return self._finish(trackers)
        except BaseException as error:
            self._end(trackers, error)
            raise

    def _log(self, trackers: AuditTrackers, rows: tuple[AuditRow, ...], n_logged: int) -> None:
        write_rounds(self.info.directory, rows)
        for number, row in enumerate(rows[n_logged:], start=n_logged):
            trackers.log(AuditReport(row=row, round=number))
            self.say(line_of(row))

    def _finish(self, trackers: AuditTrackers) -> AuditSummary:
        assert self.state is not None
        summary, directory = self._summary(self.state), self.info.directory
        write_change_images(directory, self.state, self.dataset)
        write_labels(directory, self.state, self.dataset, self._by())
        trackers.finish(self._outcome("finished", "", summary))
        replace_file(directory / SUMMARY, json.dumps(summary.to_json(), indent=2, allow_nan=False) + "\n")
        return summary

    def _end(self, trackers: AuditTrackers, error: BaseException) -> None:
        """Record an end without a summary. Errors are passed over: that which ended the audit is raised."""
        status, reason = _status_of(error)
        waiting = error.waiting if isinstance(error, AnswersNeeded) else None
        assert self.state is not None
        with contextlib.suppress(Exception):
            self.keep_seconds(self.seconds)
            write_rounds(self.info.directory, self.state.rows)
            write_labels(self.info.directory, self.state, self.dataset, self._by())
            write_failure(self.info.directory, status, reason, len(self.state.rows), waiting)
        with contextlib.suppress(Exception):
            trackers.finish(self._outcome(status, reason, None))

    def _by(self) -> Callable[[int], str]:
        """Return a function that says who answered about a sample."""
        if isinstance(self.oracle, PeopleOracle):
            answers = self.oracle.store.answers()
            return lambda index: (answers[index].who or answers[index].way) if index in answers else ""
        name = type(self.oracle).__name__.removesuffix("Oracle").lower()
        return lambda index: name

    def _summary(self, state: AuditState) -> AuditSummary:
        n, ledger, chosen = state.ledger.n_samples, state.ledger, self.info.chosen
        estimate = estimate_json(state, self.dataset.class_names)
        changes = changes_of(state)
        return AuditSummary(
            n_samples=n,
            n_classes=self.info.n_classes,
            answers=state.n_answers,
            found_wrong=state.n_found,
            changed=sum(each.after >= 0 for each in changes),
            set_aside=len(ledger.index_set_aside),
            estimate=estimate,
            certificate=state.certificate,
            second_answers=state.second,
            stages=self.plan.stages,
            mending_ended=state.mending_ended,
            batches=sum(row.stage == "mend" for row in state.rows),
            simulated=self._simulated(state),
            seconds=self.seconds,
            train_seconds=sum(row.train_seconds for row in state.rows),
            rank_seconds=None if state.first is None else state.first.seconds,
            seed=self.info.seed,
            device=chosen["device"],
            engine=chosen["engine"],
            precision=chosen["precision"],
            data=self.info.data,
            versions=versions(),
            statement=statement(n, estimate, state.certificate, state.n_found),
        )

    def _simulated(self, state: AuditState) -> Mapping[str, float] | None:
        """Return how many labels were and are wrong, or None if the truth is unknown."""
        if self.truth_N is None:
            return None
        n = state.ledger.n_samples
        before = int(((state.given_N != self.truth_N) & (state.given_N >= 0)).sum())
        after = TruthEvaluator(self.truth_N).counts(state.ledger).mislabelled or 0
        return {
            "wrong_before": before,
            "wrong_before_share": before / n,
            "wrong_after": after,
            "wrong_after_share": after / n,
            "found_share": state.n_found / before if before else 1.0,
        }

    def _outcome(self, status: Status, reason: str, summary: AuditSummary | None) -> AuditOutcome:
        assert self.state is not None
        none = torch.empty(0, dtype=torch.int64)
        ledger = self.state.ledger
        return AuditOutcome(
            status=status,
            ledger=ledger,
            summary=summary,
            reason=reason,
            mislabelled=(none, none)
            if self.truth_N is None
            else TruthEvaluator(self.truth_N).mislabelled(ledger),
            image=lambda index: self.dataset.images_N[index],
            class_names=self.dataset.class_names,
            files_N=self.dataset.files_N,
        )


def estimate_json(state: AuditState, names: tuple[str, ...]) -> dict[str, Any] | None:
    """Return the estimate as plain containers, with the classes by name; None without one."""
    if state.estimate is None:
        return None
    overall = asdict(state.estimate.overall)
    classes = {
        name: None if each is None else asdict(each)
        for name, each in zip(names, state.estimate.classes, strict=True)
    }
    return {**overall, "confidence": state.estimate.confidence, "classes": classes}


def _status_of(error: BaseException) -> tuple[Status, str]:
    if isinstance(error, AnswersNeeded):
        return "waiting", str(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", "interrupted by the user"
    if isinstance(error, Terminated):
        return "interrupted", "interrupted by SIGTERM"
    return "failed", str(error) or type(error).__name__
