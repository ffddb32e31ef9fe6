"""Seconds and memory of each part of a trial on a large pool of vectors: docs/background/results/growth.md.

    python scripts/benchmarks/large_pool.py --n 1000000
    python scripts/benchmarks/large_pool.py --n 10000000 --directory /a/disk/with/10/GB --threads 2

The vectors are synthetic: overlapping clusters, several for each class, in float16. They are written to
--directory, mapped from there and deleted again. The trial has the settings of the command: `learner=head`,
margin questions, `auto_label=checked`, the remainder labelled by the head, and a certificate. Memory is
RssAnon of /proc/self/status, which is without the pages of mapped files, sampled every 10 ms; "before" is
that of the program with its libraries. Seconds of a part are without those of the parts inside it.
"""

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROWS = 2**16  # vectors that are made at once
CLUSTERS = 5  # of each class
PARTS = (
    ("alframe.trial.run", "load_data", "load the data"),
    ("alframe.trial.data", "fingerprint", "fingerprint"),
    ("alframe.data.copies.Copies", "__call__", "search for copies"),
    ("alframe.learner.learner.CNNLearner", "fit", "fit of the head"),
    ("alframe.learner.learner.CNNLearner", "score", "scores"),
    ("alframe.core.loop", "ask", "question"),
    ("alframe.query.uncertainty.Margin", "select", "margin"),
    ("alframe.core.loop", "auto_label", "auto-labels"),
    ("alframe.core.loop", "report_round", "counts of the round"),
    ("alframe.trial.session.TrialSession", "_save", "state file"),
    ("alframe.core.loop", "label_remainder", "remainder"),
    ("alframe.audit.certify.AuditCertifier", "certify", "certificate"),
    ("alframe.trial.session.TrialSession", "_finished", "summary"),
    ("alframe.tracking.files.FilesTracker", "finish", "labels.csv and other files"),
)


def main() -> None:
    """Make the pool, run the trial in a new process and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000, help="vectors")
    parser.add_argument("--features", type=int, default=384)
    parser.add_argument(
        "--noise", type=float, default=1.5, help="standard deviation about a cluster's centre"
    )
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--question", type=int, default=1000, help="samples asked in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--directory", type=Path, help="folder of the pool; default: a temporary one")
    parser.add_argument("--set", nargs="*", default=[], help="further settings of the trial")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(run(options.inside, options)))
        return
    with tempfile.TemporaryDirectory(prefix="alframe-pool-", dir=options.directory) as folder:
        write_pool(Path(folder), options)
        command = [sys.executable, __file__, "--inside", folder, *sys.argv[1:]]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print_table(options, json.loads(done.stdout.splitlines()[-1]))


def write_pool(folder: Path, options: argparse.Namespace) -> None:
    """Write vectors.npy, images.npy (blank but for their number) and labels.npy."""
    generator = torch.Generator().manual_seed(0)
    n, n_features = options.n, options.features
    centres = torch.randn(options.classes * CLUSTERS, n_features, generator=generator)
    with (
        _opened(folder / "vectors.npy", (n, n_features), np.float16) as vectors,
        _opened(folder / "images.npy", (n, 4, 4), np.uint8) as images,
        _opened(folder / "labels.npy", (n,), np.int64) as labels,
    ):
        for start in range(0, n, ROWS):
            size = min(ROWS, n - start)
            cluster_B = torch.randint(len(centres), (size,), generator=generator)
            noise_BD = torch.randn(size, n_features, generator=generator).mul_(options.noise)
            vectors.write(noise_BD.add_(centres[cluster_B]).half().numpy().tobytes())
            labels.write((cluster_B % options.classes).numpy().tobytes())
            number_B = np.arange(start, start + size, dtype=np.uint64)
            images.write(np.stack([number_B, number_B], axis=1).tobytes())


@contextmanager
def _opened(path: Path, shape: tuple[int, ...], dtype: type) -> Iterator[Any]:
    with path.open("wb") as file:
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        yield file


class Meter:
    """Seconds and the largest anonymous memory of each part, which may be nested."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self.peak_mb: dict[str, float] = defaultdict(float)
        self._inside, self._since = ["the rest"], time.perf_counter()
        self.before_mb = anonymous_mb()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            part, used = self._inside[-1], anonymous_mb()
            self.peak_mb[part] = max(self.peak_mb[part], used)
            time.sleep(0.01)

    def _turn(self) -> None:
        now = time.perf_counter()
        self.seconds[self._inside[-1]] += now - self._since
        self._since = now

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose calls are measured."""

        @functools.wraps(function)
        def measured(*args: Any, **kwargs: Any) -> Any:
            self._turn()
            self._inside.append(part)
            self.calls[part] += 1
            try:
                return function(*args, **kwargs)
            finally:
                self._turn()
                self._inside.pop()

        return measured

    def figures(self) -> dict[str, Any]:
        """Return all figures as plain containers."""
        self._turn()
        rows = {part: (self.calls[part], s, self.peak_mb[part]) for part, s in self.seconds.items()}
        return {"before_mb": self.before_mb, "parts": rows}


def anonymous_mb() -> float:
    """Return the resident anonymous memory of this process in MB (10^6 bytes)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) * 1024 / 1e6


def run(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run the trial and return its figures."""
    from alframe.config.compose import composed
    from alframe.trial.run import run_trial

    meter = Meter()
    for owner, name, part in PARTS:
        place = _named(owner)
        setattr(place, name, meter.timed(part, getattr(place, name)))
    config = composed(
        [
            *("data=arrays", f"data.path={folder}", "data.in_memory=false"),
            *("encoder=vectors", f"encoder.path={folder / 'vectors.npy'}", "learner=head"),
            *(f"initial.num={options.question}", f"query.num={options.question}", "query.share=null"),
            *(f"stopping.min_rounds={options.rounds}", f"stopping.max_rounds={options.rounds}"),
            *("remainder=auto", "certificate.tolerance=0.1", "certificate.reach=true", "tracker=none"),
            *(f"threads={options.threads}", "device=cpu", *options.set),
        ]
    )
    summary = run_trial(config, folder / "trial")
    return {**meter.figures(), "summary": summary.to_json()}


def _named(path: str) -> Any:
    module, _, last = path.rpartition(".")
    return getattr(_named(module), last) if last[0].isupper() else __import__(path, fromlist=["*"])


def print_table(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Print the parts as a Markdown table."""
    before, summary = figures["before_mb"], figures["summary"]
    print(f"\n{options.n:,} x {options.features} float16, {options.classes} classes, ", end="")
    print(f"{options.rounds} rounds of {options.question:,}, {options.threads} threads. ", end="")
    print(f"Before the trial: {before:.0f} MB.\n")
    print("| part | calls | seconds a call | MB above before |\n|---|---|---|---|")
    for part, (calls, seconds, peak_mb) in figures["parts"].items():
        calls = max(1, calls)
        print(f"| {part} | {calls} | {seconds / calls:.1f} | {max(0, peak_mb - before):,.0f} |")
    print(f"\n{json.dumps({k: v for k, v in summary.items() if isinstance(v, (int, float))})}")


if __name__ == "__main__":
    main()
