"""What the terminal says of the check, and its last lines if the auto-labels are not to be used."""

from dataclasses import replace

import pytest

from alframe.audit.check_sample import CheckSpec
from alframe.config.validate import check as check_config
from alframe.tracking import ConsoleTracker
from alframe.tracking.console_check import advice_lines, check_lines
from tests.support.helpers import config_of

SPEC = CheckSpec(num=None, default_num=100, confidence=0.95, warn=0.05)
HEAD, NEXT = "  check         ", "                "


@pytest.fixture
def unknown(summary):
    truth = {"mislabelled": None, "mislabelled_share": None, "auto_label_error": None}
    return replace(summary, **truth, n_samples=3000, auto_labels=2245, rounds=7)


def lines(summary, n_auto=2345, asked=100, wrong=3, undecided=0, simulated=False):
    check = SPEC.result(n_auto, asked, wrong=wrong, undecided=undecided, simulated=simulated)
    return check_lines(replace(summary, check=check))


def test_the_sample_the_bound_and_what_is_left(unknown):
    assert lines(unknown) == [
        f"{HEAD}3 of 100 auto-labels were wrong and are corrected",
        f"{NEXT}with 95 % confidence at most 7.46 % of the 2,345 auto-labels are wrong",
        f"{NEXT}(estimate 3.00 %, at least 0.85 %); after the corrections at most 172 wrong ones are left",
    ]
    assert lines(unknown, wrong=1)[0] == f"{HEAD}1 of 100 auto-labels was wrong and is corrected"
    assert lines(unknown, wrong=0)[0] == f"{HEAD}none of 100 auto-labels were wrong"


def test_answers_that_do_not_tell_are_said(unknown):
    assert lines(unknown, undecided=2)[-1] == (
        f"{NEXT}2 have no label now (cannot tell, or removed) and count as wrong in the bound"
    )


def test_if_all_were_checked_there_is_no_bound(unknown):
    assert lines(unknown, n_auto=40, asked=40) == [
        f"{HEAD}all auto-labels were checked: 3 of 40 were wrong and are corrected"
    ]


def test_that_nobody_has_looked_is_said(unknown):
    assert "stopping.max_hand_labels left no answer" in lines(unknown, asked=0, wrong=0)[0]
    assert "nobody has looked at the auto-labels" in check_lines(unknown)[0]
    assert check_lines(replace(unknown, auto_labels=0)) == [f"{HEAD}there are no auto-labels to check"]


def test_a_simulation_speaks_only_if_the_check_would_have_warned(summary):
    assert check_lines(summary) == lines(summary, wrong=0, simulated=True) == []
    assert lines(summary, simulated=True) == [
        f"{HEAD}a check would have warned: 3 of 100 auto-labels were wrong; with 95 % confidence at most "
        "7.46 % of the 2,345 auto-labels are wrong"
    ]


def advice(summary, tmp_path, *overrides, wrong=30, asked=100):
    config = config_of(*overrides)
    check = SPEC.result(2345, asked, wrong=wrong, undecided=0)
    return advice_lines(replace(summary, check=check), config, tmp_path)


def test_the_last_lines_say_not_to_use_them_and_what_helps(unknown, tmp_path):
    assert advice(unknown, tmp_path, wrong=0) == []
    said = advice(unknown, tmp_path)
    assert said == [
        "Do not use the auto-labels as they are: up to 38.21 % of them may be wrong (check.warn=0.05).",
        "What helps is another trial with one or more of:",
        "  more rounds          stopping.min_rounds=14 query.num=40",
        "  a stricter policy    auto_label.threshold=0.975",
        "  hand labels for all  auto_label=none remainder=hand",
    ]
    few = advice(unknown, tmp_path, wrong=0, asked=20)
    assert few[-1] == "  a larger check       check.num=100"
    assert "nobody has looked at them" in advice(unknown, tmp_path, wrong=0, asked=0)[0]


def test_the_answers_can_be_kept_if_the_oracle_can_take_them(unknown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = config_of()
    config["oracle"]["answers_from"] = None
    check = SPEC.result(2345, 100, wrong=30, undecided=0)
    refused = replace(unknown, auto_labels=0, spot_checks=40, spot_checks_wrong=12)
    assert advice_lines(refused, config, tmp_path / "mine")[1] == (
        "What helps is another trial with oracle.answers_from=mine, which keeps the answers, and with more "
        "rounds, such as stopping.min_rounds=14 query.num=40 stopping.max_untrusted_rounds=24."
    )
    said = advice_lines(replace(unknown, check=check), config, tmp_path / "mine")
    assert said[1] == (
        "What helps is another trial with oracle.answers_from=mine, which keeps the answers, and with one or "
        "more of:"
    )


@pytest.mark.parametrize(
    ("policy", "query"),
    [
        ("threshold", "query.share=0.7"),
        ("top_k", "query=none"),
        ("validated", "stopping.max_hand_labels=900"),
    ],
)
def test_every_advice_is_a_command_that_is_accepted(policy, query, unknown, tmp_path):
    given = [f"auto_label={policy}", query]
    for line in advice(unknown, tmp_path, *given, wrong=2)[2:]:
        keys = line[22:].split()
        assert keys, line
        remaining = [each for each in given if each.split("=")[0] not in {key.split("=")[0] for key in keys}]
        if "auto_label=none" in keys:
            remaining = [each for each in remaining if each != "query=none"]
        check_config(config_of(*remaining, *keys))


def test_the_advice_comes_last(unknown, make_info, make_outcome, tmp_path, capsys):
    check = SPEC.result(2345, 100, wrong=30, undecided=0)
    tracker = ConsoleTracker(bar=False)
    tracker.start(make_info(tmp_path, config=config_of()))
    tracker.finish(make_outcome(summary=replace(unknown, check=check)))
    assert capsys.readouterr().out.splitlines()[-1].startswith("  hand labels for all")


@pytest.mark.parametrize(
    ("wrong", "first"),
    [
        (12, "Do not use predictions as labels here: 12 of 40 spot checks were wrong. Nothing was"),
        (1, "Nothing was auto-labelled: 40 spot checks (1 wrong) are too few to trust any."),
    ],
)
def test_predictions_that_spot_checks_refuse_are_not_to_be_used(unknown, tmp_path, wrong, first):
    refused = replace(unknown, auto_labels=0, spot_checks=40, spot_checks_wrong=wrong)
    found = advice_lines(refused, config_of(), tmp_path)
    assert found[0].startswith(first)
    assert "stopping.min_rounds=14 query.num=40" in found[1]
