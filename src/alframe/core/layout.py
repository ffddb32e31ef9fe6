"""The names of the files and folders in a trial's directory, for the code that writes them and reads them."""

import shlex
from pathlib import Path

KEY = "hydra.run.dir"  # the key that sets the directory

CONFIG = "config.yaml"
ROUNDS = "rounds.csv"
LABELS = "labels.csv"
LABELS_BY_NAME = "labels_by_name.csv"  # only if classes or images have names
FILES = "files.csv"  # only if each image is a file
SUMMARY = "summary.json"  # only in a finished trial
FAILURE = "failure.json"  # only in a trial that failed, was interrupted or waits for answers
DIAGNOSIS = "diagnosis.json"
MISLABELLED = "mislabelled.npz"  # only if the truth is known and labels are wrong
SUSPECTS = "suspects.csv"  # only if suspects > 0

STATE = "state"  # folder: the state files that a trial resumes from
LOCK = "lock"  # in state/: held by the process that runs the trial
STATE_FILES = "round-*.state"  # in state/

QUESTIONS = "questions"  # folder: the questions of oracle=files
WANDB = "wandb"  # folder
TENSORBOARD = "tensorboard"  # folder
HYDRA = ".hydra"  # folder: Hydra's own record of the command
OFFLINE_RUNS = f"{WANDB}/offline-run-*"  # a folder for each process that logged for W&B without a network

# A directory with one of these files is a trial's directory.
MARKS = (SUMMARY, ROUNDS, FAILURE, LABELS)


def state_file(round: int) -> str:
    """Return the name of a round's state file.

    >>> state_file(3)
    'round-0003.state'
    """
    return f"round-{round:04d}.state"


def shown(directory: Path) -> str:
    """Return a directory as people read it: relative to the current one if it lies below."""
    try:
        return str(directory.relative_to(Path.cwd()))
    except ValueError:
        return str(directory)


def sync_line(directory: Path, trials: str = "") -> list[str]:
    """Return the line with the command that sends all offline W&B runs, or no line without such a run.

    Args:
        directory: of a trial, or of a sweep whose trials match `trials`, such as "*/".
    """
    pattern = f"{trials}{OFFLINE_RUNS}"
    if next(directory.glob(f"{pattern}/run-*.wandb"), None) is None:
        return []
    return [f"To W&B: wandb sync {shlex.quote(shown(directory))}/{pattern}"]
