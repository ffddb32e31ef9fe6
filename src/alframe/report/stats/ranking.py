"""The order of groups in tables, and the groups that pictures show in colour."""

from alframe.report.stats.comparison import GroupComparison

MANY = 12  # of more groups, pictures and matrices show only this many, and tables are sorted


def ranked(comparison: GroupComparison) -> list[str]:
    """Return all groups by mislabelled share, lowest first; by test accuracy if that share is unknown."""

    def rank(name: str) -> tuple[float, float]:
        row = comparison.means[name]
        wrong, accuracy = row["mislabelled_share"], row["test_accuracy"]
        return (
            float("inf") if wrong is None else wrong.mean,
            float("inf") if accuracy is None else -accuracy.mean,
        )

    return sorted(comparison.means, key=rank)


def in_order(comparison: GroupComparison) -> list[str]:
    """Return all groups in the order of a table's rows: as found, or ranked if there are more than `MANY`."""
    return list(comparison.means) if len(comparison.means) <= MANY else ranked(comparison)


def drawn_groups(comparison: GroupComparison) -> list[str]:
    """Return the groups with a colour in pictures: at most `MANY`, from the front, the best, the baseline."""
    if len(comparison.means) <= MANY:
        return list(comparison.means)
    of_front = comparison.front[:: 1 + 2 * len(comparison.front) // MANY]
    best = dict.fromkeys([*of_front, *ranked(comparison)])
    if comparison.baseline is None:
        return list(best)[:MANY]
    return [*[name for name in best if name != comparison.baseline][: MANY - 1], comparison.baseline]
