"""The record of a session on a GPU (gpu_session.py): the files session.json, session.md and trials.tar.gz."""

import csv
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Literal, Self

JSON, MARKDOWN, TRIALS = "session.json", "session.md", "trials.tar.gz"
STATE_FILES = "state/round-*.state"  # of a trial that is not finished
# What makes a trial finished for alframe, and what alframe-report reads.
_FILES_OF_TRIAL = ("config.yaml", "summary.json", "rounds.csv", ".hydra/hydra.yaml", ".hydra/overrides.yaml")
_N_LAST = 12  # lines of a command that ended with an error

Status = Literal["not begun", "unfinished", "done", "failed"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is known of one slice.

    Attributes:
        command: after the name of the interpreter.
        seconds: of all its runs together. runs: their number.
        date: of the last run. machine: that it ran on.
        tables: Markdown.
        last_lines: of the last run, unless it is done.
    """

    status: Status = "not begun"
    command: str = ""
    seconds: float = 0.0
    runs: int = 0
    date: str = ""
    machine: str = ""
    tables: tuple[str, ...] = ()
    last_lines: tuple[str, ...] = ()

    def after(self, status: Status, seconds: float, text: str, tables: Sequence[str]) -> "Outcome":
        """Return the outcome after one more run, of which `text` is the output."""
        lines = () if status == "done" else tuple(text.strip().splitlines()[-_N_LAST:])
        return replace(
            self,
            status=status,
            seconds=round(self.seconds + seconds, 1),
            runs=self.runs + 1,
            tables=tuple(tables) or self.tables,
            last_lines=lines,
        )


@dataclass(kw_only=True)
class Record:
    """The outcomes of a session's slices by name, in files of one folder.

    Attributes:
        titles: of the sections of session.md, by the names of the slices, in the order of the page.
    """

    folder: Path
    titles: Mapping[str, str]
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, titles: Mapping[str, str]) -> Self:
        """Return the record in a folder; an empty one if there is none."""
        file = folder / JSON
        if not file.exists():
            return cls(folder=folder, titles=titles)
        kept: Mapping[str, dict[str, object]] = json.loads(file.read_text())
        lists = ("tables", "last_lines")
        return cls(
            folder=folder,
            titles=titles,
            outcomes={
                name: Outcome(**{k: tuple(v) if k in lists else v for k, v in each.items()})  # type: ignore[arg-type]
                for name, each in kept.items()
            },
        )

    def of(self, name: str, command: str) -> Outcome:
        """Return what is known of a slice; nothing if it had another command then."""
        found = self.outcomes.get(name)
        return found if found is not None and found.command == command else Outcome(command=command)

    def write(self) -> None:
        """Write session.json and session.md."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {name: asdict(outcome) for name, outcome in self.outcomes.items()}
        _replace(self.folder / JSON, json.dumps(content, indent=1) + "\n")
        _replace(self.folder / MARKDOWN, to_markdown(self.outcomes, self.titles))


def to_markdown(outcomes: Mapping[str, Outcome], titles: Mapping[str, str]) -> str:
    """Return a page with a table of all slices, and the tables of each under its title."""
    known = {name: outcomes[name] for name in titles if name in outcomes}
    rows = [
        f"| {name} | {each.status} | {each.seconds:,.0f} | {each.date} | {each.machine} | `{each.command}` |"
        for name, each in known.items()
    ]
    parts = ["| Slice | Status | Seconds | Date | Machine | Command |\n|---|---|---|---|---|---|"]
    parts[0] = "\n".join([parts[0], *rows])
    last = {
        titles[name]: name for name in known if known[name].tables
    }  # the table of the last has all trials
    for title, name in last.items():
        parts += [f"### {title}", *known[name].tables]
    for name, each in known.items():
        if each.status == "failed":
            parts += [f"### {name}: failed", "```\n" + "\n".join(each.last_lines) + "\n```"]
    return "\n\n".join(parts) + "\n"


def tables_in(text: str) -> list[str]:
    """Return the Markdown tables in the output of a command.

    >>> tables_in("so:\\n| a |\\n|---|\\n| 1 |\\nend")
    ['| a |\\n|---|\\n| 1 |']
    """
    found = re.findall(r"(?:^\|.*\|[ ]*$\n?)+", text, flags=re.MULTILINE)
    return [table.strip() for table in found if re.search(r"^\|[ :|-]*-[ :|-]*\|", table, flags=re.MULTILINE)]


def rounds_table(folder: Path) -> list[str]:
    """Return a table of the seconds of first and later rounds of the trials below a folder, if there are any.

    The first round of the first trial in a process records the steps. The later ones only replay them.
    """
    tables = [csv.DictReader(file.read_text().splitlines()) for file in folder.rglob("rounds.csv")]
    trials = [[float(row["seconds"]) for row in table if row["kind"] == "round"] for table in tables]
    firsts = sorted(seconds[0] for seconds in trials if seconds)
    if not firsts:
        return []
    later = [second for seconds in trials for second in seconds[1:]]
    cells = [len(firsts), *(f"{each:.2f}" for each in (firsts[0], median(firsts), firsts[-1]))]
    cells.append(f"{median(later):.2f}" if later else "")
    lines = [
        "| trials | first round, s: least | median | largest | later rounds, s: median |",
        "|---|---|---|---|---|",
        "| " + " | ".join(str(each) for each in cells) + " |",
    ]
    return ["\n".join(lines)]


def pack_trials(work: Path, file: Path) -> None:
    """Write the small files of all finished trials below a folder into an archive."""
    part = file.with_suffix(".part")
    with tarfile.open(part, "w:gz") as archive:
        for summary in sorted(work.rglob("summary.json")):
            trial = summary.parent
            if not any(trial.glob(STATE_FILES)):
                for name in _FILES_OF_TRIAL:
                    if (trial / name).exists():
                        archive.add(trial / name, str((trial / name).relative_to(work)))
    part.replace(file)


def unpack_trials(file: Path, work: Path) -> None:
    """Put the trials of an archive back, so that they are not run again; those that are there stay."""
    if not file.exists():
        return
    with tarfile.open(file) as archive:
        for member in archive.getmembers():
            if not (work / member.name).exists():
                archive.extract(member, work, filter="data")


def _replace(file: Path, text: str) -> None:
    part = file.with_suffix(".part")
    part.write_text(text)
    part.replace(file)
