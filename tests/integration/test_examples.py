"""The examples run: every notebook from top to bottom in a fresh kernel, every script with small settings."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
SCRIPTS = {
    "compare_in_python.py": (["--seeds", "1", "--limit", "300"], "margin"),
    "prove_with_an_audit.py": (["--limit", "300", "--tolerance", "0.2"], "proven"),
}


def run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "JPY_PARENT_PID": ""}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_script_has_small_settings_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs(name: str, tmp_path: Path) -> None:
    arguments, shown = SCRIPTS[name]
    assert shown in run([str(EXAMPLES / name), *arguments], tmp_path)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path, tmp_path: Path) -> None:
    executed = tmp_path / "executed.ipynb"
    executed.write_text(notebook.read_text())
    run(["-m", "jupyter", "execute", "--inplace", str(executed)], tmp_path)
    cells = nbformat.read(executed, as_version=4).cells
    assert all(cell.execution_count for cell in cells if cell.cell_type == "code")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_with_its_output(notebook: Path) -> None:
    cells = nbformat.read(notebook, as_version=4).cells
    assert any(cell.get("outputs") for cell in cells if cell.cell_type == "code")
    assert not [out for cell in cells for out in cell.get("outputs", []) if out.output_type == "error"]
