"""Checks of single keys whose values have a special form; no torch.

Each check takes the key as typed and the value, and raises `ConfigError`.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from alframe.config.checks import Check, number, probability
from alframe.core.errors import ConfigError
from alframe.core.trial_summary import OBJECTIVES


def device(key: str, value: Any) -> None:
    """Check for a device."""
    if not isinstance(value, str) or not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        raise ConfigError(key, "auto, cpu, cuda, cuda:N or mps", value)


def mapping(key: str, value: Any) -> None:
    """Check for a mapping from names to settings."""
    if not isinstance(value, dict):
        raise ConfigError(key, "settings such as those of the file", str(value))


def folds(key: str, value: Any) -> None:
    """Check for a number of folds."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0 or value == 1:
        raise ConfigError(key, "0 or a whole number of at least 2", value)


def settings(*names: str) -> Check:
    """Return a check for a mapping that has exactly these keys."""
    expected = f"the settings {', '.join(names)}"

    def check(key: str, value: Any) -> None:
        if not isinstance(value, dict):
            hint = "" if value is None else f"Write {key}.{names[0]}={value}."
            raise ConfigError(key, expected, "null" if value is None else value, hint)
        known(key, value, names)
        missing = [name for name in names if name not in value]
        if missing:
            raise ConfigError(key, expected, hint=f"Give {', '.join(missing)} too.")

    return check


