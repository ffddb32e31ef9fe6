"""A person labels on the page while the server's process is killed at random moments, again and again.

    python -m tests.support.page_kills [--kills 500] [--seed 0]

Most processes are killed (SIGKILL) while an answer is on its way: before it is stored, while it is stored,
after that, or while the reply is sent. Some are killed at a random time: while they start or train. The
person behaves like the page: a request that got no reply is sent again with the same key. After each kill the
store is read: every acknowledged answer must be there once, and nothing that was never sent. A finished trial
must have its answers in labels.csv. Prints one JSON object.
"""

import argparse
import json
import os
import random
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from alframe.cli.page_job import page_site, run_on_page
from alframe.page.settings import page_settings, without_page
from alframe.trial.run import run_trial
from tests.support.helpers import config_of, read_rows
from tests.support.page_client import Lost, PageClient, Refused

N_IMAGES = 400
TOKEN = "a-token-for-the-test"
# How many kills of a hundred come at which moment: `Fatal` says what the last four are.
MOMENTS = {"start": 2, "serving": 13, "received": 15, "storing": 40, "stored": 15, "replying": 15}
# Until the kill, since the start, since it serves, since a request came, and since its reply was made.
SECONDS = {"start": (0.2, 2.5), "serving": (0.02, 1.5), "storing": (0.0, 0.006), "replying": (0.0, 0.001)}
MOST_REQUESTS = 12  # that a process answers before the one in which it is killed
SETTINGS = (
    *("data=folder", "data.path=images", "oracle=page", "tracker=none", "initial.num=30", "query.num=40"),
    *("stopping.min_rounds=1", "stopping.max_rounds=4", "learner.steps=4", "learner.steps_growth=0"),
    *("threads=1", "device=cpu", "precision=float32", "learner.scoring_batch_size=256", "remainder=auto"),
    *("auto_label=threshold", "check.num=30", "page.open=false", f"page.token={TOKEN}", "page.grid=20"),
)


@dataclass
class Counts:
    """What has happened."""

    kills: int = 0
    while_starting: int = 0
    without_a_reply: int = 0  # kills at which a request had been sent and not acknowledged
    trials_finished: int = 0
    acknowledged: int = 0
    sent_again: int = 0
    undone: int = 0
    lost: int = 0
    doubled: int = 0
    never_sent: int = 0
    problems: list[str] = field(default_factory=list)


