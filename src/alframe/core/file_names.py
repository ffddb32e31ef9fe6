"""The names of the files and folders in a trial's directory, for the code that writes them and reads them."""

import shlex
from pathlib import Path

KEY = "hydra.run.dir"  # the key that sets the directory

CONFIG = "config.yaml"  # the resolved config, with the choices of `auto` under `chosen`
ROUNDS = "rounds.csv"  # one row per round
LABELS = "labels.csv"  # one row per sample
LABELS_BY_NAME = "labels_by_name.csv"  # labels for people, only if classes or images have names
FILES = "files.csv"  # the file of each index, only if each image is a file
DATA = "data.json"  # the class names by number, and the folder of the image files
SUMMARY = "summary.json"  # the figures of the trial, only if it is finished
FAILURE = "failure.json"  # status and reason, only if it failed, was interrupted or waits for answers
DIAGNOSIS = "diagnosis.json"  # confusion matrix and reliability of the auto-labels, null without the truth
MISLABELLED = "mislabelled.npz"  # up to 100 mislabelled images, only if the truth is known
SUSPECTS = (
    "suspects.csv"  # the least likely labels: of a trial if `suspects` is above 0, of an audit that ranks
)

# Of an audit of given labels, besides labels, suspects, summary and the like.
AUDIT_ROUNDS = "audit_rounds.csv"  # one row per question and ranking
CHANGES = "changes.csv"  # the labels that an answer has changed
CHANGES_IMAGES = "changes.npz"  # images of up to 100 of them
ODDITIES = "oddities.csv"  # copies with other labels, and images that are odd

STATE = "state"  # folder: the state from which an unfinished trial resumes
LOCK = "lock"  # in state/: held by the process that runs the trial
RESERVED = "label.lock"  # in state/: held by the process of `alframe-label`
RESULT = "result.state"  # in state/: the result of a finished trial that was called from Python
STATE_FILES = "round-*.state"  # in state/: the state after a round
UNREADABLE = "unreadable.json"  # in state/: the damaged image files
# In state/: the decoded images of image files, and their lists.
DECODED_FILES = ("images-*.pixels", "images.json", "test_images-*.pixels", "test_images.json")

ANSWER_STORE = "answers.sqlite"  # every answer of people with its history, only if people answer
ANSWERS = "answers.csv"  # the answers of people as they are now; a label that is changed here is changed
QUESTIONS = "questions"  # folder: the questions of `oracle=files`, to be answered by people
TO_LABEL = "to_label.csv"  # in questions/: the open samples, with a column to fill in
WANDB = "wandb"  # folder: the W&B run, only with `tracker=wandb`
TENSORBOARD = "tensorboard"  # folder: TensorBoard's files, only with `tracker=tensorboard`
HYDRA = ".hydra"  # folder: the record of the command, as Hydra writes it
OFFLINE_RUNS = f"{WANDB}/offline-run-*"  # a folder for each process that logged for W&B without a network

EXPORT = "alframe-export.json"  # in each export: what it is of

# A directory with one of these files is a trial's directory.
MARKS = (SUMMARY, ROUNDS, FAILURE, LABELS)
# Everything that a trial writes, with the exception of what people were asked and have answered.
OF_A_TRIAL = (
    *(CONFIG, ROUNDS, LABELS, LABELS_BY_NAME, FILES, DATA, SUMMARY, FAILURE, DIAGNOSIS, MISLABELLED),
    *(SUSPECTS, STATE, WANDB, TENSORBOARD, AUDIT_ROUNDS, CHANGES, CHANGES_IMAGES, ODDITIES),
)


def state_file(round: int) -> str:
    """Return the name of a round's state file.

    >>> state_file(3)
    'round-0003.state'
    """
    return f"round-{round:04d}.state"


def shown(directory: Path) -> str:
    """Return a directory as shown to people: relative to the current one if it is below it."""
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
