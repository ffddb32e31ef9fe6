"""The folder of an export: parts of killed exports, and messages about room."""

import os
import time
from pathlib import Path
from unittest.mock import Mock

import pytest

from alframe.core.errors import UserError
from alframe.exchange.output_folder import LEFT_SECONDS, check_room, new_folder


def test_the_part_of_a_killed_export_is_removed_and_one_at_work_is_not(tmp_path: Path) -> None:
    old, running, other = (tmp_path / name for name in (".csv.part-a", ".csv.part-b", ".x.part-a"))
    for part in (old, running, other):
        part.mkdir()
        (part / "labels.csv").write_text("index,label")
    long_ago = time.time() - LEFT_SECONDS - 1
    for part in (old, other):
        os.utime(part, (long_ago, long_ago))
    with new_folder(tmp_path / "csv", overwrite=False) as part:
        (part / "labels.csv").write_text("whole")
    assert (tmp_path / "csv" / "labels.csv").read_text() == "whole"
    assert not old.exists()
    assert running.exists()
    assert other.exists()


@pytest.mark.parametrize(
    ("needed", "free", "told"),
    [
        (2_500_000, 40_000, "2.50 MB of images .* got 0.04 MB"),
        (5 * 10**9, 10**9, "5.00 GB of images .* got 1.00 GB"),
    ],
)
def test_missing_room_is_told_in_a_fitting_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needed: int, free: int, told: str
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Mock(free=free))
    with pytest.raises(UserError, match=told):
        check_room(tmp_path / "new" / "export", needed, "Make room.")
