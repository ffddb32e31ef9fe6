import errno
import json
import os
from pathlib import Path

import pytest

from alframe.cli import sweep
from alframe.cli.job import _write_failure, _write_status
from alframe.cli.sweep import Job
from alframe.core.errors import UserError


def test_a_status_that_cannot_be_written_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with sweep.launching(tmp_path):
        _write_status(tmp_path, 0, Job(directory="0", status="running"))
        monkeypatch.setattr(os, "fsync", full)
        _write_status(tmp_path, 0, Job(directory="0", status="failed", reason="no"))
        assert capsys.readouterr().err.startswith("0: failed, but its status could not be written: ")
        assert [(job.status, job.reason) for job in sweep.read_statuses(tmp_path)] == [
            ("failed", sweep.KILLED)
        ]


def test_a_failure_that_cannot_be_written_stops_no_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    _write_failure(tmp_path, UserError("seed: no"))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    _write_failure(tmp_path, UserError("seed: no"))
    failure = json.loads((tmp_path / "failure.json").read_text())
    assert failure == {"status": "failed", "reason": "seed: no", "rounds": 0}
