"""The check of the auto-labels in a report on one trial: what it says, in words and as a table."""

from collections.abc import Sequence

from alframe._text import count, percent
from alframe.core.check_result import CheckResult
from alframe.report.document import Table
from alframe.report.formatting import some
from alframe.report.load.trials import FinishedTrial


def check_text(check: CheckResult) -> str:
    """Return what a check says, in sentences.

    >>> print(check_text(CheckResult(n_auto=2345, asked=100, found_wrong=3, undecided=0, confidence=0.95,
    ...     error_share=0.03, least_share=0.008, most_share=0.076, most_left=175, warn=True, simulated=True)))
    With 95 % confidence at most 7.60 % of the 2,345 auto-labels were wrong. That is above check.warn: do \
not use the auto-labels as they are. Nothing was asked: the known labels judged the sample.
    """
    if check.asked == 0:
        return "Nobody has looked at the auto-labels: the budget of hand labels left no answer for the check."
    sentences = [
        f"With {percent(check.confidence, 0)} confidence at most {percent(check.most_share)} of the "
        f"{count(check.n_auto)} auto-labels were wrong."
    ]
    if check.warn:
        sentences.append("That is above check.warn: do not use the auto-labels as they are.")
    if check.simulated:
        sentences.append("Nothing was asked: the known labels judged the sample.")
    return " ".join(sentences)


def check_warnings(trials: Sequence[FinishedTrial]) -> list[str]:
    """Return which trials have auto-labels that are not to be used as they are, in a sentence, or nothing."""
    warned = [
        (trial.directory.name, check.most_share)
        for trial in trials
        if (check := trial.summary.check) is not None and check.warn and not check.simulated
    ]
    if not warned:
        return []
    most_wrong = some([f"{percent(most)} ({name})" for name, most in warned], 5)
    return [f"Do not use the auto-labels as they are. Up to this share of them may be wrong: {most_wrong}."]


def check_table(check: CheckResult) -> Table:
    """Return the sample of a check and its bounds."""
    left = "" if check.simulated else count(check.most_left)
    rows = [
        ("auto-labels before the check", count(check.n_auto)),
        ("drawn at random", count(check.asked)),
        ("found wrong" if check.simulated else "found wrong and corrected", count(check.found_wrong)),
        ("cannot tell, or removed since", count(check.undecided) if check.undecided else ""),
        ("estimated error", percent(check.error_share)),
        ("error, at least", percent(check.least_share)),
        ("error, at most", percent(check.most_share)),
        ("confidence of each of the two bounds", percent(check.confidence, 0)),
        ("wrong auto-labels left after the corrections, at most", left),
    ]
    return Table(
        name="check",
        title="Check of the auto-labels",
        head=("", "value"),
        rows=[row for row in rows if row[1]],
    )
