"""The terminal: a progress bar within a round, a line per round, a summary a person can read."""

import sys
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from alframe.directory import shown, sync_line
from alframe.records import RoundReport
from alframe.tracking.base import Outcome, TrialInfo

_COLUMNS = "round    hand    auto    left   hand %  wrong %  test acc %    time"
# The mean over classes is told where the largest class has so many times the samples of the smallest, or
# where it is off the share over all samples by more than this part of it.
UNEQUAL = 2.0
NOTABLE = 0.25
_FOLDERS = ("wandb", "tensorboard")
_STAGES = {"train": "training", "score": "scoring"}


class ConsoleTracker:
    """Prints to `out`; the bar goes to stderr and only to a terminal."""

    def __init__(self, out: TextIO | None = None, bar: bool | None = None) -> None:
        """Take where to print (stdout) and whether to draw a bar (None: when stderr is a terminal)."""
        self._out = out or sys.stdout
        self._wants_bar = sys.stderr.isatty() if bar is None else bar
        self._bar: Any = None
        self._stage: tuple[int, str] | None = None
        self._round = 0
        self._round_seconds: list[float] = []
        self._info: TrialInfo | None = None

    def start(self, info: TrialInfo) -> None:
        """Print what is about to be labelled and how."""
        self._info = info
        self._round, self._round_seconds = 0, []
        chosen = info.config["chosen"]
        self._say(
            f"alframe: labelling {info.n_samples:,} images of {info.data}, seed {info.config['seed']}, "
            f"on {chosen['device']} ({chosen['precision']}, {chosen['engine']} engine)"
        )
        if chosen.get("engine_reason"):
            self._say(f"  {chosen['engine_reason']}")
        if info.reports:
            done = info.reports[-1].round
            self._round = done + 1
            self._say(
                f"  going on after {f'round {done}' if done else 'the seed set'}, which was done before"
            )
        self._say(_COLUMNS)

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
        counts = report.counts
        name = {"seed": "seed", "closing": "end"}.get(report.kind, str(report.round))
        self._say(
            f"{name:>5} {counts.hand_labels:7,} {counts.auto_labels:7,} {counts.unlabelled:7,} "
            f"{_percent(counts.hand_share)} {_percent(counts.mislabelled_share)}    "
            f"{_percent(report.test_accuracy)} {_duration(report.seconds):>8}"
        )
        if report.note:
            self._say(f"      {report.note}")

    def finish(self, outcome: Outcome) -> None:
        """Print the closing summary, or why there is none."""
        self._close_bar()
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

    def _whole_trial(self) -> str:
        """Return how long the trial can still take, where bounds on the rounds tell."""
        if self._info is None or not self._round_seconds:
            return ""
        word, last = "at most", self._info.max_rounds
        if last is None or self._round <= self._info.min_rounds:
            word, last = "at least", self._info.min_rounds
        if self._round > last:
            return ""
        return f" ({word} {_duration(self._round_seconds[-1] * (last - self._round + 1))} left)"

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = self._stage = None

    def _say(self, line: str) -> None:
        print(line, file=self._out, flush=True)


def closing_summary(summary: dict[str, Any], directory: Path) -> list[str]:
    """Return the lines a person reads at the end of a trial."""
    n = summary["n_samples"]
    left = n - summary["hand_labels"] - summary["auto_labels"]
    lines = [
        "",
        f"Labelled {n - left:,} of {n:,} images of {summary['data']} in {_rounds(summary['rounds'])} and "
        f"{_duration(summary['seconds'])}; stopped because {summary['stopped_because']}.",
        f"  hand labels   {summary['hand_labels']:>8,}  {_percent(summary['hand_share'])} %",
        f"  auto-labels   {summary['auto_labels']:>8,}  {_percent(summary['coverage'])} %",
    ]
    if left:
        lines.append(f"  left          {left:>8,}  {_percent(left / n)} %")
    if summary["mislabelled"] is not None:
        error = summary["auto_label_error"]
        among = "" if error is None else f"  ({100 * error:.2f} % of the auto-labels)"
        lines.append(
            f"  mislabelled   {summary['mislabelled']:>8,}  {_percent(summary['mislabelled_share'])} %{among}"
        )
    lines += _macro_line(summary)
    if summary["test_accuracy"] is not None:
        lines.append(f"  test accuracy {_percent(summary['test_accuracy']):>16} %")
    if summary["cost"]:
        lines.append(f"  cost          {summary['cost']:>11,.2f}")
    lines += _certificate(summary["certificate"])
    present = [
        name
        for name in ("labels.csv", "rounds.csv", "summary.json", "config.yaml", "suspects.csv", *_FOLDERS)
        if (directory / name).exists()
    ]
    lines.append(f"Files in {shown(directory)}: {' '.join(present)}")
    return lines + sync_line(directory)


def _certificate(certificate: dict[str, Any] | None) -> list[str]:
    """Return what was proven, in the words of a person who will rely on it."""
    if certificate is None:
        return []
    verdict = "reached" if certificate["reached"] else "not reached"
    return [
        f"  certificate   with {100 * certificate['confidence']:g} % confidence at most "
        f"{certificate['max_wrong']:,} labels ({100 * certificate['max_wrong_share']:.2f} %) are wrong; "
        f"{100 * certificate['tolerance']:g} % was to be proven: {verdict}",
        f"                {certificate['asked']:,} answers, {certificate['audited']:,} of them at random; "
        f"{certificate['found_wrong']:,} found wrong and corrected",
        *_oracle_error(certificate),
    ]


def _oracle_error(certificate: dict[str, Any]) -> list[str]:
    """Return what the certificate takes the oracle to be."""
    rate, most = certificate["oracle_error"], certificate["max_wrong_with_oracle_error"]
    if rate is None:
        return ["                takes every answer as right (certificate.oracle_error if some are not)"]
    return [f"                at most {most:,} where {100 * rate:g} % of the oracle's answers are wrong"]


def _macro_line(summary: dict[str, Any]) -> list[str]:
    """Return the line about classes, where they differ in size or the mean over them tells another story."""
    classes = [item for item in summary["per_class"] or [] if item["n_samples"]]
    if not classes:
        return []
    sizes = [item["n_samples"] for item in classes]
    macro, overall = summary["mislabelled_share_macro"], summary["mislabelled_share"]
    if max(sizes) < UNEQUAL * min(sizes) and abs(macro - overall) <= NOTABLE * overall:
        return []
    worst = max(classes, key=lambda item: item["mislabelled_share"])
    share = 100 * worst["mislabelled_share"]
    return [f"  macro average {_percent(macro):>16} %  (worst: class {worst['class']}, {share:.2f} %)"]


def _rounds(n: int) -> str:
    return f"{n} round{'s' * (n != 1)}"


def _percent(share: float | None) -> str:
    return "       -" if share is None else f"{100 * share:8.2f}"


def _duration(seconds: float) -> str:
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