class Fatal:
    """The page's application, which kills its process in the n-th request that tells something.

    "received": before the request is looked at. "storing": some milliseconds later, wherever it is then.
    "stored": when the reply is made and nothing of it is sent. "replying": a moment after that.
    """

    def __init__(self, app: Callable[..., Any], moment: str, seconds: float, n_before: int) -> None:
        self._app, self._moment, self._seconds, self._left = app, moment, seconds, n_before

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer a request."""
        self._left -= environ["REQUEST_METHOD"] == "POST"
        is_last = self._left < 0
        if is_last and self._moment == "received":
            _kill_after(0.0)
        if is_last and self._moment == "storing":
            _kill_after(self._seconds)
        reply = self._app(environ, start_response)
        if is_last and self._moment in ("stored", "replying"):
            _kill_after(self._seconds)
        return reply


def _kill_after(seconds: float) -> None:
    """Kill this process after some seconds; 0 kills it at once."""
    if seconds == 0.0:
        os.kill(os.getpid(), signal.SIGKILL)
    killer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
    killer.daemon = True
    killer.start()


class Sitting:
    """One trial, its person, and what was sent and acknowledged."""

    def __init__(self, root: Path, seed: int, counts: Counts) -> None:
        self.random, self.counts, self.trial = random.Random(seed), counts, root / "trial"
        digits = load_digits()
        (root / "images").mkdir(parents=True)
        for index in range(N_IMAGES):
            pixels = (digits.images[index] * 15.9).astype(np.uint8)
            Image.fromarray(pixels).save(root / "images" / f"{index:04}.png")
        self.truth = digits.target[:N_IMAGES]
        names = f"data.class_names=[{','.join(f'c{k}' for k in range(10))}]"
        config = config_of(*SETTINGS, names, f"data_dir={root}", f"seed={seed}")
        self.page, self.config = page_settings(config), without_page(config)
        self.sent: dict[str, dict[int, int | None]] = {}  # by key; None: an undo, whose samples come back
        self.acknowledged: dict[str, dict[int, int | None]] = {}
        self.unsent: tuple[str, dict[str, Any]] | None = None  # the request without a reply
        self.client, self.stage = PageClient(0), ""
        self.n_requests = 0

    def life(self) -> bool:
        """Start the command and kill it at a random moment; return True if the trial has finished."""
        [moment] = self.random.choices(list(MOMENTS), weights=list(MOMENTS.values()))
        seconds = self.random.uniform(*SECONDS.get(moment, (0.0, 0.0)))
        n_before = self.random.randrange(MOST_REQUESTS)
        child = os.fork()
        if child == 0:
            try:
                self._serve(moment, seconds, n_before)
            finally:  # whatever happens: this copy of the tests must not run on
                os._exit(0)
        try:
            served = self._label(time.monotonic() + 60, child)
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        self.counts.kills += 1
        self.counts.while_starting += not served
        self.counts.without_a_reply += served and self.unsent is not None
        self.check()
        return (self.trial / "summary.json").exists()

    def _serve(self, moment: str, seconds: float, n_before: int) -> None:
        """Run the command in this process until it is killed."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        warnings.simplefilter("ignore")
        if moment == "start":
            _kill_after(seconds)
        assert self.page is not None
        with page_site(self.page, self.trial) as site:
            serve = site.server.start

            def start(app: Callable[..., Any]) -> None:
                serve(app if moment in ("start", "serving") else Fatal(app, moment, seconds, n_before))
                if moment == "serving":
                    _kill_after(seconds)

            site.server.start = start  # type: ignore[method-assign]
            run_on_page(site, partial(run_trial, self.config, self.trial), lambda: False)

    def _label(self, until: float, child: int) -> bool:
        """Answer until the process is gone or its trial has ended; return True if it has replied."""
        served = False
        while time.monotonic() < until and self.stage != "finished":
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return served
            try:
                if self._enter():
                    served = True
                    self._act()
            except Lost:
                time.sleep(0.02)
        return served

    def _enter(self) -> bool:
        """Open the page, as a browser that has its cookie still; return False before there is a port."""
        with suppress(OSError, ValueError):
            self.client.port = json.loads((self.trial / "state" / "page.json").read_text())["port"]
        if not self.client.port:
            time.sleep(0.02)
            return False
        if not self.client.cookie and self.client.enter(f"/?token={TOKEN}") != 303:
            return False
        self.stage = self.client.state()["stage"]
        return True

    def _act(self) -> None:
        """Send one request: the one without a reply, or else the next one."""
        if self.unsent is None:
            self.unsent = self._next_request()
        else:
            self.counts.sent_again += 1
        if self.unsent is None:
            time.sleep(0.02)
            return
        path, body = self.unsent
        try:
            reply = self.client.post(path, **body)
        except Refused as error:
            if (path, error.status) != ("/api/undo", 409):  # the trial has ended in the meantime
                self.counts.problems.append(f"{path}: {error}")
            self.unsent = None
            return
        self.unsent = None
        expected = self.sent[body["key"]]
        if path == "/api/undo":
            expected = dict.fromkeys(reply["indices"], -1)
            self.counts.undone += len(expected)
        else:
            self.counts.acknowledged += len(expected)
        self.sent[body["key"]] = self.acknowledged[body["key"]] = expected

    def _next_request(self) -> tuple[str, dict[str, Any]] | None:
        self.n_requests += 1
        key = f"request-{self.n_requests}"
        if self.random.random() < 0.05:
            self.sent[key] = {}
            return "/api/undo", {"key": key}
        grid = self.client.get("/api/grid?who=ann")
        items = grid["items"] if grid["id"] else self.client.next(self.random.randint(1, 5))
        if not items:
            return None
        rows = [
            {
                "index": each["index"],
                "answer": int(self.truth[each["index"]]),
                "grid": grid["id"],
                "seconds": 0.6,
            }
            for each in items
        ]
        self.sent[key] = {row["index"]: row["answer"] for row in rows}
        return "/api/answers", {"key": key, "answers": rows}

    def check(self) -> None:
        """Compare the store with what was sent and acknowledged."""
        file = self.trial / "answers.sqlite"
        if not file.exists():
            assert not self.acknowledged
            return
        with closing(sqlite3.connect(file)) as db:
            rows = db.execute("SELECT key, sample, answer FROM answers").fetchall()
        found: dict[str, list[tuple[int, int]]] = {}
        for key, sample, answer in rows:
            found.setdefault(key, []).append((sample, answer))
        for key, expected in self.acknowledged.items():
            there = found.get(key, [])
            self.counts.lost += len(set(expected.items()) - set(there))
            self.counts.doubled += len(there) - len(set(there))
        self.counts.never_sent += sum(key not in self.sent for key in found)

    def check_labels(self) -> None:
        """Compare labels.csv of a finished trial with the answers."""
        for row in read_rows(self.trial / "labels.csv"):
            if row["source"] != "auto" and int(row["label"]) != self.truth[int(row["index"])]:
                self.counts.problems.append(f"labels.csv: {row}")
        self.counts.trials_finished += 1


def run(kills: int, seed: int) -> Counts:
    """Kill a number of processes and return what has happened."""
    counts = Counts()
    socket.setdefaulttimeout(20)
    sittings = 0
    while counts.kills < kills:
        with tempfile.TemporaryDirectory() as folder:
            sitting = Sitting(Path(folder), seed + sittings, counts)
            sittings += 1
            while counts.kills < kills:
                if sitting.life():
                    sitting.check_labels()
                    break
    return counts


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begun = time.monotonic()
    counts = run(options.kills, options.seed)
    print(json.dumps({**vars(counts), "seconds": round(time.monotonic() - begun)}))
    sys.exit(bool(counts.lost or counts.doubled or counts.never_sent or counts.problems))


if __name__ == "__main__":
    main()
