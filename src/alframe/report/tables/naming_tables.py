"""Tables of trials by group: the differing settings, all trials, and the trials left out of the figures."""

from collections.abc import Sequence

from alframe.report.document import Table
from alframe.report.load.trials import LeftOut
from alframe.report.naming.differing import joined
from alframe.report.naming.names import Naming

# Keys of summary.json, with the titles of their columns; a title with % is of a share.
TRIAL_FIGURES = {
    "hand_labels": "hand labels",
    "hand_share": "hand labels, %",
    "auto_labels": "auto-labels",
    "coverage": "coverage, %",
    "mislabelled": "mislabelled",
    "mislabelled_share": "mislabelled, %",
    "auto_label_error": "auto-label error, %",
    "test_accuracy": "test accuracy, %",
    "rounds": "rounds",
    "cost": "cost",
    "seconds": "seconds",
}


def differing_table(naming: Naming, names: Sequence[str]) -> Table | None:
    """Return a row for each group in `names`, a column for each factor; None if the names show all."""
    if not naming.hidden:
        return None
    return Table(
        name="differing",
        title="Settings that differ between groups",
        head=["group", *naming.differing],
        rows=[
            [
                name,
                *(
                    joined([texts[trial.directory] for trial in naming.groups[name]])
                    for texts in naming.differing.values()
                ),
            ]
            for name in names
        ],
        note="Settings that follow from a config group in this table have no column.",
    )


def trials_table(naming: Naming, *, raw: bool = False) -> Table:
    """Return a row for each trial: group, seed, differing settings, results, directory.

    Args:
        naming: of the trials.
        raw: keep keys and shares of summary.json; otherwise titles in words and shares in percent.
    """
    rows = [
        [
            name,
            str(trial.seed),
            *(texts[trial.directory] for texts in naming.differing.values()),
            *(
                _cell(getattr(trial.summary, key), 100 if title.endswith("%") and not raw else 1)
                for key, title in TRIAL_FIGURES.items()
            ),
            str(trial.directory),
        ]
        for name, trials in naming.groups.items()
        for trial in trials
    ]
    titles = TRIAL_FIGURES if raw else TRIAL_FIGURES.values()
    head = ["group", "seed", *naming.differing, *titles, "trial"]
    return Table(name="trials", title="All trials", head=head, rows=rows)


def _cell(value: object, scale: int = 1) -> str:
    """Return a figure with six digits, or an empty text if it is unknown.

    >>> _cell(1447), _cell(0.0023666667), _cell(0.0023666667, 100), _cell(None)
    ('1447', '0.00236667', '0.236667', '')
    """
    if value is None:
        return ""
    return f"{scale * value:.6g}" if isinstance(value, float) else str(value)


def left_out_table(left_out: Sequence[LeftOut]) -> Table:
    """Return the trials that are left out of all figures, with their reasons."""
    return Table(
        name="left_out",
        title="Trials left out of the figures",
        head=["trial", "status", "reason"],
        rows=[[str(each.directory), each.status, each.reason] for each in left_out],
    )
