"""The order of tables and pictures in a report, and the headings above them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

from alframe._text import count
from alframe.report.document import Picture, Report, Section, Table
from alframe.report.load.trials import FinishedTrial, Found, LeftOut, Status
from alframe.report.naming.names import Naming
from alframe.report.stats.comparison import GroupComparison
from alframe.report.stats.ranking import in_order
from alframe.report.tables import comparison_tables as tables
from alframe.report.tables.naming_tables import differing_table, left_out_table, trials_table
from alframe.report.tables.waiting_tables import waiting_facts, waiting_section

Pictures = Mapping[str, Sequence[Picture]]


def comparison_sections(comparison: GroupComparison, naming: Naming, pictures: Pictures) -> list[Section]:
    """Return the sections of a comparison.

    Args:
        comparison: of the groups.
        naming: of the groups.
        pictures: as returned by `comparison_pictures`, or empty.
    """

    def section(title: str, text: str, *made: Table | None, drawn: str = "") -> Section:
        known = [table for table in made if table is not None]
        return Section(title=title, text=text, parts=[*pictures.get(drawn, ()), *known])

    differing = differing_table(naming, in_order(comparison))
    sections = [
        section(
            "Results",
            "Hand labels are given by the oracle (a person or the known labels), auto-labels by the model. "
            "Mislabelled: share of all labels that are wrong. Coverage: share of the data set that is "
            "auto-labelled. Auto-label error: share of the auto-labels that are wrong. Check: what a random "
            "sample of the auto-labels proves about this error, or would prove if the labels were unknown.",
            tables.front_table(comparison),
            tables.means_table(comparison),
            drawn="results",
        ),
        section("Differing settings", "The settings of each group, also those in its name.", differing),
        section(
            "Differences",
            f"Each group is compared with {comparison.baseline}, in pairs of trials with the same seed.",
            tables.differences_table(comparison),
        ),
        section(
            "Classes",
            "The classes are of unequal size: a mean over all samples says little about the small ones.",
            tables.classes_table(comparison),
        ),
        section("Learning curves", _curves_text(comparison), drawn="curves"),
        section(
            "Pairwise comparison (penalty matrix)",
            "How often one group has a better test accuracy than another, at equal numbers of hand labels.",
            tables.penalties_table(comparison),
            drawn="penalties",
        ),
        section(
            "Certificates",
            "The upper bound on the mislabelled share that a random audit proves, and the true share.",
            tables.certificates_table(comparison),
        ),
        section("Time", "", tables.times_table(comparison), drawn="seconds"),
    ]
    return [each for each in sections if each.parts]


def _curves_text(comparison: GroupComparison) -> str:
    text = ["Quality against the number of hand labels."]
    if not comparison.curves["accuracy"]:
        text.append("Curves of test accuracy and the penalty matrix need a test set; these trials have none.")
    return " ".join(filter(None, [*text, tables.late_labels_note(comparison)]))


def closing_sections(found: Found, naming: Naming) -> list[Section]:
    """Return the last sections: trials left out of the figures, all trials, and their common settings."""
    sections = []
    if found.waiting:
        sections.append(waiting_section(found.waiting))
    if found.left_out:
        sections.append(_left_out_section(found.left_out))
    settings = Table(
        name="settings",
        title="Settings that are equal in all trials",
        head=["key", "value"],
        rows=naming.same,
    )
    if sum(len(each) for each in naming.groups.values()) > 1:
        sections.append(Section(title="Trials", parts=[trials_table(naming)]))
    where = 'under "Differing settings"' if naming.hidden else "in the names of the groups"
    text = f"Config groups, then settings. Settings that differ are {where}." if naming.keys else ""
    return [*sections, Section(title="Settings", text=text, parts=[settings])]


def prefixed(sections: Sequence[Section], title: str, prefix: str) -> list[Section]:
    """Return a trial's sections for a larger report, titled and named after it."""
    return [
        replace(
            each,
            title=f"{title}: {each.title}",
            parts=[replace(part, name=f"{prefix}_{part.name}") for part in each.parts],
        )
        for each in sections
    ]


