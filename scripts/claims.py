"""Claims in the headers of experiment files: read them, choose trials to re-run, compare the results."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alframe.core.errors import UserError

FIELDS = ("command", "result", "time", "hardware")
NOT_RUN = "not run yet"
HEAD = ("experiment", "figure", "claimed for one trial", "here", "verdict", "seconds claimed", "seconds here")
ROUNDING = 1e-9  # error of a division; one sample of 10^8 is a larger difference
_LINE = re.compile(rf"# ({'|'.join(FIELDS)}|claim)\s+(\S.*)")
_MORE = re.compile(r"#\s{8,}(\S.*)")
_CLAIM = re.compile(r"(?P<key>[\w.]+) (?P<low>true|[\d.]+)(?: to (?P<high>[\d.]+))? \((?P<basis>.+)\)")
_TIME = re.compile(r"(?:[\d.]+ to )?([\d.]+) (s|min|h)\b")
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Bounds on a figure of one trial's summary.json.

    Attributes:
        key: such as "hand_share" or "certificate.reached".
        low, high: the bounds, both included; true is 1.
        basis: how the bounds were found.
    """

    key: str
    low: float
    high: float
    basis: str


@dataclass(frozen=True, kw_only=True)
class Header:
    """The header of an experiment file.

    Attributes:
        name: of the experiment.
        command: its words; the first is "alframe".
        result, time, hardware: as written in the file; "not run yet" if it has not been run.
        claims: about one trial; empty if the file claims nothing.
    """

    name: str
    command: tuple[str, ...]
    result: str
    time: str
    hardware: str
    claims: tuple[Claim, ...]

    @property
    def seconds(self) -> float | None:
        """The longest stated time, in seconds; None if it has not been run."""
        found = _TIME.match(self.time)
        return float(found[1]) * _UNITS[found[2]] if found else None

    @property
    def needs_gpu(self) -> bool:
        """True if the experiment needs a GPU."""
        return self.hardware.startswith("GPU")

    @property
    def is_trial(self) -> bool:
        """True if the experiment is one trial, not a sweep."""
        return "-m" not in self.command


@dataclass(frozen=True, kw_only=True)
class Row:
    """A claim and the result.

    Attributes:
        name: of the experiment.
        claim: None if the experiment claims nothing.
        value: the result; None if the trial failed or lacks it.
        inside: True if the result is within the claim.
    """

    name: str
    claim: Claim | None
    value: float | None
    inside: bool


def read_headers(folder: Path) -> list[Header]:
    """Return the headers of the experiment files in a folder, sorted by name."""
    return [parse_header(file.stem, file.read_text()) for file in sorted(folder.glob("*.yaml"))]


def parse_header(name: str, text: str) -> Header:
    """Return the parsed header of an experiment file.

    A line is "# field   text". The fields are command, result, time, hardware and any number of claims;
    lines that are indented further continue the text. A claim is "key low to high (basis)" or "key value
    (basis)".

    Raises:
        UserError: a field is missing, or a claim or a time cannot be read.
    """
    fields = _fields(text)
    missing = [field for field in FIELDS if len(fields.get(field, [])) != 1]
    if missing:
        raise UserError(f"{name}.yaml: expected one line `# {missing[0]}   ...` in its header.")
    header = Header(
        name=name,
        command=tuple(shlex.split(re.split(r"\s{2,}", fields["command"][0])[0])),
        result=fields["result"][0],
        time=fields["time"][0],
        hardware=fields["hardware"][0],
        claims=tuple(_claim(name, line) for line in fields.get("claim", [])),
    )
    if header.seconds is None and not header.time.startswith(NOT_RUN):
        raise UserError(
            f"{name}.yaml: expected a time such as 61 s, 4 to 5 min or {NOT_RUN}, got {header.time}."
        )
    if not header.hardware.startswith(("CPU", "GPU")):
        raise UserError(f"{name}.yaml: expected hardware that begins with CPU or GPU, got {header.hardware}.")
    return header


def choose_trials(headers: Sequence[Header], *, minutes: float | None, gpu: bool) -> list[Header]:
    """Return the trials to re-run, shortest first.

    Args:
        headers: of all experiments. Sweeps are left out, and trials without a stated time.
        minutes: upper limit on the sum of the stated times; None takes all trials.
        gpu: True if this machine has a GPU.
    """
    able = [each for each in headers if each.is_trial and (gpu or not each.needs_gpu)]
    known = sorted((each.seconds, each.name, each) for each in able if each.seconds is not None)
    chosen, total = [], 0.0
    for seconds, _, header in known:
        total += seconds
        if minutes is None or total <= 60 * minutes:
            chosen.append(header)
    return chosen


def check_claims(header: Header, summary: Mapping[str, Any] | None) -> list[Row]:
    """Return a row for each claim, with the value from a trial's summary (None: the trial failed)."""
    if summary is None or not header.claims:
        return [Row(name=header.name, claim=None, value=None, inside=summary is not None)]
    return [_row(header.name, claim, _value_of(summary, claim.key)) for claim in header.claims]


def claims_table(rows: Sequence[Row], times: Mapping[str, tuple[str, float | None]]) -> str:
    """Return the rows as a Markdown table; `times` maps an experiment to its (claimed, measured) time."""
    lines = [HEAD, tuple("---" for _ in HEAD), *(_cells(row, *times[row.name]) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _fields(text: str) -> dict[str, list[str]]:
    """Return the texts of each field. Further lines of a command are other commands, which are left out."""
    fields: dict[str, list[str]] = {}
    last = ""
    for line in text.splitlines():
        if found := _LINE.fullmatch(line):
            last = found[1]
            fields.setdefault(last, []).append(found[2])
        elif last and (more := _MORE.fullmatch(line)):
            if last != "command":
                fields[last][-1] += f" {more[1]}"
        else:
            last = ""
    return fields


def _claim(name: str, line: str) -> Claim:
    found = _CLAIM.fullmatch(line)
    if found is None:
        raise UserError(
            f"{name}.yaml: expected a claim such as `hand_share 0.01 to 0.02 (seeds 1 to 5)`, got {line}."
        )
    low = 1.0 if found["low"] == "true" else float(found["low"])
    high = low if found["high"] is None else float(found["high"])
    return Claim(key=found["key"], low=low, high=high, basis=found["basis"])


def _value_of(summary: Mapping[str, Any], key: str) -> float | None:
    value: Any = summary
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return None if value is None else float(value)


def _row(name: str, claim: Claim, value: float | None) -> Row:
    inside = value is not None and claim.low - ROUNDING <= value <= claim.high + ROUNDING
    return Row(name=name, claim=claim, value=value, inside=inside)


def _cells(row: Row, claimed: str, seconds: float | None) -> tuple[str, ...]:
    here = "" if seconds is None else f"{seconds:.0f}"
    if row.claim is None:
        verdict = "nothing claimed" if row.inside else "FAILED"
        return (row.name, "", "", "", verdict, claimed, here)
    low, high = as_text(row.claim.key, row.claim.low), as_text(row.claim.key, row.claim.high)
    bounds = low if low == high else f"{low} to {high}"
    verdict = "inside" if row.inside else "OUTSIDE"
    return (row.name, row.claim.key, bounds, as_text(row.claim.key, row.value), verdict, claimed, here)


def as_text(key: str, value: float | None) -> str:
    """Return a value as text: shares in percent, reached as yes or no."""
    if value is None:
        return "none"
    if key.endswith("reached"):
        return "yes" if value else "no"
    if key.endswith(("_share", "_error", "coverage", "accuracy")):
        return f"{100 * value:.3f} %"
    return f"{value:,.10g}"
