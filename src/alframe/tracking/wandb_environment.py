"""W&B's environment variables: what they mean for a trial, and which of them a trial does not use."""

import os
from collections.abc import Sequence
from typing import Literal

Mode = Literal["offline", "online"]
_OLD_MODES: dict[str, Mode] = {"dryrun": "offline", "run": "online"}

# Variables that a trial does not use: the value that changes nothing, or None, and what holds instead.
_NOT_USED = {
    "WANDB_DIR": (None, "the run is in the trial's directory"),
    "WANDB_DATA_DIR": (None, "artifacts are staged in the trial's directory"),
    "WANDB_RUN_ID": (None, "a trial that continues keeps its own run"),
    "WANDB_RESUME": (None, "a trial that continues keeps its own run"),
    "WANDB_JOB_TYPE": ("trial", "the job type is trial"),
    "WANDB_CONSOLE": ("off", "the terminal is not recorded"),
    "WANDB_SAVE_CODE": ("false", "code is not recorded"),
    "WANDB_SILENT": ("true", "W&B prints nothing"),
}


def run_mode(mode: str | None) -> Mode | Literal["disabled"]:
    """Return the mode of a run. dryrun and run are the old names of offline and online.

    Args:
        mode: as set by the user; None is disabled if WANDB_DISABLED is true, and otherwise offline.

    >>> run_mode("dryrun"), run_mode("online"), run_mode("disabled")
    ('offline', 'online', 'disabled')
    """
    if mode == "disabled" or (mode is None and is_true("WANDB_DISABLED")):
        return "disabled"
    return _OLD_MODES.get(mode or "offline") or ("online" if mode == "online" else "offline")


def is_true(name: str) -> bool:
    """Return True if an environment variable is set and is no form of "no"."""
    return os.environ.get(name, "").strip().lower() not in ("", "0", "false", "no", "off")


def tag_list(tags: Sequence[str] | str | None) -> list[str]:
    """Return tags as a list; text is split at commas, as in WANDB_TAGS.

    >>> tag_list("nightly, paper,"), tag_list(["a,b"]), tag_list(None)
    (['nightly', 'paper'], ['a,b'], [])
    """
    if isinstance(tags, str):
        return [tag.strip() for tag in tags.split(",") if tag.strip()]
    return list(tags or [])


def not_used() -> str:
    """Return a line on W&B's variables that are set but not used, or an empty text."""
    found = [
        f"{name} ({instead})"
        for name, (same, instead) in _NOT_USED.items()
        if os.environ.get(name, "") and os.environ[name].strip().lower() != same
    ]
    return f"W&B: not used for a trial: {'; '.join(found)}." if found else ""
