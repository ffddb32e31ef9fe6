"""Where the thread of a trial and the threads of the server meet.

The trial puts its question and its progress here; the server reads them, and tells when answers were stored.
The answers themselves are in the store only.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from alframe.core.ledger import LabelLedger
from alframe.core.reports import RoundReport
from alframe.core.trial_summary import TrialSummary
from alframe.data import ImageDataset
from alframe.page.audit_standing import AuditStanding
from alframe.page.settings import Suggestions
from alframe.page.training import Training
from alframe.tracking import Outcome, TrialInfo

Stage = Literal["setup", "training", "labelling", "finished", "failed"]
OPTIONS = "page options"  # in the store: what people have set on the page
_TRAINS = ("seed", "validation", "query")  # purposes of questions after which a round is trained
POLL_SECONDS = 0.25  # how often whoever waits for people looks whether to stop


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question that people answer.

    Attributes:
        purpose: such as "seed", "query" or "audit". round: its number.
        order: the samples of the question that had no answer when it was put.
        n_wanted: all samples of the question.
        predicted: predicted class and its probability by sample; others are shown without one.
        blind: the samples that must be answered without a prediction in sight.
        choices: of a second look, the answers to decide between by sample, in words and as numbers.
    """

    purpose: str
    round: int
    order: tuple[int, ...]
    n_wanted: int
    predicted: Mapping[int, tuple[int, float]] = field(default_factory=dict)
    blind: frozenset[int] = frozenset()
    choices: Mapping[int, Mapping[str, int]] = field(default_factory=dict)

    @cached_property
    def members(self) -> frozenset[int]:
        """The samples of `order`."""
        return frozenset(self.order)

    @property
    def id(self) -> str:
        """A text that tells questions apart."""
        return f"{self.purpose} {self.round}"

    def is_blind(self, index: int) -> bool:
        """Return True if a sample is shown without a prediction."""
        return index in self.blind or index not in self.predicted


@dataclass(frozen=True, kw_only=True)
class Options:
    """What people may set on the page; as the keys `page.*` of the same names."""

    suggestions: Suggestions
    both_share: float
    grid: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Now:
    """The state of a trial at one moment.

    Attributes:
        version: grows with every change.
        message: for people, such as why the trial has failed.
        dataset: None before the data are read. info: None before the trial has begun.
        question: the open one. at_most: the most answers of the plan, None if unknown.
        ledger: the labels of the last round, None before.
        reports: of all rounds so far. training: None while people are asked.
        outcome: of the last run of the trial.
        audit: where an audit of given labels stands, None in a trial.
    """

    version: int
    stage: Stage
    options: Options
    message: str = ""
    dataset: ImageDataset | None = None
    info: TrialInfo | None = None
    question: Question | None = None
    at_most: int | None = None
    ledger: LabelLedger | None = None
    training: Training | None = None
    reports: tuple[RoundReport, ...] = ()
    summary: TrialSummary | None = None
    outcome: Outcome | None = None
    audit: AuditStanding | None = None


class Desk:
    """The meeting point. It is a tracker too: the trial's rounds and its end come that way."""

    def __init__(self, options: Options, on_data: Callable[[], None] = lambda: None) -> None:
        """Take the options, and what to call when the data are read and all settings are right."""
        self._changed = threading.Condition()
        self._now = Now(version=1, stage="training", options=options)
        self._on_data = on_data
        self._stops: Callable[[], bool] = lambda: False
        # Returns the labels of the last round that is done; the oracle of the trial sets it.
        self.labels: Callable[[], LabelLedger | None] = lambda: None
        self.begins_again = False  # the trial ends in order to begin again with a new class

    @property
    def now(self) -> Now:
        """The present state."""
        return self._now

    def change(self, **values: Any) -> None:
        """Change fields of the present state, and wake up all that wait for a change."""
        with self._changed:
            self._now = replace(self._now, **{**values, "version": self._now.version + 1})
            self._changed.notify_all()

    def wait_for_change(self, version: int, seconds: float) -> None:
        """Return once the version differs from `version`, or after some seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._now.version != version, seconds)

    # --- for the trial's thread

    def stop_if(self, stops: Callable[[], bool]) -> None:
        """Take the function that says whether the trial is to stop."""
        self._stops = stops

    def attach(self, dataset: ImageDataset) -> None:
        """Take the data of the trial, when they are read and the settings are checked."""
        self.change(dataset=dataset)
        self._on_data()

    def put(self, question: Question, at_most: int | None = None, ledger: LabelLedger | None = None) -> None:
        """Ask people; `ledger` has the labels so far."""
        self.change(stage="labelling", question=question, training=None, at_most=at_most, ledger=ledger)

    def wait(self, answered: Callable[[], bool], check: Callable[[], None] = lambda: None) -> None:
        """Wait until `answered` returns True. It is called again after each change.

        Args:
            check: called several times a second; what it raises ends the wait.

        Raises:
            KeyboardInterrupt: the trial is to stop.
        """
        while True:
            version = self._now.version
            if answered():
                return
            while self._now.version == version:
                if self._stops():
                    raise KeyboardInterrupt
                check()
                self.wait_for_change(version, POLL_SECONDS)

    def work(self, what: str) -> None:
        """Say that the question is answered, and what the trial does."""
        now, question = self._now, self._now.question
        closes = question is not None and question.purpose.split()[0] not in _TRAINS
        round = 0 if question is None or closes else question.round + 1
        training = Training.begun("finishing" if closes else what, round, now.reports)
        self.change(stage="training", question=None, training=training)

    def progress(self, what: str, done: int, total: int | None) -> None:
        """Say how far the present step is. It is called often, and wakes up nobody."""
        training = self._now.training
        if training is None:
            return
        training = training.at_step(what, done, total)
        with self._changed:
            self._now = replace(self._now, training=training)

    # --- as a tracker

    def start(self, info: TrialInfo) -> None:
        """Take the facts about the trial."""
        self.change(info=info, reports=info.reports, ledger=self.labels())

    def log(self, report: RoundReport) -> None:
        """Take the report of a round, and its labels. A round that asks nothing is followed by the next."""
        now, training = self._now, self._now.training
        if training is not None and training.round and report.kind == "round":
            training = replace(training, round=report.round + 1)
        self.change(reports=(*now.reports, report), ledger=self.labels(), training=training)

    def finish(self, outcome: Outcome) -> None:
        """Take the end of the trial, or of one of its runs."""
        if outcome.status == "finished":
            self.change(
                summary=outcome.summary,
                outcome=outcome,
                ledger=outcome.ledger,
                question=None,
                training=None,
            )
        elif outcome.status == "failed":
            self.fail(outcome.reason)

    def finished(self) -> None:
        """Say that the trial is finished and all its files are written."""
        self.change(stage="finished")

    def fail(self, reason: str) -> None:
        """Say why the trial has failed."""
        self.change(stage="failed", message=reason, question=None, training=None)
