"""The classes of a trial of people when it goes on: their numbers stay, and new ones get the next numbers."""

import warnings
from collections import Counter
from collections.abc import Sequence

from alframe._text import nfc
from alframe.core.errors import TrialNotice
from alframe.data import ImageDataset
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.class_names import check_class_names, class_of_name


def matched_classes(store: AnswerStore, dataset: ImageDataset, *, ended: bool) -> list[str]:
    """Return the classes of the trial in the order of their numbers, after new ones are written down."""
    known = store.classes()
    same = same_classes(dataset.class_names, known)
    new = [name for name in dataset.class_names if name not in same]
    # The spelling of the data set counts: it may have changed, for example from one Unicode form to another.
    spelled = {number: name for name, number in same.items()}
    names = [*(spelled.get(number, name) for number, name in enumerate(known)), *new]
    notes = check_class_names(names)
    if notes and new:
        warnings.warn("; ".join(notes) + ".", TrialNotice, stacklevel=3)
    store.add_classes(new)
    if known and new:
        gone = [name for number, name in enumerate(known) if number not in spelled]
        text = f" The data no longer name {', '.join(gone)}: such answers stay as they are." if gone else ""
        learned = (
            "the rounds have ended, so that no classifier learns them"
            if ended
            else "the classifier learns the new classes from the next round on"
        )
        warnings.warn(
            f"new classes: {', '.join(new)}. The labels so far stay; {learned}.{text}",
            TrialNotice,
            stacklevel=3,
        )
    return names


def same_classes(names: Sequence[str], known: Sequence[str]) -> dict[str, int]:
    """Return the number of each name that is among known classes, maybe in another spelling.

    >>> same_classes(["DOG", "01", "emu"], ["cat", "dog", "1"])
    {'DOG': 1, '01': 2}
    """
    exact = {nfc(name): number for number, name in enumerate(known)}
    found = {name: exact[nfc(name)] for name in names if nfc(name) in exact}
    left = [number for number in range(len(known)) if number not in found.values()]
    spelled = {
        name: class_of_name(name, [known[number] for number in left]) for name in names if name not in found
    }
    once = Counter(spelled.values())
    return found | {name: left[k] for name, k in spelled.items() if k is not None and once[k] == 1}
