"""The names of a trial's files and folders, shared by those that write and those that read them."""

import shlex
from pathlib import Path

KEY = "hydra.run.dir"
STATE = "state"  # the folder of what resuming needs
OFFLINE_RUNS = "wandb/offline-run-*"  # a folder for each process that logged for W&B without a network


def shown(directory: Path) -> str:
    """Return a directory as it is told to people: from where they work, if it lies below."""
    try:
        return str(directory.relative_to(Path.cwd()))
    except ValueError:
        return str(directory)


def sync_line(directory: Path, trials: str = "") -> list[str]:
    """Return the line that tells how to send all offline W&B runs of a trial; none where it has none.

    Args:
        directory: the trial's, or that of a sweep whose trials match `trials`, such as "*/".
    """
    pattern = f"{trials}{OFFLINE_RUNS}"
    if next(directory.glob(f"{pattern}/run-*.wandb"), None) is None:
        return []
    return [f"To W&B: wandb sync {shlex.quote(shown(directory))}/{pattern}"]
