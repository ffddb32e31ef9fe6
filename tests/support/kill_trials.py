"""Kill trials at random moments with SIGKILL, start them again, and compare with one that was left alone.

    python tests/support/kill_trials.py FOLDER [key=value ...] [--kills 200] [--seed 0]

Prints one JSON object. Processes are forked from one that has imported everything, so that the moments fall
into the trial and not into the start of Python.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import torch

from alframe.trial.run import run_trial
from tests.support.helpers import config_of

SHORT = (
    "data=digits",
    "tracker=none",
    "query.num=40",
    "stopping.min_rounds=6",
    "stopping.max_rounds=6",
    "threads=1",
    "device=cpu",
    "precision=float32",
    "learner.scoring_batch_size=512",
)


def start(config: dict, directory: Path) -> int:
    """Fork a process that runs the trial and return its number; it ends with 0 when the trial finished.

    It stays in this process's group, so that whoever ends the group ends it too.
    """
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        with (directory.parent / f"{directory.name}.log").open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            run_trial(config, directory)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(child: int, within_seconds: float) -> int | None:
    """Return the exit status of a process that ends in time, None of one that does not."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    return None


def rows_without_closing(directory: Path) -> list[str]:
    """Return the finished rounds' rows as they stand, which no later process may change."""
    with contextlib.suppress(FileNotFoundError):
        lines = (directory / "rounds.csv").read_text().splitlines()
        return [line for line in lines if ",closing," not in line]
    return []


def main() -> None:
    """Run the trial once alone, then again and again under fire."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = config_of(*SHORT, *options.overrides)
    draw = random.Random(options.seed)
    options.folder.mkdir(parents=True, exist_ok=True)

    alone = options.folder / "alone"
    began = time.monotonic()
    assert ended(start(config, alone), 600) == 0, (options.folder / "alone.log").read_text()
    seconds = time.monotonic() - began
    labels = (alone / "labels.csv").read_bytes()

    result = {
        "kills": 0,
        "trials": 0,
        "same": 0,
        "rows_changed": 0,
        "after_round": {},
        "seconds_alone": seconds,
    }
    while result["kills"] < options.kills:
        directory = options.folder / f"trial-{result['trials']}"
        n_kills, rows = 0, []
        while True:
            child = start(config, directory)
            wanted = n_kills < 8 and result["kills"] < options.kills
            code = ended(child, draw.uniform(0, seconds) if wanted else 600)
            if code is not None:
                assert code == 0, (options.folder / f"{directory.name}.log").read_text()
                break
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            n_kills += 1
            result["kills"] += 1
            before, rows = rows, rows_without_closing(directory)
            result["rows_changed"] += rows[: len(before)] != before
            done = str(len(rows) - 2) if rows else "none"
            result["after_round"][done] = result["after_round"].get(done, 0) + 1
            if (directory / "summary.json").exists():  # killed when all was done
                break
        result["trials"] += 1
        result["same"] += (directory / "labels.csv").read_bytes() == labels
        result["rows_changed"] += rows_without_closing(directory)[: len(rows)] != rows
    print(json.dumps(result))


if __name__ == "__main__":
    main()
