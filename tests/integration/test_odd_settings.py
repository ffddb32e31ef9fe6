"""Settings that look plausible but are wrong: refused in one line before the first label."""

from pathlib import Path

import pytest

from alframe.core.errors import TrialNotice
from tests.support.helpers import SHORT, alframe


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["data=arrays", "data.path=5"], "data.path: expected a text, got 5"),
        (["+query.foo=1"], "query: expected settings that alframe.query.Margin takes"),
        (["+network.foo=1"], "network: expected settings that"),
        (["learner.augment=null"], "learner.augment: expected settings"),
        (["learner.one_cycle.div_factor=0"], "learner.one_cycle.div_factor: expected a number above 0"),
        (["learner.one_cycle.pct_start=1"], "learner.one_cycle.pct_start: expected a probability"),
        (["network.widths=[0,1]"], "network.widths: expected a list of whole numbers"),
        (["threads=99999999"], "threads: expected a whole number of at least 1 and at most 1024"),
        (["learner.batch_size=99999999999"], "learner.batch_size: expected a whole number"),
        (["stopping.max_hand_labels=30"], "at least the seed set's 60 samples, got 30"),
        (["auto_label=none", "auto_label.threshold=0.9"], "the choice made for auto_label has no such key"),
    ],
)
def test_an_odd_setting_is_one_line_and_exit_code_2(tmp_path: Path, typed: list[str], message: str) -> None:
    done = alframe(*SHORT, "tracker=none", *typed, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            ["query=bald", "learner.committee.kind=ensemble", "learner.ensemble=1"],
            "learner.ensemble: expected at least 2",
        ),
        (
            ["query=bald", "learner.committee.kind=dropout"],
            "learner.committee.kind: expected a network with dropout",
        ),
        (["certificate=null"], "certificate: expected"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_the_first_label(
    tmp_path: Path, typed: list[str], message: str
) -> None:
    done = alframe(*SHORT, *typed, "tracker=none", "hydra.run.dir=out", cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "out" / "rounds.csv").exists()


def test_a_certificate_with_an_oracle_that_errs_warns(tmp_path: Path) -> None:
    promised = ["certificate.tolerance=0.5", "certificate.max_labels=20", "oracle=noisy", "oracle.rate=0.1"]
    with pytest.warns(TrialNotice, match=r"Write certificate.oracle_error=0.1"):
        done = alframe(*SHORT, *promised, "tracker=none", "hydra.run.dir=out", cwd=tmp_path)
    assert done.returncode == 0
    assert "assumes that every answer is right" in done.stdout


def test_an_enormous_spread_asks_from_the_whole_pool(tmp_path: Path) -> None:
    done = alframe(*SHORT, "tracker=none", "query.spread=1e308", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_folder_name_with_a_space_and_an_accent(tmp_path: Path) -> None:
    group = tmp_path / "my confé" / "query"
    group.mkdir(parents=True)
    (group / "mine.yaml").write_text("_target_: alframe.query.RandomQuery\nnum: 7\n")
    short = [setting for setting in SHORT if not setting.startswith("query")]
    done = alframe("--config-dir", str(group.parent), *short, "query=mine", "tracker=none", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = alframe("--config-dir", "nowhere", *short, cwd=tmp_path)
    assert done.returncode == 2
    assert "--config-dir: expected a folder, got 'nowhere'" in done.stderr