def known(key: str, value: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raise `ConfigError` if a mapping has other keys than `names`."""
    others = [str(name) for name in value if name not in names]
    if others:
        raise ConfigError(key, f"the settings {', '.join(names)}", ", ".join(others))


def strategy(key: str, value: Any) -> None:
    """Check for a query strategy: settings with a `_target_`, or an object."""
    given = value.get("_target_") is not None if isinstance(value, Mapping) else hasattr(value, "select")
    if not given:
        shown = "null" if value is None else str(value)
        hint = "Write its file's settings, such as {_target_: alframe.query.RandomQuery}."
        raise ConfigError(key, "a query strategy", shown, hint)


def strategies(key: str, value: Any) -> None:
    """Check for a non-empty list of query strategies."""
    if not isinstance(value, (list, tuple)) or not value:
        raise ConfigError(key, "a list of query strategies", "null" if value is None else str(value))
    for at, each in enumerate(value):
        strategy(f"{key}[{at}]", each)


def widths(key: str, value: Any) -> None:
    """Check for a non-empty list of whole numbers of at least 1."""
    if not isinstance(value, list) or not value or not all(_is_whole(width, 1) for width in value):
        raise ConfigError(key, "a list of whole numbers of at least 1, such as [16, 32, 64]", str(value))


def image_size(key: str, value: Any) -> None:
    """Check for [height, width] in pixels, at least 4 each, or null."""
    if value is None:
        return
    pair = isinstance(value, (list, tuple)) and len(value) == 2
    if not pair or not all(_is_whole(side, 4) for side in value):
        raise ConfigError(key, "[height,width] of at least 4 pixels each, or null", str(value))


def any_text(key: str, value: Any) -> None:
    """Check for a text, which may be empty."""
    if not isinstance(value, str):
        raise ConfigError(key, 'a text, such as "backbone."', value)


def three_numbers(*, zero: bool) -> Check:
    """Return a check for three numbers of 0 to 1, one for each channel; `zero` allows 0."""
    each = number(least=0, most=1) if zero else number(above=0, most=1)

    def check(key: str, value: Any) -> None:
        if not isinstance(value, (list, tuple)) or len(value) != 3:
            raise ConfigError(key, "three numbers, such as [0.5, 0.5, 0.5]", str(value))
        for channel in value:
            each(key, channel)

    return check


def shard(key: str, value: Any) -> None:
    """Check for NUMBER/HOW_MANY with a number from 0, or null."""
    if value is None:
        return
    found = re.fullmatch(r"(\d+)/(\d+)", str(value))
    if not found or int(found[1]) >= int(found[2]):
        raise ConfigError(key, "NUMBER/HOW_MANY such as 0/4, 1/4, 2/4 or 3/4, or null", value)


def stages(key: str, value: Any) -> None:
    """Check for a list of different stages of an audit, in the order in which they run."""
    names = ("estimate", "rank", "mend", "prove")
    fits = isinstance(value, list) and value and all(name in names for name in value)
    if not fits or value != [name for name in names if name in value]:
        raise ConfigError(
            key, f"some of {', '.join(names)} in this order, such as [estimate,rank]", value or str(value)
        )


def class_pairs(key: str, value: Any) -> None:
    """Check for a list of pairs of different classes, or null."""
    if value is None:
        return
    pairs = value if isinstance(value, list) else []
    if not pairs or any(not isinstance(pair, list) or len(set(map(str, pair))) != 2 for pair in pairs):
        raise ConfigError(key, "pairs of classes such as [[4,9],[3,5]], or null", str(value))


def package_names(key: str, value: Any) -> None:
    """Check for a list of names of Python packages."""
    if not isinstance(value, list) or not all(
        isinstance(name, str) and re.fullmatch(r"[A-Za-z_][\w.]*", name) for name in value
    ):
        raise ConfigError(key, "a list of package names such as [my_package]", value)


def names(key: str, value: Any) -> None:
    """Check for a name, a list of names, or null."""
    listed = value if isinstance(value, list) else [value]
    are_names = bool(listed) and all(isinstance(each, str) and each.strip() for each in listed)
    if value is not None and not are_names:
        raise ConfigError(key, "a name, a list such as [train,val], or null", str(value))


def dataset(key: str, value: Any) -> None:
    """Check for the name of a data set, or the class that an option of alframe names."""
    if not isinstance(value, (str, dict)) or not value:
        raise ConfigError(key, "the name of a data set of torchvision such as SVHN", str(value))


def class_names(key: str, value: Any) -> None:
    """Check for a list of at least two different names, or null."""
    if value is None:
        return
    names = [str(name) for name in value] if isinstance(value, (list, tuple)) else []
    changed = [name for name in value if name is None or isinstance(name, (float, bool))] if names else []
    if changed:  # YAML has read 1.10 as 1.1, yes as true and null as nothing
        raise ConfigError(key, "names as text", str(changed[0]), "Put it in quotes: \"['1.10','2.20']\".")
    if len(names) < 2 or len(set(names)) != len(names):
        raise ConfigError(key, "at least two names, all different, such as [cat,dog]", str(value))


def class_thresholds(key: str, value: Any) -> None:
    """Check for a probability for each class: a list, a mapping from class to probability, or null."""
    named = value if isinstance(value, Mapping) else dict(enumerate(value or [])) if _lists(value) else None
    if named is None or (value is not None and not named):
        raise ConfigError(key, "a list such as [0.9, 0.99], a mapping such as {3: 0.99}, or null", str(value))
    for each, threshold in named.items():
        if not re.fullmatch(r"\d+", str(each)):
            raise ConfigError(key, "classes as whole numbers, such as {3: 0.99}", str(each))
        probability(f"{key}[{each}]", threshold)


def confusion(key: str, value: Any) -> None:
    """Check for rows of numbers, an array, the name of a file, or null; its numbers are checked later."""
    if value is not None and not isinstance(value, (list, str)) and not hasattr(value, "__array__"):
        raise ConfigError(key, "rows such as [[0.9, 0.1], [0.2, 0.8]], a file or null", str(value))


def one_noise(key: str, value: dict[str, Any]) -> None:
    """Check that an oracle has a rate or a confusion matrix, not both."""
    if value.get("rate") is not None and value.get("confusion") is not None:
        raise ConfigError(
            key, "a rate or a confusion matrix, not both", hint=f"Write {key}.rate=null to use the matrix."
        )


def objective(key: str, value: Any) -> None:
    """Check for an entry of summary.json to optimise, a non-empty list of them, or null."""
    names = value if isinstance(value, list) else [] if value is None else [value]
    if any(name not in OBJECTIVES for name in names) or value == []:
        raise ConfigError(
            key,
            f"one of {', '.join(OBJECTIVES)}, or a list such as [hand_share,mislabelled_share]",
            str(value),
        )


def from_environment(name: str, rule: Check) -> Check:
    """Return the check of a key whose default is an environment variable; its error names the variable."""

    def check(key: str, value: Any) -> None:
        try:
            rule(key, value)
        except ConfigError as error:
            if value == os.environ.get(name):
                text = str(error).removeprefix(f"{key}: ").rstrip(".")
                error.args = (f"{name} (environment): {text}. Unset it, or write {key}=VALUE.",)
            raise

    return check


def wandb_tags(key: str, value: Any) -> None:
    """Check for tags that W&B accepts, 1 to 64 characters each: a list, text with commas, or null."""
    tags = [] if value is None else value
    if isinstance(value, str):
        tags = [tag.strip() for tag in value.split(",") if tag.strip()]
    if not isinstance(tags, list) or not all(isinstance(tag, str) and 1 <= len(tag) <= 64 for tag in tags):
        raise ConfigError(key, "a list of texts of 1 to 64 characters, such as [nightly,paper]", str(value))


def wandb_project(key: str, value: Any) -> None:
    """Check for a name that W&B accepts for a project."""
    if not isinstance(value, str) or not re.fullmatch(r"[^/\\#?%:]{1,128}", value) or not value.strip():
        raise ConfigError(key, "at most 128 characters without any of / \\ # ? % :", value)


def token(key: str, value: Any) -> None:
    """Check for a text of at least 16 letters, digits, - and _, or null."""
    if value is not None and not (isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{16,200}", value)):
        expected = "a text of 16 to 200 letters, digits, - and _, or null"
        raise ConfigError(key, expected, f"{len(str(value))} signs")


def grid_size(key: str, value: Any) -> None:
    """Check for 0, or a whole number from 20 to 200."""
    if (value != 0 and not (_is_whole(value, 20) and value <= 200)) or isinstance(value, bool):
        raise ConfigError(key, "a whole number of 20 to 200, or 0 for no grid", value)


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _lists(value: Any) -> bool:
    return value is None or (isinstance(value, Sequence) and not isinstance(value, str))
