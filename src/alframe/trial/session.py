"""A trial at work: what its loop yields goes into the state, then to the trackers; and how it ends."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import torch

from alframe.audit.evaluator import TruthEvaluator
from alframe.audit.label_issues import LabelIssue, find_label_issues
from alframe.core.components import Components
from alframe.core.errors import AnswersNeeded, Terminated
from alframe.core.ledger import LabelLedger
from alframe.core.loop import RoundResult, label_dataset
from alframe.core.round_report import Clock
from alframe.data import ImageDataset
from alframe.tracking import Outcome, TrialInfo
from alframe.tracking.base import Status, Trackers
from alframe.trial.build import ComputePlan, build_plan
from alframe.trial.resume import states_of, versions_that_matter
from alframe.trial.state import TrialState, drop_states, save_state
from alframe.trial.summary import summarise, summarise_classes


class RunningTrial:
    """A trial at work: what its loop yields goes into the state, then to the trackers."""

    def __init__(
        self,
        info: TrialInfo,
        components: Components,
        dataset: ImageDataset,
        whose: dict[str, Any],
        clock: Clock,
    ) -> None:
        self._evaluator = TruthEvaluator(dataset.truth_N, dataset.test_truth_T)
        self._info, self._components, self._dataset = info, components, dataset
        self._whose, self._clock = whose, clock
        self._reports = list(info.reports)
        self._result: RoundResult | None = None

    def label(
        self,
        trackers: Trackers,
        start: LabelLedger | RoundResult,
        compute_plan: ComputePlan,
        stop_wanted: Callable[[], bool],
    ) -> dict[str, Any]:
        """Go through the rounds and return the content of summary.json."""
        self._result = start if isinstance(start, RoundResult) else None
        try:
            trackers.start(self._info)
            for result in label_dataset(self._components, build_plan(self._info.config), start, self._clock):
                self._keep(result)
                trackers.log(result.report)
                if stop_wanted() and result.report.kind != "closing":
                    raise KeyboardInterrupt
            summary, suspects = self._come_to(compute_plan)
        except BaseException as error:
            # What ended the trial is what is raised, whatever closing it comes to.
            with contextlib.suppress(Exception):
                if isinstance(error, AnswersNeeded) and self._result is not None:
                    self._save()  # with this round's fit, which need not be done again
                trackers.finish(self._outcome(*_told_of(error)))
            raise
        trackers.finish(self._outcome("finished", summary["stopped_because"], summary, suspects))
        drop_states(self._info.directory)
        return summary

    def _keep(self, result: RoundResult) -> None:
        self._result = result
        self._reports.append(result.report)
        if result.report.kind != "closing":  # which is soon done again
            self._save()

    def _save(self) -> None:
        assert self._result is not None
        save_state(
            self._info.directory,
            TrialState(
                identity=self._whose,
                chosen=self._info.config["chosen"],
                reports=tuple(self._reports),
                result=self._result,
                components=states_of(self._components),
                elapsed_seconds=self._clock.total_seconds(),
                versions=versions_that_matter(),
            ),
        )

    def _come_to(self, compute_plan: ComputePlan) -> tuple[dict[str, Any], list[LabelIssue]]:
        assert self._result is not None
        ledger, info = self._result.ledger, self._info
        summary = summarise(info, self._reports, self._clock.total_seconds(), self._result.certificate)
        classes = self._evaluator.counts_by_class(ledger, info.n_classes)
        summary |= summarise_classes(classes, self._dataset.class_names)
        suspects = find_label_issues(self._components.learner, ledger, info.config["suspects"])
        summary["engine"] = compute_plan.engine.name  # another one than chosen where that one failed
        return summary, suspects

    def _outcome(
        self,
        status: Status,
        reason: str,
        summary: dict[str, Any] | None = None,
        suspects: Sequence[LabelIssue] = (),
    ) -> Outcome:
        ledger = self._result.ledger if self._result is not None else None
        nothing = torch.empty(0, dtype=torch.int64)
        return Outcome(
            status=status,
            ledger=ledger,
            summary=summary,
            reason=reason,
            mislabelled=self._evaluator.mislabelled(ledger) if ledger is not None else (nothing, nothing),
            image=lambda index: self._dataset.images_N[index],
            class_names=self._dataset.class_names,
            files_N=self._dataset.files_N,
            suspects=suspects,
            diagnosis=None
            if ledger is None or summary is None
            else self._evaluator.diagnosis(ledger, self._info.n_classes),
        )


def _told_of(error: BaseException) -> tuple[Status, str]:
    """Return how a trial ended that something ended, and why."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", "interrupted by the user"
    if isinstance(error, Terminated):
        return "interrupted", "interrupted by SIGTERM"
    return "waiting" if isinstance(error, AnswersNeeded) else "failed", str(error) or type(error).__name__
