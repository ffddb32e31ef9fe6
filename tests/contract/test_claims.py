"""What experiment files claim is complete, composes and agrees with the README."""

import math
import re
from pathlib import Path

import pytest

from alframe.config.command_line import check_command_line
from alframe.config.compose import composed
from alframe.config.validate import conf_directory
from claims import NOT_RUN, read_headers

README = (Path(__file__).parents[2] / "README.md").read_text()
HEADERS = {header.name: header for header in read_headers(conf_directory() / "experiment")}
# "| `alframe experiment=one_percent` | 1.00 % | 0.574 % (0.520 to 0.628) | ..."
ROWS = {
    name: cells.split("|")
    for name, cells in re.findall(r"^\| `alframe experiment=(\w+)` \| (.+) \|$", README, flags=re.MULTILINE)
}
NUMBERS = re.compile(r"([\d.]+) %(?: \(([\d.]+) to ([\d.]+)\))?")


def claimed(name, key):
    [claim] = [claim for claim in HEADERS[name].claims if claim.key == key]
    return claim.low, claim.high


@pytest.mark.parametrize("name", HEADERS)
def test_a_command_is_valid_and_a_finished_run_has_claims(name):
    header = HEADERS[name]
    assert header.command[0] == "alframe"
    assert f"experiment={name}" in header.command
    check_command_line(list(header.command[1:]))
    assert bool(header.claims) == (header.is_trial and not header.time.startswith(NOT_RUN))
    assert all(claim.low <= claim.high for claim in header.claims)


def test_the_default_trial_is_the_command_without_arguments():
    assert composed(["experiment=default"]) == composed([])


def test_the_readme_claims_a_few_trials():
    assert len(ROWS) >= 5
    assert set(ROWS) <= set(HEADERS)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(("column", "key"), [(0, "hand_share"), (1, "mislabelled_share")])
def test_a_claim_is_that_of_the_readme_for_five_seeds(name, column, key):
    mean, low, high = (float(each) / 100 if each else None for each in NUMBERS.findall(ROWS[name][column])[0])
    bounds = claimed(name, key)
    if low is None:  # exact, or a mean without an interval
        assert bounds[0] <= mean <= bounds[1]
        return
    # The interval of a mean over n seeds is t * s / sqrt(n), that of one new trial t * s * sqrt(1 + 1 / n).
    half = (high - low) / 2 * math.sqrt(5 + 1)
    if (name, key) == ("certified_one_percent", "hand_share"):  # from simulated audits, which vary more
        assert bounds[0] == pytest.approx(mean - half, abs=1e-5)
        assert bounds[1] > mean + half
        return
    assert bounds == pytest.approx((mean - half, mean + half), abs=1e-5)


@pytest.mark.parametrize("name", [name for name in ROWS if name.startswith("certified")])
def test_a_certificate_claims_the_bound_of_the_readme(name):
    proven = float(re.findall(r"at most ([\d.]+) %", ROWS[name][2])[0]) / 100
    assert claimed(name, "mislabelled_share") == (0, pytest.approx(proven))
    assert composed([f"experiment={name}"])["certificate"]["tolerance"] == pytest.approx(proven)
    assert claimed(name, "certificate.reached") == (1, 1)


def test_the_default_claims_are_those_of_the_readme_for_four_seeds():
    hand, wrong = re.findall(r"Seeds 11 to 14.*?([\d.]+) % hand labels, ([\d.]+) % mislabelled", README)[0]
    for key, mean in (("hand_share", hand), ("mislabelled_share", wrong)):
        low, high = claimed("default", key)
        assert 100 * (low + high) / 2 == pytest.approx(float(mean), abs=0.006)
