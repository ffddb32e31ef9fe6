"""The options of `make peers`, and what is measured without them."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from peers import plan

JOBS = (
    "same training, 6,000",
    "own training, 6,000",
    "published protocol, 6,000",
    "same training, 60,000",
    "Colander, 60,000",
    "AL-foundation-models dropquery, 10,000",
    "AL-foundation-models margin, 10,000",
)
QUICK_JOBS = (
    "same training, 2,000",
    "Colander, 6,000",
    "AL-foundation-models dropquery, 1,500",
)
QUICK_STRATEGIES = ("margin", "coreset", "badge")


def read(typed: Sequence[str] | None, description: str | None) -> argparse.Namespace:
    """Return the options, those that were not typed filled in."""
    options = _parser(description).parse_args(typed)
    for name, short, full in (
        ("jobs", QUICK_JOBS, JOBS),
        ("precisions", ["float32"], plan.PRECISIONS),
        ("seeds", [61], [61, 62, 63, 64, 65]),
        ("strategies", QUICK_STRATEGIES, plan.STRATEGIES),
        ("pools", [6_000], [6_000, 60_000]),
        ("repeats", 1, 3),
        ("max_seconds", 60.0, 300.0),
    ):
        if getattr(options, name) is None:
            setattr(options, name, short if options.quick else full)
    return options


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="peers", description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a part, under five minutes on two cores")
    parser.add_argument("--json", type=Path, default=None, help="file to write the figures to")
    parser.add_argument("--parts", nargs="+", choices=["jobs", "questions"], default=["jobs", "questions"])
    parser.add_argument("--jobs", nargs="+", default=None, help=f"of {', '.join(map(repr, JOBS))}")
    parser.add_argument("--networks", nargs="+", choices=plan.ALL_NETWORKS, default=list(plan.ALL_NETWORKS))
    parser.add_argument(
        "--precisions", nargs="+", choices=plan.PRECISIONS, default=None, help="both; quick: float32"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=None, help="of the jobs (61 to 65; quick: 61)"
    )
    parser.add_argument("--peers", nargs="+", default=None, help="these contestants besides alframe")
    parser.add_argument("--strategies", nargs="+", choices=plan.STRATEGIES, default=None)
    parser.add_argument("--pools", type=int, nargs="+", default=None, help="6000 60000; quick: 6000")
    parser.add_argument("--repeats", type=int, default=None, help="of a question (3; quick: 1)")
    parser.add_argument(
        "--earlier", type=Path, nargs="+", default=None, help="JSON files of earlier runs to put together"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--max-seconds", type=float, default=None, help="processor time of a question (300; quick: 60)"
    )
    parser.add_argument("--max-gb", type=float, default=12.0, help="of memory, for every process")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get("ALFRAME_DATA_DIR", "data")),
        help="folder of MNIST and CIFAR-10 (ALFRAME_DATA_DIR, or data)",
    )
    parser.add_argument(
        "--cifar", type=Path, default=None, help="CIFAR-10 as data=arrays reads it, instead of torchvision's"
    )
    parser.add_argument(
        "--embeddings-dir", type=Path, default=None, help="alframe's vectors; those that it lacks are made"
    )
    return parser
