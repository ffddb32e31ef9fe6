"""Folders that are no classes: training and test sets side by side, levels above or below the classes."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from alframe._text import nfc
from alframe.core.errors import DataError
from alframe.data.image_tree import Tree, read_tree
from alframe.data.path_text import shown_path

TRAIN = ("train", "training")
TEST = ("test", "testing", "val", "valid", "validation", "dev", "eval")  # the first one there is taken


def divided(
    tree: Tree, test_root: Path | None, class_names: Sequence[str] | None
) -> tuple[Tree, Path | None, list[str]]:
    """Return the images to label, the folder of the test set, and a line if the folders were a split.

    Args:
        tree: the folder as given. test_root: the test set as given, or None. class_names: as given.

    Raises:
        DataError: the folders are a split, but images lie right inside, so that their classes are unknown.
    """
    split = _split(tree)
    if split is None or (
        class_names is not None and {nfc(split[0])} <= {nfc(str(name)) for name in class_names}
    ):
        return tree, test_root, []
    train, others = split
    where, inner = shown_path(tree.root), _inner(tree)
    if not inner[train]:
        raise DataError(
            f"data.path: expected class folders in {where}, got {', '.join([train, *others])} with images "
            f"right inside. If their classes are unknown, write data.path={where}/{train} "
            "data.class_names=[cat,dog]."
        )
    fitting = [name for name in others if inner[name] and inner[name] <= inner[train]]
    test = fitting[0] if fitting and test_root is None else None
    unused = [name for name in others if name != test]
    lines = [f"{train} is labelled"]
    lines += [f"{test} is the test set"] if test else []
    lines += [f"{', '.join(unused)} {'is' if len(unused) == 1 else 'are'} not used"] if unused else []
    note = (
        f"{where} holds {', '.join([train, *others])}: {', '.join(lines)}. "
        "Give data.path and data.test_path to choose."
    )
    return read_tree(tree.root / train), tree.root / test if test else test_root, [note]


def depth_notes(tree: Tree) -> list[str]:
    """Return a line if the folders below the classes recur, so that they may be the classes."""
    inner = _inner(tree)
    recurring = [
        name for name, n in Counter(each for names in inner.values() for each in names).items() if n > 1
    ]
    if len(recurring) < 2 or any(len(parts) < 3 for parts in tree.files):
        return []
    some = ", ".join(shown_path(name) for name in sorted(recurring)[:3])
    return [
        f"the first folder of a path is the class. The folders below it ({some}) occur in several classes. "
        "If they are the classes, move the images of each into one folder."
    ]


def wrapped_line(tree: Tree) -> str:
    """Return a sentence on what to write if all images are in one folder, or an empty text."""
    inner = _inner(tree)
    if len(inner) != 1:
        return ""
    (name, folders), root = next(iter(inner.items())), shown_path(tree.root)
    if len(folders) < 2:
        return " If subfolders are not classes, write data.subfolders_are_classes=false."
    n, where = len(folders), shown_path(name)
    return f" If the {n} folders in {where} are the classes, write data.path={root}/{where}."


def _split(tree: Tree) -> tuple[str, list[str]] | None:
    """Return the folders of a training set and of test sets, if the folders of a tree are such a split."""
    with_images = [name for name in tree.classes if name not in tree.empty]
    train = [name for name in with_images if name.lower() in TRAIN]
    others = sorted(
        (name for name in with_images if name.lower() in TEST), key=lambda name: TEST.index(name.lower())
    )
    if len(train) != 1 or 1 + len(others) != len(with_images):
        return None
    return train[0], others


def _inner(tree: Tree) -> dict[str, set[str]]:
    """Return, by class, the folders right below its own that hold images."""
    inner: dict[str, set[str]] = {}
    for parts, name in zip(tree.files, tree.class_N or (), strict=False):
        inner.setdefault(name, set()).update(parts[1:2] if len(parts) > 2 else ())
    return inner
