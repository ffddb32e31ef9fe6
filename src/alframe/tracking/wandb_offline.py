"""The offline fragments of a W&B run: each process of a trial that logs offline leaves one folder.

W&B writes a fragment with a delay: one second after three rounds were logged, a killed process had left an
empty file (wandb 0.31). So the rounds of a fragment count only if its process closed the run. When the trial
continues, the other fragments are deleted and their rounds are logged again. Each round is then in exactly
one fragment, whenever the process was killed.
"""

import json
import secrets
import shutil
import string
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from alframe._files import replace_file
from alframe.core.file_names import OFFLINE_RUNS, WANDB

_ID_LETTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The content of wandb/run.json.

    Attributes:
        id: of the W&B run, the same for every process of the trial.
        closed: the last round of each fragment whose process closed the run, by the name of its folder.
    """

    id: str
    closed: Mapping[str, int] = field(default_factory=dict)

    def last_round(self) -> int:
        """Return the last round in a closed fragment, or -1; every round before it is in a closed one too."""
        return max(self.closed.values(), default=-1)


def read_record(directory: Path) -> RunRecord:
    """Return the record of a trial's W&B run; a new one is written if the file is missing or damaged."""
    with suppress(OSError, ValueError, TypeError):
        return RunRecord(**json.loads((directory / WANDB / "run.json").read_text()))
    record = RunRecord(id="".join(secrets.choice(_ID_LETTERS) for _ in range(8)))
    (directory / WANDB).mkdir(exist_ok=True)
    write_record(directory, record)
    return record


def write_record(directory: Path, record: RunRecord) -> None:
    """Replace wandb/run.json in the directory of a trial."""
    replace_file(directory / WANDB / "run.json", json.dumps(asdict(record)) + "\n")


def delete_unclosed(directory: Path, record: RunRecord) -> None:
    """Delete the fragments of a run whose processes did not close it."""
    for folder in directory.glob(f"{OFFLINE_RUNS}-{record.id}"):
        if folder.name not in record.closed:
            shutil.rmtree(folder, ignore_errors=True)
