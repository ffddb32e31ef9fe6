"""A trial at work: what its loop yields goes into the state, then to the trackers; and how it ends."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import torch

from alframe.build import Means, build_plan
from alframe.data import ImageDataset
from alframe.errors import AnswersNeeded
from alframe.ledger import LabelLedger
from alframe.loop import RoundResult, label_dataset
from alframe.reporting import Clock
from alframe.resume import states_of, versions_that_matter
from alframe.rooms import Rooms
from alframe.state import TrialState, drop_states, save_state
from alframe.summary import summarise, summarise_classes
from alframe.suspects import Suspect, find_suspects
from alframe.tracking import Outcome, TrialInfo
from alframe.tracking.base import Status, Trackers


class RunningTrial:
    """A trial at work: what its loop yields goes into the state, then to the trackers."""

    def __init__(
        self,
        info: TrialInfo,
        rooms: Rooms,
        dataset: ImageDataset,
        whose: dict[str, Any],
        clock: Clock,
    ) -> None:
        self._info, self._rooms, self._dataset = info, rooms, dataset
        self._whose, self._clock = whose, clock
        self._reports = list(info.reports)
        self._result: RoundResult | None = None

    def label(
        self,
        trackers: Trackers,
        start: LabelLedger | RoundResult,
        means: Means,
        stop_wanted: Callable[[], bool],
    ) -> dict[str, Any]:
        """Go through the rounds and return the content of summary.json."""
        self._result = start if isinstance(start, RoundResult) else None
        try:
            trackers.start(self._info)
            for result in label_dataset(self._rooms, build_plan(self._info.config), start, self._clock):
                self._keep(result)
                trackers.log(result.report)
                if stop_wanted() and result.report.kind != "closing":
                    raise KeyboardInterrupt
            summary, suspects = self._come_to(means)
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
                rooms=states_of(self._rooms),
                elapsed_seconds=self._clock.total_seconds(),
                versions=versions_that_matter(),
            ),
        )

    def _come_to(self, means: Means) -> tuple[dict[str, Any], list[Suspect]]:
        assert self._result is not None
        ledger, info = self._result.ledger, self._info
        summary = summarise(info, self._reports, self._clock.total_seconds(), self._result.certificate)
        classes = self._rooms.audit.counts_by_class(ledger, info.n_classes)
        summary |= summarise_classes(classes, self._dataset.class_names)
        suspects = find_suspects(self._rooms.learner, ledger, info.config["suspects"])
        summary["engine"] = means.engine.name  # another one than chosen where that one failed
        return summary, suspects

    def _outcome(
        self,
        status: Status,
        reason: str,
        summary: dict[str, Any] | None = None,
        suspects: Sequence[Suspect] = (),
    ) -> Outcome:
        ledger = self._result.ledger if self._result is not None else None
        nothing = torch.empty(0, dtype=torch.int64)
        return Outcome(
            status=status,
            ledger=ledger,
            summary=summary,
            reason=reason,
            mislabelled=self._rooms.audit.mislabelled(ledger) if ledger is not None else (nothing, nothing),
            image=lambda index: self._dataset.images_N[index],
            class_names=self._dataset.class_names,
            files_N=self._dataset.files_N,
            suspects=suspects,
            diagnosis=None
            if ledger is None or summary is None
            else self._rooms.audit.diagnosis(ledger, self._info.n_classes),
        )


def _told_of(error: BaseException) -> tuple[Status, str]:
    """Return how a trial ended that something ended, and why."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", "interrupted by the user"
    return "waiting" if isinstance(error, AnswersNeeded) else "failed", str(error) or type(error).__name__