def header_facts(trials: Sequence[FinishedTrial], naming: Naming, found: Found) -> list[tuple[str, str]]:
    """Return (name, value) pairs about all trials of a report."""
    facts = [("trials", str(len(trials)))]
    if found.waiting:
        facts += waiting_facts(found.waiting)
    if found.left_out:
        facts.append(_left_out_fact(found.left_out))
    if naming.keys:
        facts += [("groups", str(len(naming.groups))), ("named by", ", ".join(naming.keys))]
    seeds = sorted({trial.seed for trial in trials})
    facts.append(("seed" if len(seeds) == 1 else "seeds", _seeds(seeds)))
    for name, key in (("data", "data"), ("samples", "n_samples"), ("device", "device")):
        facts.append((name, _counts(Counter[str](_text(getattr(trial.summary, key)) for trial in trials))))
    versions = [str((trial.summary.versions or {}).get("alframe", "unknown")) for trial in trials]
    return [*facts, ("alframe", _counts(Counter(versions)))]


def _left_out_fact(left_out: Sequence[LeftOut]) -> tuple[str, str]:
    return "left out", _counts(Counter[str](each.status for each in left_out))


def waiting_report(found: Found) -> Report:
    """Return the report if no trial is finished and some wait for answers."""
    sections = [waiting_section(found.waiting)]
    facts = waiting_facts(found.waiting)
    if found.left_out:
        facts.append(_left_out_fact(found.left_out))
        sections.append(_left_out_section(found.left_out))
    first = found.waiting[0]
    title = f"{first.data}, seed {first.seed}: {first.directory.resolve().name}"
    if len(found.waiting) > 1:
        title = f"{len(found.waiting)} trials"
    return Report(title=f"{title}, waiting for answers", facts=facts, warnings=[], sections=sections)


def _left_out_section(left_out: Sequence[LeftOut]) -> Section:
    text = "These trials are not finished or cannot be read."
    return Section(title="Left out", text=text, parts=[left_out_table(left_out)])


def _text(value: object) -> str:
    return count(value) if isinstance(value, int) else str(value)


def _counts(counts: Counter[str]) -> str:
    """Return the distinct values, with their counts if they differ.

    >>> _counts(Counter(["cpu", "cpu"])), _counts(Counter(["cpu", "cuda", "cpu"]))
    ('cpu', 'cpu (2), cuda (1)')
    """
    if len(counts) == 1:
        (one, n), *_ = counts.items()
        return one if one not in get_args(Status) else f"{n} {one}"
    return ", ".join(f"{each} ({n})" for each, n in counts.most_common())


def _seeds(seeds: Sequence[int]) -> str:
    """Return sorted seeds in short.

    >>> _seeds([0]), _seeds([1, 2, 3, 7])
    ('0', '4 (1, 2, 3, 7)')
    >>> _seeds(range(41, 100)), _seeds([1, *range(7, 18)])
    ('59 (41 to 99)', '12 (1 to 17, with gaps)')
    """
    if len(seeds) == 1:
        return str(seeds[0])
    if len(seeds) <= 10:
        return f"{len(seeds)} ({', '.join(map(str, seeds))})"
    gaps = "" if seeds[-1] - seeds[0] == len(seeds) - 1 else ", with gaps"
    return f"{len(seeds)} ({seeds[0]} to {seeds[-1]}{gaps})"


def report_of(
    found: Found, naming: Naming, warnings: Sequence[str], sections: Sequence[Section], title: str
) -> Report:
    """Return the whole report."""
    trials = [trial for each in naming.groups.values() for trial in each]
    n = len(found.left_out)
    what = "1 trial is" if n == 1 else f"{n} trials are"
    left_out = [f'{what} left out of all figures: see "Left out".'] if n else []
    return Report(
        title=title,
        facts=header_facts(trials, naming, found),
        warnings=[*warnings, *left_out],
        sections=[*sections, *closing_sections(found, naming)],
    )
