"""The terminal: a progress bar within a round, a line per round, a summary at the end."""

import sys
from typing import Any, TextIO

from tqdm import tqdm

from alframe._text import duration, percent_cell
from alframe.core.layout import shown, sync_line
from alframe.core.records import RoundReport
from alframe.tracking.base import Outcome, TrialInfo
from alframe.tracking.console_summary import closing_summary

_COLUMNS = "round    hand    auto    left   hand %  wrong %  test acc %    time"
_STAGES = {"train": "training", "score": "scoring"}


class ConsoleTracker:
    """Prints to `out`; the bar goes to stderr and only to a terminal."""

    def __init__(
        self, out: TextIO | None = None, bar: bool | None = None, one_of_many: str | None = None
    ) -> None:
        """Take where to print and how much.

        Args:
            out: stdout by default. bar: whether to draw one; None: when stderr is a terminal.
            one_of_many: what to call this trial where others are told beside it: then it has no table, and
                whoever runs them says how it ended.
        """
        self._one_of_many = one_of_many
        self._out = out or sys.stdout
        self._wants_bar = sys.stderr.isatty() if bar is None else bar
        self._bar: Any = None
        self._stage: tuple[int, str] | None = None
        self._round = 0
        self._round_seconds: list[float] = []
        self._info: TrialInfo | None = None
        self._in_table = self._told_idle = False

    def start(self, info: TrialInfo) -> None:
        """Print what is about to be labelled and how."""
        self._info = info
        self._round = info.reports[-1].round + 1 if info.reports else 0
        self._round_seconds = []
        self._in_table = self._told_idle = False
        if self._one_of_many is not None:
            if info.reports:
                self._say(f"{self._one_of_many}: {_going_on(info)}")
            return
        chosen = info.chosen
        self._say(
            f"alframe: labelling {info.n_samples:,} images of {info.data}, seed {info.seed}, "
            f"on {chosen['device']} ({chosen['precision']}, {chosen['engine']} engine)"
        )
        if chosen.get("engine_reason"):
            self._say(f"  {chosen['engine_reason']}")
        if info.reports:
            self._say(f"  {_going_on(info)}, which was done before")

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Move the bar; told by the learner at every step."""
        if not self._wants_bar:
            return
        if self._stage != (self._round, stage):
            self._close_bar()
            self._stage = (self._round, stage)
            self._bar = tqdm(
                desc=f"round {self._round} {_STAGES.get(stage, stage)}{self._whole_trial()}",
                total=total,
                leave=False,
                file=sys.stderr,
                dynamic_ncols=True,
                mininterval=0.2,
                bar_format="{desc} {percentage:3.0f} %|{bar}| {n_fmt}/{total_fmt}, {remaining}"
                if total
                else "{desc} {n_fmt} steps, {elapsed} so far",
            )
        self._bar.update(done - self._bar.n)

    def log(self, report: RoundReport) -> None:
        """Print the round's line."""
        self._close_bar()
        self._round = report.round + 1
        if report.kind == "round":
            self._round_seconds.append(report.seconds)
        if self._one_of_many is None:
            self._say_row(report)

    def _say_row(self, report: RoundReport) -> None:
        counts = report.counts
        if not self._in_table:  # not before there is a row: a trial that waits for answers may have none
            self._in_table = True
            self._say(_COLUMNS)
        name = {"seed": "seed", "closing": "end"}.get(report.kind, str(report.round))
        self._say(
            f"{name:>5} {counts.hand_labels:7,} {counts.auto_labels:7,} {counts.unlabelled:7,} "
            f"{percent_cell(counts.hand_share)} {percent_cell(counts.mislabelled_share)}    "
            f"{percent_cell(report.test_accuracy)} {duration(report.seconds):>8}"
        )
        if report.note:
            self._say(f"      {report.note}")
        self._say_nothing_left(report)

    def finish(self, outcome: Outcome) -> None:
        """Print the closing summary, or why there is none."""
        self._close_bar()
        if self._one_of_many is not None:
            return
        assert self._info is not None
        if outcome.summary is None:
            if outcome.ledger is not None:
                self._say(
                    f"{outcome.status}; the labels so far are in {shown(self._info.directory)}/labels.csv"
                )
                self._say("The same command goes on from the last finished round.")
                for line in sync_line(self._info.directory):
                    self._say(line)
            return
        for line in closing_summary(outcome.summary, self._info.directory):
            self._say(line)

    def _say_nothing_left(self, report: RoundReport) -> None:
        """Say once why rounds go on although none is left and nobody was asked."""
        idle = report.kind == "round" and report.counts.unlabelled == report.hand_new == 0
        if not idle or report.stopped_because or self._told_idle or self._info is None:
            return
        self._told_idle = True
        least = self._info.min_rounds
        until = f" until stopping.min_rounds={least}" if report.round < least else ""
        self._say(f"      nothing is left to ask; training on and judging auto-labels anew{until}")

    def _whole_trial(self) -> str:
        """Return how long the trial can still take, where bounds on the rounds tell."""
        if self._info is None or not self._round_seconds:
            return ""
        word, last = "at most", self._info.max_rounds
        if last is None or self._round <= self._info.min_rounds:
            word, last = "at least", self._info.min_rounds
        if self._round > last:
            return ""
        return f" ({word} {duration(self._round_seconds[-1] * (last - self._round + 1))} left)"

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = self._stage = None

    def _say(self, line: str) -> None:
        print(line, file=self._out, flush=True)


def _going_on(info: TrialInfo) -> str:
    done = info.reports[-1].round
    return f"going on after {f'round {done}' if done else 'the seed set'}"
