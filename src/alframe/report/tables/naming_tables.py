"""Tables of trials by their names: what differs, every trial, and those that are in no figure."""

from collections.abc import Sequence

from alframe.report.document import Table
from alframe.report.load.trials import LeftOut
from alframe.report.naming.differing import joined
from alframe.report.naming.names import Naming

TRIAL_FIGURES = {
    "hand_labels": "hand labels",
    "hand_share": "hand share",
    "auto_labels": "auto-labels",
    "coverage": "coverage",
    "mislabelled": "mislabelled",
    "mislabelled_share": "mislabelled share",
    "auto_label_error": "auto-label error",
    "test_accuracy": "test accuracy",
    "rounds": "rounds",
    "cost": "cost",
    "seconds": "seconds",
}


def differing_table(naming: Naming, names: Sequence[str]) -> Table | None:
    """Return a row for each group in `names`, a column for each factor; None where names show all of them."""
    if not naming.hidden:
        return None
    return Table(
        name="differing",
        title="What differs between groups",
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
        note="What a config group decides is not listed beside it.",
    )


def trials_table(naming: Naming, *, worded: bool = False) -> Table:
    """Return a row for each trial: group, seed, what differs, figures as in summary.json, directory.

    Args:
        naming: of the trials. worded: titles of figures in words, instead of the keys of summary.json.
    """
    rows = [
        [
            name,
            str(trial.seed),
            *(texts[trial.directory] for texts in naming.differing.values()),
            *(_figure(trial.summary.get(key)) for key in TRIAL_FIGURES),
            str(trial.directory),
        ]
        for name, trials in naming.groups.items()
        for trial in trials
    ]
    titles = TRIAL_FIGURES.values() if worded else TRIAL_FIGURES
    head = ["group", "seed", *naming.differing, *titles, "trial"]
    return Table(name="trials", title="Every trial", head=head, rows=rows)


def _figure(value: object) -> str:
    """Return a figure with six digits, nothing where it is not known.

    >>> _figure(1447), _figure(0.0023666667), _figure(None)
    ('1447', '0.00236667', '')
    """
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def left_out_table(left_out: Sequence[LeftOut]) -> Table:
    """Return the trials that are in no figure, with their reasons."""
    return Table(
        name="left_out",
        title="Not in the figures",
        head=["trial", "what became of it", "why"],
        rows=[[str(each.directory), each.status, each.reason] for each in left_out],
    )
