"""The section on trials that wait for answers from people."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from alframe._text import count, counted
from alframe.report.document import Section, Table
from alframe.report.load.trial_records import round_name
from alframe.report.load.waiting import WaitingTrial
from alframe.report.tables.trial_tables import rounds_table

_PURPOSES = {
    "seed": "the seed set",
    "validation": "the validation set",
    "query": "the query strategy",
    "check": "the check sample",
    "audit": "the audit",
    "remainder": "the remainder",
    "estimate": "the estimate of an audit",
    "mend": "the suspects of an audit",
    "doubtful": "labels from grids that the classifier doubts",
    "prove": "the proof of an audit",
}
CONTINUE = "The same command, run again, reads the answers and continues."


def waiting_section(waiting: Sequence[WaitingTrial]) -> Section:
    """Return where one or several trials stand that wait for answers."""
    if len(waiting) > 1:
        text = f"{count(len(waiting))} trials wait for answers from people. They are in no other table."
        return Section(title="Waiting for answers", text=f"{text} {CONTINUE}", parts=[_list(waiting)])
    (trial,) = waiting
    parts = [_facts(trial)]
    if trial.rounds:
        parts.append(rounds_table([(round_name(row), row) for row in trial.rounds]))
    return Section(title="Waiting for answers", text=_text(trial), parts=parts)


def _text(trial: WaitingTrial) -> str:
    if trial.refused:
        return f"The trial in {trial.directory} waits for answers and could not read some. {CONTINUE}"
    if trial.is_filled_in:
        return f"The trial in {trial.directory} waits for answers, and all are filled in. {CONTINUE}"
    where = "" if trial.file is None else f" Fill in the column label of {trial.file}."
    return f"The trial in {trial.directory} waits for answers from people.{where} {CONTINUE}"


def _facts(trial: WaitingTrial) -> Table:
    last = trial.rounds[-1] if trial.rounds else None
    rows = [
        ("data set", trial.data),
        ("seed", "" if trial.seed is None else str(trial.seed)),
        ("round", str(trial.round) if trial.round else "none: the first question"),
        ("asked for", _PURPOSES.get(trial.question, trial.question)),
        ("answers to this question", _progress(trial)),
        ("filled in, not read yet", count(trial.filled) if trial.filled else ""),
        ("answers so far, in all", count(trial.answers)),
        ("answers at most, in all", count(trial.at_most)),
        ("hand labels after the last round", "" if last is None else count(last.hand_labels)),
        ("auto-labels after the last round", "" if last is None else count(last.auto_labels)),
        ("unlabelled after the last round", "" if last is None else count(last.unlabelled)),
        ("file to fill in", "" if trial.file is None else str(trial.file)),
        ("to correct", trial.reason if trial.refused else ""),
        ("directory", str(trial.directory)),
    ]
    return Table(
        name="waiting",
        title="Where the trial stands",
        head=["", "value"],
        rows=[row for row in rows if row[1]],
    )


def _progress(trial: WaitingTrial) -> str:
    """Return the answers to a question, such as "12 of 40: 28 are missing"."""
    if trial.wanted is None:
        return ""
    missing = max(0, trial.wanted - (trial.answered or 0))
    verb = "is" if missing == 1 else "are"
    return f"{count(trial.answered or 0)} of {count(trial.wanted)}: {count(missing)} {verb} missing"


def _list(waiting: Sequence[WaitingTrial]) -> Table:
    return Table(
        name="waiting",
        title="Trials that wait for answers",
        head=["trial", "round", "answered", "wanted", "filled in", "so far", "at most", "file to fill in"],
        rows=[
            [
                str(each.directory),
                str(each.round),
                count(each.answered),
                count(each.wanted),
                count(each.filled),
                count(each.answers),
                count(each.at_most),
                "" if each.file is None else str(each.file.relative_to(each.directory)),
            ]
            for each in waiting
        ],
        note="Answered and wanted: of the open question. Filled in: in the file, but not read yet. So far "
        "and at most: answers in all.",
    )


def waiting_facts(waiting: Sequence[WaitingTrial]) -> list[tuple[str, str]]:
    """Return (name, value) pairs for the head of a report."""
    if len(waiting) > 1:
        return [("waiting", counted(len(waiting), "trial"))]
    trial = waiting[0]
    if trial.refused:
        return [("waiting for", "answers that can be read")]
    return [("waiting for", "nothing more" if trial.is_filled_in else _missing(trial))]


def _missing(trial: WaitingTrial) -> str:
    if trial.wanted is None:
        return "answers"
    return counted(max(0, trial.wanted - (trial.answered or 0) - (trial.filled or 0)), "answer")


def waiting_figures(waiting: Sequence[WaitingTrial]) -> list[dict[str, Any]]:
    """Return waiting trials as plain containers, without their rounds."""
    return [
        {
            name: str(value) if name in ("directory", "file") and value is not None else value
            for name, value in asdict(each).items()
            if name != "rounds"
        }
        for each in waiting
    ]
