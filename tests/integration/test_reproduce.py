"""scripts/reproduce.py: which trials run, which do not run again, and the exit code."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from alframe.config.compose import composed
from alframe.core.errors import UserError
from alframe.core.trial_summary import TrialSummary
from claims import Header, parse_header
from tests.support import report_trials

TEXT = """\
# command   alframe experiment=digits data.limit=300
# result    good
# time      9 s
# hardware  CPU, any
# claim     hand_share 0.1 to 0.2 (made up)
"""
SUMMARY = {
    **report_trials.SUMMARY,
    "hand_share": 0.15,
    "seconds": 8.4,
    "device": "cpu",
    "precision": "float32",
    "engine": "reference",
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).parents[2] / "scripts" / "reproduce.py"
    spec = importlib.util.spec_from_file_location("reproduce", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def header() -> Header:
    return parse_header("toy", TEXT)


class FakeRun:
    """A fake of `alframe`: writes a finished trial, or none, and keeps its arguments."""

    def __init__(self, code: int = 0, finishes: bool = True) -> None:
        self.code, self.finishes = code, finishes
        self.lines: list[list[str]] = []

    def __call__(self, line: list[str], check: bool) -> "subprocess.CompletedProcess[str]":
        self.lines.append(line)
        [directory] = [each.partition("=")[2] for each in line if each.startswith("hydra.run.dir=")]
        if self.finishes:
            leave(Path(directory), line[3:-1])
        return subprocess.CompletedProcess(line, self.code)


def leave(directory: Path, overrides: list[str]) -> None:
    directory.mkdir(parents=True)
    (directory / "config.yaml").write_text(yaml.safe_dump(composed(overrides)))
    (directory / "summary.json").write_text(json.dumps(SUMMARY))


def test_a_finished_trial_is_not_run_again(script, header, tmp_path, monkeypatch) -> None:
    fake = FakeRun()
    monkeypatch.setattr(script.subprocess, "run", fake)
    first, again = (script.run(header, tmp_path / "toy") for _ in range(2))
    assert first == again == TrialSummary.from_json(SUMMARY).to_json()
    [line] = fake.lines
    assert line[1:] == [
        "-m", "alframe.cli.main", "experiment=digits", "data.limit=300", "tracker=csv",
        f"hydra.run.dir={tmp_path / 'toy'}",
    ]  # fmt: skip


def test_another_trial_in_the_directory_is_refused(script, header, tmp_path) -> None:
    leave(tmp_path / "toy", ["experiment=digits", "data.limit=200"])
    with pytest.raises(UserError, match=r"data\.limit is 200 there and 300 here"):
        script.run(header, tmp_path / "toy")


def test_a_failed_trial_has_no_summary_and_an_interrupt_ends_the_command(
    script, header, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(script.subprocess, "run", FakeRun(1, finishes=False))
    assert script.run(header, tmp_path / "toy") is None
    monkeypatch.setattr(script.subprocess, "run", FakeRun(130, finishes=False))
    with pytest.raises(KeyboardInterrupt):
        script.run(header, tmp_path / "toy")


@pytest.mark.parametrize(
    ("summary", "code", "message"),
    [
        (SUMMARY, 0, ""),
        ({**SUMMARY, "hand_share": 0.3}, 1, "reproduce: toy: hand_share is outside its claim.\n"),
        (None, 1, "reproduce: toy: the trial failed.\n"),
    ],
)
def test_the_exit_code_is_0_if_all_results_are_as_claimed(
    script, header, capsys, summary, code, message
) -> None:
    assert script.report({"toy": (header, summary)}) == code
    out, err = capsys.readouterr()
    assert err == message
    assert "| toy |" in out
    assert "Hardware of the claims of toy: CPU, any." in out
    assert ("Here: cpu (float32, reference engine)" in out) == (summary is not None)


def test_an_unknown_name_is_answered_with_the_known_ones(script, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["reproduce.py", "--only", "compare_strategies"])
    assert script.main() == 2
    assert "got compare_strategies." in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["reproduce.py", "--minutes", "0.01"])
    assert script.main() == 2
    assert "--minutes: expected enough time for one trial, got 0.01" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["reproduce.py", "--list"])
    assert script.main() == 0
    listed = capsys.readouterr().out
    lines = listed.splitlines()
    assert lines[0].split() == ["experiment", "time", "claims", "run", "here"]
    default = next(line for line in lines if line.startswith("default "))
    assert default.split()[-2] == "2"
    assert default.index("2 ", lines[0].index("claims")) == lines[0].index("claims")  # aligned
    assert "no, a sweep" in listed
    assert max(map(len, lines)) <= 110
