"""What must be known before the first image is labelled: the folder, its classes, the proof that is wanted.

`look` says what is in a folder. `overrides` turns what people answered into the settings of a trial. Both are
kept in the trial's directory (`label.yaml`), so that the same folder goes on where it was left.
"""

import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from alframe._files import replace_file
from alframe.audit.certificate import CertificateSpec
from alframe.audit.feasibility import least_answers
from alframe.config.verbatim import escaped
from alframe.core.errors import DataError, DataWarning, UserError
from alframe.data import ImageDataset
from alframe.data.folder import folder as images_of_folder
from alframe.data.image_tree import Tree, read_tree
from alframe.data.path_text import spread
from alframe.data.survey import survey
from alframe.oracle.class_names import check_class_names

SETUP = "label.yaml"
N_SAMPLES = 12  # images that the set-up page shows
TOLERANCES = (0.05, 0.02, 0.01)  # that the set-up page offers
# Stand for the classes while nobody has named them; only pictures are drawn from such a data set.
_UNNAMED = ("first", "second")


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What is in a folder.

    Attributes:
        folder: its absolute path.
        dataset: its images, for pictures; its class names mean nothing without subfolders by class.
        classes: the names of the subfolders, if they can be classes; empty otherwise.
        left_out: how many entries are left out, by the reason.
    """

    folder: Path
    dataset: ImageDataset
    classes: Sequence[str]
    left_out: Mapping[str, int]

    def as_json(self, confidence: float) -> dict[str, Any]:
        """Return what the set-up page shows; `confidence` is that of the proofs, in (0, 1)."""
        n_images = len(self.dataset)
        return {
            "folder": str(self.folder).encode("utf-8", "replace").decode(),
            "n_images": n_images,
            "left_out": [{"reason": reason, "count": n} for reason, n in self.left_out.items()],
            "classes": list(self.classes),
            "proofs": [
                {"tolerance": each, "answers": proof_answers(n_images, each, confidence)}
                for each in TOLERANCES
            ],
            "samples": spread(list(range(n_images)), N_SAMPLES),
        }


@dataclass(frozen=True, kw_only=True)
class SetUp:
    """What was answered on the set-up page.

    Attributes:
        folder: the absolute path of the images. who: the name of the person, may be empty.
        settings: the overrides of the trial.
    """

    folder: str
    who: str
    settings: Sequence[str]


def look(folder: Path) -> Found:
    """Return what is in a folder.

    Subfolders that cannot be classes, such as a single one, are taken as mere places of images.

    Raises:
        DataError: there are no images, or too few of them can be read.
    """
    root = folder.expanduser().absolute()
    if not root.is_dir():
        raise DataError(f"{folder}: expected a folder of images, got {_instead(root)}. Give another one.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # the page tells what is left out in its own form
        try:
            tree, dataset = _images(root, str(folder), by_class=True)
        except DataError:
            tree, dataset = _images(root, str(folder), by_class=False)
    unreadable = Counter(survey(tree.paths, str(folder)).reasons.values())
    return Found(
        folder=root,
        dataset=dataset,
        classes=() if tree.class_N is None else dataset.class_names,
        left_out={**tree.left_out, **dict(unreadable.most_common())},
    )


def _images(root: Path, key: str, *, by_class: bool) -> tuple[Tree, ImageDataset]:
    tree = read_tree(root, key, by_class=by_class)
    try:
        dataset = images_of_folder(
            name=root.name,
            path=str(root),
            data_dir=".",
            download=False,
            size=None,
            channels=None,
            max_megapixels=None,
            subfolders_are_classes=tree.class_N is not None,
            class_names=None if tree.class_N is not None else _UNNAMED,
            test_path=None,
        )
    except DataError as error:
        raise DataError(str(error).replace("data.path", key, 1)) from error
    return tree, dataset


def overrides(
    folder: Path, classes: Sequence[str], tolerance: float | None, *, subfolders: Sequence[str]
) -> list[str]:
    """Return the settings of the trial that labels a folder.

    Args:
        folder: of the images. classes: their names, in the order of the numbers.
        tolerance: the largest share of wrong labels that is to be proven, in (0, 1); None proves nothing.
        subfolders: names of the subfolders. If one is not among the classes, they are not by class.

    Raises:
        UserError: fewer than two classes, or names that look alike; no tolerance in (0, 1).

    >>> overrides(Path("/my images"), ["cat", "dog's"], 0.02, subfolders=())[:3]
    ['data=folder', "data.path='/my images'", "data.class_names=['cat','dog\\\\'s']"]
    """
    names = [" ".join(name.split()) for name in classes]
    if len(names) < 2:
        raise UserError(f"classes: expected at least two names, got {len(names)}. Name one more.")
    check_class_names(names)
    if tolerance is not None and not 0 < tolerance < 1:
        raise UserError(
            f"tolerance: expected a share between 0 and 1, got {tolerance:g}. Write 0.02 for 2 %."
        )
    by_class = bool(subfolders) and set(subfolders) <= set(names)
    proof = [] if tolerance is None else [f"certificate.tolerance={tolerance!r}", "certificate.reach=true"]
    return [
        "data=folder",
        f"data.path={_quoted(str(folder.expanduser().absolute()))}",
        f"data.class_names=[{','.join(map(_quoted, names))}]",
        f"data.subfolders_are_classes={str(by_class).lower()}",
        "oracle=page",
        "tracker=none",
        *proof,
    ]


def proof_answers(n_images: int, tolerance: float, confidence: float) -> int:
    """Return about how many answers the proof of a folder takes if no label is wrong.

    It is the number if the classifier labels all images. Each image that people label saves answers.

    Args:
        n_images: of the folder. tolerance, confidence: in (0, 1), as in `CertificateSpec`.

    >>> proof_answers(100_000, 0.02, 0.95), proof_answers(100_000, 0.02, 0.99)
    (219, 328)
    """
    wanted = CertificateSpec(
        tolerance=tolerance,
        confidence=confidence,
        reach=True,
        max_labels=None,
        method="auto",
        oracle_error=None,
    )
    return least_answers(n_images, n_images, wanted)


def save(directory: Path, set_up: SetUp) -> None:
    """Keep what was answered in a trial's directory."""
    content = {"folder": set_up.folder, "who": set_up.who, "settings": list(set_up.settings)}
    replace_file(directory / SETUP, yaml.safe_dump(content, allow_unicode=True, sort_keys=False))


def load(directory: Path) -> SetUp | None:
    """Return what was answered in an earlier process, or None.

    Raises:
        UserError: the file cannot be read.
    """
    file = directory / SETUP
    if not file.exists():
        return None
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        folder, who, settings = (content[key] for key in ("folder", "who", "settings"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, KeyError) as error:
        raise _damaged(file) from error
    texts = [folder, who, *settings] if isinstance(settings, list) else [None]
    if not all(isinstance(each, str) for each in texts):
        raise _damaged(file)
    return SetUp(folder=folder, who=who, settings=settings)


def _damaged(file: Path) -> UserError:
    return UserError(f"{file}: expected folder, who and settings, but it cannot be read. Delete it.")


def _instead(path: Path) -> str:
    return "a file" if path.exists() else "nothing of this name"


def _quoted(text: str) -> str:
    """Return a text as a value on the command line; Hydra takes every sign of it as it is."""
    # Backslashes have a meaning only before a quote (Hydra), besides what `escaped` does.
    plain = escaped(text)
    return "'" + re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + found[2].replace("'", "\\'"), plain) + "'"
