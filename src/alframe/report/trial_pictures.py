"""One trial, taken apart."""

from alframe.report.content import Section, Table
from alframe.report.trials import Trial


def trial_sections(trial: Trial, *, pictures: bool = True) -> list[Section]:
    """Return the sections of a report on one trial."""
    columns = [key for key in trial.rounds[0] if any(row[key] for row in trial.rounds)]
    rows = [[row[key] for key in columns] for row in trial.rounds]
    return [
        Section(
            title=f"Trial {trial.directory.name}",
            parts=[Table(name="rounds", title="Round by round", head=columns, rows=rows)],
        )
    ]
