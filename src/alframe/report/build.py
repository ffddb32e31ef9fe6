"""A report put together from its parts: which tables and pictures, in which order, under which headings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

from alframe.report.document import Picture, Report, Section, Table
from alframe.report.load.trials import Found, LeftOut, Status, Trial
from alframe.report.naming.names import Naming
from alframe.report.numbers import count
from alframe.report.stats.comparison import GroupComparison
from alframe.report.tables import comparison_tables as tables
from alframe.report.tables.naming_tables import differing_table, left_out_table, trials_table

Pictures = Mapping[str, Sequence[Picture]]


def comparison_sections(comparison: GroupComparison, naming: Naming, pictures: Pictures) -> list[Section]:
    """Return the sections of a comparison.

    Args:
        naming: of its groups. pictures: as `comparison_pictures` returns them, or empty.
    """

    def section(title: str, text: str, made: Sequence[Table | None], drawn: str) -> Section:
        return Section(title=title, text=text, parts=[*pictures.get(drawn, ()), *tables.present(made)])

    differing = differing_table(naming, tables.in_order(comparison))
    sections = [
        section(
            "Results",
            "What the trials came to: how many labels hands gave, and how many of all labels are wrong.",
            [tables.front_table(comparison), tables.means_table(comparison)],
            "results",
        ),
        section("What differs", "The settings of each group, those in its name too.", [differing], ""),
        section(
            "Differences",
            f"Each group against {comparison.baseline}, in pairs of trials with the same seed.",
            [tables.differences_table(comparison)],
            "",
        ),
        section("Learning curves", _curves_text(comparison), [], "curves"),
        section(
            "Who beats whom",
            "Along the learning curves of test accuracy, at the same numbers of hand labels.",
            [tables.penalties_table(comparison)],
            "penalties",
        ),
        section(
            "Certificates",
            "What was proven at the end by an audit at random, and what the truth says about it.",
            [tables.certificates_table(comparison)],
            "",
        ),
        section("Time", "What a trial took.", [tables.times_table(comparison)], "seconds"),
    ]
    return [each for each in sections if each.parts]


def _curves_text(comparison: GroupComparison) -> str:
    text = "What each hand label bought along the way."
    if comparison.curves["accuracy"]:
        return text
    return f"{text} Curves of test accuracy and the penalty matrix need a test set, which these trials lack."


def closing_sections(found: Found, naming: Naming) -> list[Section]:
    """Return what a reader may want to look up: the trials that are in no figure, the settings of all."""
    sections = []
    if found.left_out:
        text = "Trials that are not finished or cannot be read, and what became of them."
        sections.append(
            Section(title="Not in the figures", text=text, parts=[left_out_table(found.left_out)])
        )
    settings = Table(
        name="settings", title="The same in all trials", head=["key", "value"], rows=list(naming.same)
    )
    if sum(len(each) for each in naming.groups.values()) > 1:
        text = "The figures of summary.json, shares as fractions."
        sections.append(Section(title="Trials", text=text, parts=[trials_table(naming, worded=True)]))
    where = 'under "What differs"' if naming.hidden else "in the groups' names"
    text = f"Config groups, then settings. What differs is {where}." if naming.keys else ""
    return [*sections, Section(title="Settings", text=text, parts=[settings])]


def trial_sections_of(sections: Sequence[Section], title: str, prefix: str) -> list[Section]:
    """Return a trial's sections as parts of a larger report: its title in theirs, names of their own."""
    return [
        replace(
            each,
            title=f"{title}: {each.title}",
            parts=[replace(part, name=f"{prefix}_{part.name}") for part in each.parts],
        )
        for each in sections
    ]


def facts(trials: Sequence[Trial], naming: Naming, left_out: Sequence[LeftOut]) -> list[tuple[str, str]]:
    """Return (name, value) pairs about all trials of a report."""
    told = [("trials", str(len(trials)))]
    if left_out:
        counts = Counter[str](each.status for each in left_out)
        told.append(("not in the figures", _counts(counts)))
    if naming.keys:
        told += [("groups", str(len(naming.groups))), ("named by", ", ".join(naming.keys))]
    seeds = sorted({trial.seed for trial in trials})
    told.append(("seeds", _numbers(seeds)))
    for name, key in (("data", "data"), ("samples", "n_samples"), ("device", "device")):
        told.append((name, _counts(Counter[str](_said(trial.summary.get(key)) for trial in trials))))
    versions = Counter[str](_version(trial) for trial in trials)
    return [*told, ("alframe", _counts(versions))]


def _said(value: object) -> str:
    return count(value) if isinstance(value, int) else str(value)


def _version(trial: Trial) -> str:
    versions = trial.summary.get("versions")
    return str(versions.get("alframe")) if isinstance(versions, dict) else "unknown"


def _counts(counts: Counter[str]) -> str:
    """Return what was counted, with counts where there are several things.

    >>> _counts(Counter(["cpu", "cpu"])), _counts(Counter(["cpu", "cuda", "cpu"]))
    ('cpu', 'cpu (2), cuda (1)')
    """
    if len(counts) == 1:
        (one, n), *_ = counts.items()
        return one if one not in get_args(Status) else f"{n} {one}"
    return ", ".join(f"{each} ({n})" for each, n in counts.most_common())


def _numbers(numbers: Sequence[int]) -> str:
    """Return sorted numbers in short.

    >>> _numbers([1, 2, 3, 7]), _numbers([4])
    ('1, 2, 3, 7', '4')
    >>> _numbers(range(41, 100))
    '41 to 99 (59)'
    """
    if len(numbers) <= 10:
        return ", ".join(map(str, numbers))
    return f"{numbers[0]} to {numbers[-1]} ({len(numbers)})"


def report_of(
    found: Found, naming: Naming, warnings: Sequence[str], sections: Sequence[Section], title: str
) -> Report:
    """Return the whole report."""
    trials = [trial for each in naming.groups.values() for trial in each]
    told = list(warnings)
    if found.left_out:
        n = len(found.left_out)
        what = "1 trial is" if n == 1 else f"{n} trials are"
        told.append(f'{what} in none of the figures: see "Not in the figures".')
    return Report(
        title=title,
        facts=facts(trials, naming, found.left_out),
        warnings=told,
        sections=[*sections, *closing_sections(found, naming)],
    )
