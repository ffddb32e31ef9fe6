"""Heavy libraries stay at the edge: which module may import what, read from the source."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import alframe

ROOT = Path(alframe.__file__).parent

ALLOWED = {
    "pytorch_lightning": {
        "learner/graph.py",
        "learner/module.py",
        "learner/reference.py",
        "learner/replayable.py",
    },
    "hydra": {"cli.py", "command_line.py", "compose.py", "job.py", "overrides.py", "targets.py"},
    "tensorboard": set(),
    "matplotlib": {
        "report/axes.py",
        "report/comparison_pictures.py",
        "report/draw_certificate.py",
        "report/draw_confidence.py",
        "report/draw_curves.py",
        "report/draw_mistakes.py",
        "report/draw_rankings.py",
        "report/draw_rounds.py",
        "report/style.py",
    },
    "optuna": {"search.py"},
    "wandb": {
        "report/wandb.py",
        "tracking/offline_runs.py",
        "tracking/wandb.py",
        "tracking/wandb_run.py",
    },
    "torchvision": {"learner/networks.py"},
    "sklearn": {"data/sources.py", "initial/typiclust.py", "query/clustering.py", "typicality.py"},
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("library", ALLOWED)
def test_a_heavy_library_is_imported_only_at_the_edge(library: str) -> None:
    users = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if library in imported(path)}
    assert users == ALLOWED[library]


def test_the_loop_knows_no_config_trainer_device_or_path() -> None:
    assert imported(ROOT / "loop.py") <= {
        "time",
        "collections",
        "dataclasses",
        "itertools",
        "typing",
        "torch",
        "alframe",
    }


def test_no_room_of_a_trial_knows_the_report() -> None:
    users = {
        path.relative_to(ROOT).parts[0]
        for path in ROOT.rglob("*.py")
        if re.search(r"\balframe\.report\b", path.read_text())
    }
    assert users == {"report"}


def test_help_needs_no_torch() -> None:
    code = "import sys, alframe, alframe.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
