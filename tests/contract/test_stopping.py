"""What every stopping rule must do; a new file in conf/stopping/ is covered by being there."""

from dataclasses import replace

import pytest

from alframe.config.validate import conf_directory
from alframe.core.protocols import StoppingRule
from alframe.core.reports import Counts, FitReport, RoundReport
from alframe.trial.instantiate import instantiate
from tests.support.helpers import config_of

NAMES = sorted(path.stem for path in (conf_directory() / "stopping").glob("*.yaml"))


@pytest.fixture(params=NAMES)
def node(request: pytest.FixtureRequest) -> dict:
    return config_of(f"stopping={request.param}", "cost.hand_label=0.25")["stopping"]


def made(node: dict, **changes: object) -> StoppingRule:
    return instantiate("stopping", {**node, **changes}, [])


def report(round: int, *, left: int = 5000, asked: int = 100, cost: float = 1.0) -> RoundReport:
    hand = 1000 + round * asked
    counts = Counts(
        n_samples=10_000,
        hand_labels=hand,
        auto_labels=10_000 - hand - left,
        unlabelled=left,
        mislabelled=None,
        mislabelled_share=None,
        auto_label_error=None,
    )
    return RoundReport(
        kind="round",
        round=round,
        counts=counts,
        hand_new=asked,
        auto_new=0,
        unlabelled_before=left + asked,
        fit=FitReport(samples=hand, steps=1, epochs=None, loss=0.0, seconds=1.0),
        seconds=2.0,
        cost=cost,
        # Halves with every round: it pays to go on.
        validation_errors=tuple((share / 20, 0.5**round * share / 20) for share in range(1, 21)),
    )


def test_the_bounds_of_every_file_end_the_rounds(node: dict) -> None:
    late = {**node, "min_rounds": 100}
    for key, bound in {"max_rounds": 3, "max_hand_labels": 1300, "max_cost": 1.0}.items():
        rule = made(late, **{key: bound})
        reasons = [rule.reason(report(round, cost=round / 3)) for round in (1, 2, 3)]
        assert reasons[:2] == [None, None]
        assert reasons[2].startswith(f"stopping.{key}=")


def test_a_small_rest_ends_the_rounds_but_not_before_min_rounds(node: dict) -> None:
    rule = made(node, min_rounds=2, share=0.01)
    assert rule.reason(report(1, left=99)) is None
    assert "less than 1 %" in rule.reason(report(2, left=99))
    assert "every sample" in made(node, min_rounds=2).reason(report(2, left=0))


def test_no_rule_stops_while_there_is_progress(node: dict) -> None:
    rule = made(node, min_rounds=1)
    assert [rule.reason(report(round)) for round in (1, 2, 3)] == [None, None, None]


def test_same_reports_same_reasons_without_the_truth(node: dict) -> None:
    one, other = made(node, min_rounds=1), made(node, min_rounds=1)
    for round in range(1, 15):
        seen = report(round)
        with_truth = replace(
            seen, counts=replace(seen.counts, mislabelled=9, mislabelled_share=0.1), test_accuracy=0.9
        )
        assert one.reason(seen) == other.reason(with_truth) == other.reason(seen)


def test_a_rule_with_a_validation_set_has_its_size(node: dict) -> None:
    assert made(node).validation_size == node.get("validation_size", 0)


def test_the_prices_are_those_of_the_cost_group(node: dict) -> None:
    if "hand_label" in node:
        assert (node["hand_label"], node["auto_label"], node["hour"]) == (0.25, 0.0, 0.0)
