"""Whole trials, run as a user runs them: the `alframe` command in a new process."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from speed.task import RECIPES

KEPT = ("seconds", "train_seconds", "score_seconds", "rounds", "n_samples", "hand_share", "mislabelled_share")
CHOSEN = ("device", "engine", "precision", "data")


def timed_trial(recipe: str, overrides: list[str], data_dir: str | None = None) -> dict[str, Any]:
    """Run a trial in a temporary directory and return its times and results.

    Args:
        recipe: "fast" or "published". overrides: further overrides.
        data_dir: the folder of the data, None for alframe's default.

    Returns:
        `seconds` of the trial itself, `wall_seconds` of the command with its imports, some figures of the
        summary; `error` and no seconds if it failed.
    """
    typed = [*RECIPES[recipe], *overrides, "tracker=none"]
    environment = dict(os.environ) | ({"ALFRAME_DATA_DIR": data_dir} if data_dir else {})
    result: dict[str, Any] = {"recipe": recipe, "command": " ".join(["alframe", *typed]), "seconds": None}
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "alframe.cli.main", *typed, f"hydra.run.dir={folder}/trial"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        result["wall_seconds"] = time.perf_counter() - start
        if done.returncode:
            return {**result, "error": (done.stderr.strip().splitlines() or ["no message"])[-1]}
        summary = json.loads((Path(folder) / "trial" / "summary.json").read_text())
    return {**result, **{key: summary[key] for key in (*KEPT, *CHOSEN)}}
