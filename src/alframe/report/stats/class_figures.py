"""The mislabelled share of each class as figures of a comparison, for classes of unequal size."""

from collections.abc import Callable

from alframe.report.load.trials import FinishedTrial
from alframe.report.stats.compared_figures import Figure, Groups

MOST = 10  # classes; of more, the largest and the smallest ones are compared


def class_figures(groups: Groups) -> dict[str, Figure]:
    """Return a figure for each class, the largest class first; none if the classes are of equal size.

    Trials with other class names than the first trial, or without true labels, have no such figures.
    """
    trials = [trial for each in groups.values() for trial in each if trial.summary.classes_are_unequal]
    if not trials:
        return {}
    names = [str(each["class"]) for each in trials[0].summary.per_class or ()]
    sizes = dict.fromkeys(names, 0)
    for trial in trials:
        for each in trial.summary.per_class or ():
            if str(each["class"]) in sizes:
                sizes[str(each["class"])] += each["n_samples"]
    ranked = sorted(names, key=lambda name: -sizes[name])
    chosen = ranked if len(ranked) <= MOST else [*ranked[: MOST // 2], *ranked[-MOST // 2 :]]
    return {name: Figure(title=name, read=_share_of(name)) for name in chosen}


def _share_of(name: str) -> Callable[[FinishedTrial], float | None]:
    def read(trial: FinishedTrial) -> float | None:
        classes = {str(each["class"]): each for each in trial.summary.per_class or ()}
        return classes[name]["mislabelled_share"] if name in classes else None

    return read
