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
        "embedding/devices.py",
        "learner/engines/replay_callback.py",
        "learner/module.py",
        "learner/engines/reference.py",
        "learner/engines/replay_checks.py",
    },
    "hydra": {
        "cli/audit_job.py",
        "cli/command_record.py",
        "cli/hydra_command.py",
        "cli/embed_job.py",
        "cli/exit_codes.py",
        "config/command_line.py",
        "config/compose.py",
        "cli/job.py",
        "cli/packed.py",
        "cli/search_loop.py",
        "cli/search_space.py",
        "cli/slurm.py",
        "config/overrides.py",
        "trial/instantiate.py",
    },
    "bottle": {"page/replies.py", "page/routes.py"},
    "waitress": {"page/server.py"},
    "tensorboard": set(),
    "matplotlib": {
        "report/plots/axes.py",
        "report/plots/comparison_pictures.py",
        "report/plots/draw_certificate.py",
        "report/plots/draw_confidence.py",
        "report/plots/draw_curves.py",
        "report/plots/draw_mistakes.py",
        "report/plots/draw_rankings.py",
        "report/plots/draw_rounds.py",
        "report/plots/style.py",
    },
    "optuna": {"cli/search_loop.py", "cli/search_space.py", "cli/search_study.py"},
    "wandb": {
        "report/output/wandb.py",
        "tracking/wandb.py",
        "tracking/wandb_run.py",
    },
    "torchvision": {
        "data/torchvision_sets.py",
        "embedding/efficientnet_lite.py",
        "embedding/prepare.py",
        "embedding/torchvision_models.py",
        "learner/networks.py",
    },
    "timm": {"embedding/checkpoints.py", "embedding/timm_models.py"},
    "open_clip": {"embedding/open_clip_models.py"},
    "openvino": {"embedding/runtime.py"},
    "onnxruntime": {"_onnx.py"},
    "huggingface_hub": {"embedding/weights.py"},
    "sklearn": {"data/sources.py", "query/clustered_seed_sets.py", "query/clustering.py"},
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


def test_the_loop_imports_no_config_trainer_or_path() -> None:
    assert imported(ROOT / "core/loop.py") <= {
        "time",
        "collections",
        "dataclasses",
        "itertools",
        "typing",
        "torch",
        "alframe",
    }


def test_only_the_report_imports_the_report() -> None:
    users = {
        path.relative_to(ROOT).parts[0]
        for path in ROOT.rglob("*.py")
        if re.search(r"^ *(?:from|import) alframe\.report\b", path.read_text(), flags=re.MULTILINE)
    }
    assert users == {"report"}


def test_help_needs_no_torch() -> None:
    commands = ", ".join(f"alframe.cli.{name}" for name in ("audit", "embed", "export", "label", "main"))
    code = f"import sys, alframe, {commands}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
