"""alframe-report from its arguments to its files and exit codes."""

import errno
import json
import subprocess
import sys
from importlib import util
from pathlib import Path
from unittest import mock

import pytest

from alframe.report.main import main
from tests.support.report_trials import MARGIN, RANDOM, leave_trial


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two groups of three trials, one that failed and one that is damaged."""
    folder = tmp_path / "sweep"
    for k in range(6):
        name, query = (("random", RANDOM), ("margin", MARGIN))[k // 3]
        seconds = {"seconds": 10 + k}
        leave_trial(folder / str(k), k % 3, choices={"query": name}, query=query, figures=seconds)
    (folder / "6").mkdir()
    failure = {"status": "failed", "reason": "training diverged", "rounds": 1}
    (folder / "6" / "failure.json").write_text(json.dumps(failure))
    (leave_trial(folder / "7", 9) / "summary.json").write_text('{"seed": 9')
    return folder


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(each) for each in arguments])
    return int(end.value.code or 0)


def test_a_sweep_leaves_a_report_in_its_folder(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(sweep) == 0
    out = capsys.readouterr().out
    assert "Paired differences from random" in out
    assert "Warning: Fewer than 5 seeds in every group." in out
    words = " ".join(out.split())
    assert "Warning: 2 trials are left out of all figures" in words
    assert f"{sweep}/6 status: failed reason: training diverged" in words
    assert f"{sweep}/7 status: damaged reason: summary.json: cut off or damaged" in words
    assert out.endswith(f"Files in {sweep}/report: report.html report.json tables pictures\n")
    report = sweep / "report"
    assert "<html" in (report / "report.html").read_text()
    assert {file.suffix for file in (report / "tables").glob("means.*")} == {".md", ".csv", ".tex"}
    assert {file.suffix for file in (report / "pictures").glob("pareto_front.*")} == {".png", ".svg"}
    content = json.loads((report / "report.json").read_text())
    assert content["seeds"] == {"random": [0, 1, 2], "margin": [0, 1, 2]}
    assert content["differences"]["margin"]["seconds"]["difference"]["mean"] == 3
    assert content["named_by"] == ["query"]
    assert len(content["trials"]) == 6
    assert [each["status"] for each in content["left_out"]] == ["failed", "damaged"]
    # The report that lies in the sweep now is no trial.
    assert run(sweep, "--no-pictures") == 0


def test_an_earlier_report_leaves_nothing_behind(sweep: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    own = out / "tables" / "notes.md"
    own.parent.mkdir(parents=True)
    for ending in (".md", ".csv", ".tex"):  # not of a report: there is no report.json
        own.with_suffix(ending).write_text("mine")
    assert run(sweep / "4", sweep / "1", "--out", out) == 0
    assert own.exists()
    own.with_suffix(".tex").unlink()
    assert (out / "tables" / "trial2_rounds.tex").exists()
    assert run(sweep, "--no-pictures", "--out", out) == 0
    assert not (out / "pictures").exists()
    assert not list((out / "tables").glob("trial2_*"))
    assert {file.name for file in (out / "tables").glob("means.*")} == {"means.md", "means.csv", "means.tex"}
    assert own.read_text() == own.with_suffix(".csv").read_text() == "mine"


def test_a_json_file_goes_into_a_folder_that_is_there(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (tmp_path, tmp_path / "none" / "all.json"):
        assert run(sweep, "--no-pictures", "--out", tmp_path / "out", "--json", file) == 2
        assert capsys.readouterr().err.startswith(
            "alframe-report: --json: expected a file in an existing folder"
        )


def test_options(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, file = tmp_path / "a" / "b", tmp_path / "all.json"
    code = run(
        sweep / "0", sweep / "1", sweep / "3", sweep / "4", sweep, "--out", out, "--json", file, "--by",
        "query", "--against", "margin", "--family", "cell", "--no-pictures",
    )  # fmt: skip
    assert code == 0
    assert "Paired differences from margin" in capsys.readouterr().out
    assert not (out / "pictures").exists()
    content = json.loads(file.read_text())
    assert content == json.loads((out / "report.json").read_text())
    assert content["against"] == "margin"
    assert content["penalties"]["family"] == "cell"
    assert len(content["trials"]) == 6


def test_one_trial_and_a_few(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(sweep / "4", "--out", tmp_path / "one") == 0
    assert capsys.readouterr().out.startswith("digits, seed 1: 4\n")
    assert "Means over seeds" not in (tmp_path / "one" / "report.html").read_text()
    assert run(sweep / "4", sweep / "1", "--out", tmp_path / "two") == 0
    assert "trial1_" not in capsys.readouterr().out
    assert (tmp_path / "two" / "tables" / "trial2_rounds.csv").exists()
    page = (tmp_path / "two" / "report.html").read_text()
    assert "Means over seeds" in page
    assert "margin, seed 1: " in page
    assert "random, seed 1: " in page


def test_a_reader_may_leave_early(sweep: Path) -> None:
    command = f"{sys.executable} -m alframe.report.main {sweep} --no-pictures | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_several_folders_report_into_the_current_one(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(sweep / "4", sweep / "1", "--no-pictures") == 0
    assert (tmp_path / "report" / "report.html").exists()


def test_a_mistake_is_one_line(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for arguments, text in (
        ([tmp_path / "empty"], "expected finished trials"),
        ([tmp_path / "nothing"], "a path that does not exist"),
        ([sweep, "--against", "badge"], "--against: expected one of random, margin, got badge."),
        ([sweep, "--by", "learner"], "--by learner: expected a config group or setting"),
        ([sweep, "--by", "data_dir"], "--by data_dir: expected a config group or setting"),
        ([sweep, "--out", tmp_path / "file"], "--out: expected a writable folder"),
        ([sweep, "--familly", "cell"], "unrecognized arguments: --familly cell. See alframe-report --help"),
        ([], "the following arguments are required: DIR"),
    ):
        assert run(*arguments, *(["--no-pictures"] if arguments else [])) == 2
        result = capsys.readouterr().err
        assert text in result
        assert result.startswith("alframe-report: ")
        assert result.count("\n") == 1


def test_a_file_that_cannot_be_written_is_no_mistake_of_the_user_s(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with mock.patch("alframe.report.output.write.write_whole", side_effect=full):
        assert run(sweep, "--no-pictures", "--json", tmp_path / "all.json") == 1
    assert "all.json: expected to write this file, got No space left on device" in capsys.readouterr().err


def test_without_matplotlib_there_are_tables_and_a_line(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = util.find_spec

    def missing(name: str, package: str | None = None) -> object:
        return None if name == "matplotlib" else found(name, package)

    with mock.patch("alframe.core.optional_package.find_spec", missing):
        assert run(sweep) == 0
    result = capsys.readouterr()
    assert result.err.count("\n") == 1
    assert "pip install 'alframe[report]'" in result.err
    assert result.out.endswith("report.html report.json tables\n")


def test_names_of_any_script_reach_a_terminal_of_ascii(tmp_path: Path) -> None:
    for k, path in enumerate(("häuser", "猫")):
        leave_trial(tmp_path / str(k), 1, data={"path": path})
    done = subprocess.run(
        [sys.executable, "-m", "alframe.report.main", str(tmp_path), "--no-pictures"],
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr
    assert "path 猫" in (tmp_path / "report" / "tables" / "means.md").read_text(encoding="utf-8")


def test_reading_trials_needs_no_torch() -> None:
    code = (
        "import sys, alframe.report.main, alframe.report.plots.comparison_pictures as _; "
        "sys.exit(bool({'torch', 'matplotlib', 'hydra', 'wandb'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
