"""The rounds of a trial: each result goes into a state file, then to the trackers."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from alframe.audit.label_counts import TruthEvaluator
from alframe.audit.label_issues import LabelIssue, find_label_issues
from alframe.core.errors import AnswersNeeded, Terminated, UserError, Waiting
from alframe.core.ledger import NO_ANSWER, LabelLedger, Source
from alframe.core.loop import RoundResult, label_dataset
from alframe.core.protocols import RememberingOracle, TimesAnswers
from alframe.core.round_log import Clock
from alframe.core.trial_summary import TrialSummary
from alframe.oracle.people import PeopleOracle
from alframe.tracking import Outcome, TrialInfo
from alframe.tracking.base import Status, TrialTrackers
from alframe.trial.answer_bound import AnswerBound
from alframe.trial.assemble import Trial
from alframe.trial.resume import states_of, versions_that_matter
from alframe.trial.state import TrialState, drop_states, save_state
from alframe.trial.summarise import summarise


class TrialSession:
    """Runs the rounds of a trial and keeps the values for its state files and its outcome."""

    def __init__(
        self,
        *,
        trial: Trial,
        info: TrialInfo,
        identity: Mapping[str, Any],
        clock: Clock,
        answer_bound: AnswerBound,
        refusal_leaves_nothing: Callable[[], bool] = lambda: False,
    ) -> None:
        """Keep the parts.

        Args:
            answer_bound: bounds the answers of a trial that waits for people.
            refusal_leaves_nothing: returns True if a refusal removes the trial's files.
        """
        self._refusal_leaves_nothing = refusal_leaves_nothing
        dataset = trial.dataset
        self._evaluator = TruthEvaluator(dataset.truth_N, dataset.test_truth_T)
        self._trial, self._info, self._identity, self._clock = trial, info, identity, clock
        self._reports = list(info.reports)
        self._answer_bound = answer_bound
        self._result: RoundResult | None = None

    def run(
        self, trackers: TrialTrackers, start: LabelLedger | RoundResult, stop_wanted: Callable[[], bool]
    ) -> TrialSummary:
        """Run the rounds from `start` and return the summary of the finished trial."""
        self._result = start if isinstance(start, RoundResult) else None
        trial = self._trial
        if isinstance(trial.components.oracle, PeopleOracle):
            trial.components.oracle.at_most = lambda waiting: self._with_most("", waiting)[1]
            trial.components.oracle.ledger = lambda: self._result.ledger if self._result is not None else None
        try:
            trackers.start(self._info)
            results = label_dataset(trial.components, trial.plan, start, self._clock)
            del start  # each result holds all labels, so that none is kept longer than it is needed
            for result in results:
                self._keep(result)
                trackers.log(result.report)
                if stop_wanted() and result.report.kind != "closing":
                    raise KeyboardInterrupt
            outcome = self._finished()
        except AnswersNeeded as error:
            needed = AnswersNeeded(*self._with_most(str(error), error.waiting))
            with contextlib.suppress(Exception):  # without it, the next start repeats the fit of this round
                if self._result is not None:
                    self._save()
            with contextlib.suppress(Exception):
                trackers.finish(self._outcome("waiting", str(needed), waiting=needed.waiting))
            raise needed from error
        except BaseException as error:
            # The error that ended the trial is raised, whatever else goes wrong here.
            with contextlib.suppress(Exception):
                outcome = self._outcome(*_status_of(error), waiting=self._open_question(error))
                if isinstance(error, UserError) and self._refusal_leaves_nothing():
                    outcome = replace(outcome, ledger=None)  # so that nobody is sent to removed files
                trackers.finish(outcome)
            raise
        trackers.finish(outcome)
        drop_states(self._info.directory)
        assert outcome.summary is not None
        return outcome.summary

    def _with_most(self, text: str, waiting: Waiting | None) -> tuple[str, Waiting | None]:
        """Return a text and what the trial waits for, with the most answers that the plan can ask in all."""
        if waiting is None:
            return text, None
        before = self._result.ledger if self._result is not None else None
        return self._answer_bound.told(text, waiting, self._trial.components, before)

    def _open_question(self, error: BaseException) -> Waiting | None:
        """Return the question that stays open if answers to it cannot be read, or None."""
        oracle = self._trial.components.oracle
        if not isinstance(error, UserError) or not isinstance(oracle, PeopleOracle):
            return None
        return self._with_most("", oracle.waiting())[1]

    def _keep(self, result: RoundResult) -> None:
        self._result = result
        self._reports.append(result.report)
        if result.report.kind != "closing":  # a closing row takes little time to repeat
            self._save()

    def _save(self) -> None:
        assert self._result is not None
        state = TrialState(
            identity=self._identity,
            chosen=self._info.chosen,
            reports=tuple(self._reports),
            result=self._result,
            components=states_of(self._trial.components),
            elapsed_seconds=self._clock.total_seconds(),
            versions=versions_that_matter(),
        )
        save_state(self._info.directory, state)

    def _finished(self) -> Outcome:
        """Return the outcome of a finished trial."""
        assert self._result is not None
        ledger, trial = self._result.ledger, self._trial
        summary = summarise(
            self._info,
            self._reports,
            seconds=self._clock.total_seconds(),
            certificate=self._result.certificate,
            check=self._result.check,
            answer_times=trial.components.oracle.answer_times()
            if isinstance(trial.components.oracle, TimesAnswers)
            else None,
            classes=self._evaluator.counts_by_class(ledger, self._info.n_classes),
            class_names=trial.dataset.class_names,
            engine=trial.compute_plan.engine.name,
        )
        # Without a round there is no classifier that could doubt a label.
        n_issues = trial.n_label_issues if summary.rounds else 0
        issues = find_label_issues(trial.components.learner, ledger, n_issues)
        return self._outcome("finished", summary.stopped_because or "", summary, issues)

    def _outcome(
        self,
        status: Status,
        reason: str,
        summary: TrialSummary | None = None,
        issues: Sequence[LabelIssue] = (),
        waiting: Waiting | None = None,
    ) -> Outcome:
        ledger = self._labels_now(waiting)
        dataset, evaluator = self._trial.dataset, self._evaluator
        none = torch.empty(0, dtype=torch.int64)
        finished = ledger is not None and summary is not None
        return Outcome(
            status=status,
            ledger=ledger,
            summary=summary,
            reason=reason,
            mislabelled=(none, none) if ledger is None else evaluator.mislabelled(ledger),
            image=lambda index: dataset.images_N[index],
            class_names=dataset.class_names,
            files_N=dataset.files_N,
            suspects=issues,
            diagnosis=evaluator.diagnosis(ledger, self._info.n_classes) if ledger and finished else None,
            waiting=waiting,
        )

    def _labels_now(self, waiting: Waiting | None) -> LabelLedger | None:
        """Return the labels of the last result and, with people, the answers that came since.

        labels.csv then says the same as the store of answers, also for a question that is still open and for
        images that are gone.
        """
        oracle = self._trial.components.oracle
        ledger = self._result.ledger if self._result is not None else None
        if not isinstance(oracle, RememberingOracle):
            return ledger
        if ledger is None:
            if isinstance(oracle, PeopleOracle) and oracle.store.is_new:
                return None  # nothing was asked yet
            ledger = LabelLedger.empty(len(self._trial.dataset), self._trial.member_N)
        everything, members = torch.arange(len(ledger.label_N)), ledger.member_N
        answer, before = oracle.current(everything), ledger.answer_of(everything)
        differs = (answer != NO_ANSWER) & (answer != before)
        changed, new = (
            everything[differs & (before != NO_ANSWER)],
            everything[differs & (before == NO_ANSWER)],
        )
        ledger = replace(ledger, member_N=torch.ones_like(members)).changed(changed, answer[changed])
        auto = new[ledger.source_N[new] == Source.AUTO]
        source, round = _source_of(waiting)
        ledger = ledger.revoke(auto).answered(new, answer[new], source, round)
        return replace(ledger, member_N=members)


def _source_of(waiting: Waiting | None) -> tuple[Source, int]:
    """Return source and round of the answers to a question that is still open."""
    if waiting is None:
        return Source.QUERY, 0
    name = waiting.question.split()[0].upper().replace("CHECK", Source.AUDIT.name)
    return (Source[name] if name in Source.__members__ else Source.QUERY), waiting.round


def _status_of(error: BaseException) -> tuple[Status, str]:
    """Return the status of a trial that an error ended, and the reason."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", "interrupted by the user"
    if isinstance(error, Terminated):
        return "interrupted", "interrupted by SIGTERM"
    if isinstance(error, SystemExit):
        return "interrupted", "its process was ended"
    return "failed", str(error) or type(error).__name__
