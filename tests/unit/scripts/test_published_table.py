"""The table and the picture of the published protocol's three knobs."""

from pathlib import Path

import pytest
from PIL import Image

from alframe.report.load.trials import find_trials
from published_table import draw, rows_of, table
from tests.support.report_trials import leave_trial


@pytest.fixture
def trials(tmp_path: Path) -> Path:
    """Return a folder of five trials: three seeds of one row, one of another, two thresholds."""
    hands = {(0.99, 0.05, 0.005, seed): 10 * seed for seed in (61, 62, 63)}
    hands |= {(0.999999, 0.01, 0.01, 61): 5000, (0.99, 0.01, 0.01, 61): 600}
    for (threshold, initial, asked, seed), hand in hands.items():
        leave_trial(
            tmp_path / "sweep" / f"{threshold}_{initial}_{asked}_{seed}",
            seed,
            query={"share": asked},
            figures={
                "hand_labels": hand,
                "hand_share": hand / 60000,
                "mislabelled_share": 0.001 * (seed - 60),
                "rounds": seed - 55,
            },
            auto_label={"threshold": threshold},
            initial={"share": initial},
        )
    return tmp_path / "sweep"


def test_a_row_is_the_mean_over_the_seeds_with_its_interval(trials: Path) -> None:
    """Of 610, 620, 630 the mean is 620 and half the interval 4.303 * 10 / sqrt(3) = 24.8."""
    lines = table(rows_of(find_trials([trials]).trials)).splitlines()
    assert lines[2:] == [
        "| 0.99 | 1 % | 1 % | 1 | 600 | 1.0 | 0.100 | 6 |",
        "| 0.99 | 5 % | 0.5 % | 3 | 620 (595 to 645) | 1.0 (1.0 to 1.1) | 0.200 (0.000 to 0.448) | 7 |",
        "| 0.999999 | 1 % | 1 % | 1 | 5,000 | 8.3 | 0.100 | 6 |",
    ]
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|")


def test_the_picture_can_be_opened(trials: Path, tmp_path: Path) -> None:
    draw(rows_of(find_trials([trials]).trials), tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.width > 800
