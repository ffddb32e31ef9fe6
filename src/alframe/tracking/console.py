"""The terminal: a progress bar within a round, a line per round, a summary at the end."""

import sys
from collections.abc import Mapping
from typing import Any, TextIO

from tqdm import tqdm

from alframe._text import duration, percent_cell
from alframe.core.file_names import LABELS, shown, sync_line
from alframe.core.ledger import Source
from alframe.core.reports import RoundReport
from alframe.tracking.base import Outcome, TrialInfo
from alframe.tracking.console_check import advice_lines
from alframe.tracking.console_summary import closing_summary
from alframe.tracking.reading_lines import VERBS, ReadingLines

_COLUMNS = "round    hand    auto    left   hand %  wrong %  test acc %    time"
_STAGES = {"train": "training", "score": "scoring", "read": "reading images", "encode": "encoding images"}


class ConsoleTracker:
    """Prints to `out`. The progress bar goes to stderr, and only if that is a terminal."""

    def __init__(
        self,
        out: TextIO | None = None,
        bar: bool | None = None,
        title: str | None = None,
        again: str | None = "command",
    ) -> None:
        """Choose the output and its extent.

        Args:
            out: None for stdout. bar: whether to draw a progress bar, None for yes if stderr is a terminal.
            title: of a trial in a sweep. It then has no table, and the sweep prints how it ended.
            again: what continues the trial, a command or a call; None if its files are not kept.
        """
        self._title, self._again = title, again
        self._out = out or sys.stdout
        self._wants_bar = sys.stderr.isatty() if bar is None else bar
        self._bar: Any = None
        self._reading = ReadingLines()
        self._stage: tuple[int, str] | None = None
        self._round = 0
        self._round_seconds: list[float] = []
        self._info: TrialInfo | None = None
        self._in_table = self._idle_shown = False

    def start(self, info: TrialInfo) -> None:
        """Print the data set, the seed and the device."""
        self._info = info
        self._round = info.reports[-1].round + 1 if info.reports else 0
        self._round_seconds = []
        self._in_table = self._idle_shown = False
        if self._title is not None:
            if info.reports:
                self._print(f"{self._title}: {_resumed(info)}")
            return
        chosen = info.chosen
        self._print(
            f"alframe: labelling {info.n_samples:,} images of {info.data}, seed {info.seed}, "
            f"on {chosen['device']} ({chosen['precision']}, {chosen['engine']} engine)"
        )
        if chosen.get("learner") or (chosen.get("encoder") or {}).get("_target_"):  # None: from the pixels
            self._print(f"  chosen by the data: {_encoder(info)}")
        if chosen.get("recipe"):
            self._print(f"  chosen by the data: {_recipe(chosen['recipe'])}")
        if chosen.get("engine_reason"):
            self._print(f"  {chosen['engine_reason']}")
        if info.reports:
            self._print(f"  {_resumed(info)}")

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Move the bar. The learner calls this at every step."""
        if not self._wants_bar:
            if stage in VERBS and total and self._title is None:
                for line in self._reading.lines(stage, done, total):
                    self._print(line)
            return
        begins_anew = stage in VERBS and self._bar is not None and done < self._bar.n  # the test set
        if self._stage != (self._round, stage) or begins_anew:
            self.close_bar()
            self._stage = (self._round, stage)
            in_round = f"round {self._round} {_STAGES.get(stage, stage)}{self._whole_trial()}"
            self._bar = tqdm(
                desc=_STAGES[stage] if stage in VERBS else in_round,
                total=total,
                leave=False,
                file=sys.stderr,
                dynamic_ncols=True,
                mininterval=0.2,
                unit=" images",
                bar_format="{desc} {percentage:3.0f} %|{bar}| {n_fmt}/{total_fmt}, "
                + ("{rate_noinv_fmt}, {remaining} left" if stage in VERBS else "{remaining}")
                if total
                else "{desc} {n_fmt} steps, {elapsed} so far",
            )
        self._bar.update(done - self._bar.n)

    def log(self, report: RoundReport) -> None:
        """Print the round's line."""
        self.close_bar()
        self._round = report.round + 1
        if report.kind == "round":
            self._round_seconds.append(report.seconds)
        if self._title is None:
            self._print_row(report)

    def _print_row(self, report: RoundReport) -> None:
        counts = report.counts
        if not self._in_table:  # only with a first row: a trial that waits for answers may have no row
            self._in_table = True
            self._print(_COLUMNS)
        name = {"seed": "seed", "closing": "end"}.get(report.kind, str(report.round))
        self._print(
            f"{name:>5} {counts.hand_labels:7,} {counts.auto_labels:7,} {counts.unlabelled:7,} "
            f"{percent_cell(counts.hand_share)} {percent_cell(counts.mislabelled_share)}    "
            f"{percent_cell(report.test_accuracy)} {duration(report.seconds):>8}"
        )
        if report.note:
            self._print(f"      {report.note}")
        self._print_idle(report)

    def finish(self, outcome: Outcome) -> None:
        """Print the closing summary, or the way to continue an unfinished trial."""
        self.close_bar()
        if self._title is not None:
            return
        assert self._info is not None
        if outcome.summary is None:
            if outcome.ledger is not None and self._again is not None:
                there = bool((outcome.ledger.source_N != Source.NONE).any())
                where = f"; the labels so far are in {shown(self._info.directory)}/{LABELS}" if there else ""
                self._print(f"{outcome.status}{where}")
                self._print(f"The same {self._again} continues from the last finished round.")
                for line in sync_line(self._info.directory):
                    self._print(line)
            return
        summary, directory = outcome.summary, self._info.directory
        for line in closing_summary(summary, None if self._again is None else directory):
            self._print(line)
        for line in advice_lines(summary, self._info.config, directory):
            self._print(line)

    def _print_idle(self, report: RoundReport) -> None:
        """Print once why rounds continue although no sample is left to ask."""
        idle = report.kind == "round" and report.counts.unlabelled == report.hand_new == 0
        if not idle or report.stopped_because or self._idle_shown or self._info is None:
            return
        self._idle_shown = True
        least = self._info.min_rounds
        until = f" until stopping.min_rounds={least}" if report.round < least else ""
        self._print(f"      no sample is left to ask; training and rejudging continue{until}")

    def _whole_trial(self) -> str:
        """Return the remaining time of the trial, if the bounds on its rounds give one."""
        if self._info is None or not self._round_seconds:
            return ""
        bound, last = "at most", self._info.max_rounds
        if last is None or self._round <= self._info.min_rounds:
            bound, last = "at least", self._info.min_rounds
        if self._round > last:
            return ""
        return f" ({bound} {duration(self._round_seconds[-1] * (last - self._round + 1))} left)"

    def close_bar(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
        self._bar = self._stage = None

    def _print(self, line: str) -> None:
        print(line, file=self._out, flush=True)


def _resumed(info: TrialInfo) -> str:
    done = info.reports[-1].round
    return f"resumed after {f'round {done}' if done else 'the seed set'}"


def _encoder(info: TrialInfo) -> str:
    """Return the learner and the encoder that were chosen."""
    if "encoder" not in info.chosen:
        return "learner=head, since there is an encoder"
    name = str(info.chosen["encoder"]["_target_"]).rpartition(".")[2]
    if "learner" not in info.chosen:
        return f"encoder={name}"
    return f"encoder={name} learner=head; encoder=none learns from the pixels"


def _recipe(choices: Mapping[str, Any]) -> str:
    """Return the learner's keys that were chosen by the data, without those that switch something off.

    >>> _recipe({"learner.steps": 150, "learner.warm_start": False, "learner.augment.shear": 0})
    'learner: steps=150 warm_start=false'
    """
    parts = {key.removeprefix("learner."): value for key, value in choices.items()}
    shown = [
        f"{key}={str(value).lower()}"
        for key, value in parts.items()
        if value or not key.startswith("augment.")
    ]
    return f"learner: {' '.join(shown)}"
