"""`audit_labels`: audits of arrays from Python."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

from alframe import audit_labels
from alframe.core.errors import ConfigError, UserError

QUICK = {
    "rank.folds": 2,
    "rank.passes": 2,
    "rank.batch_size": 32,
    "network.widths": [8, 8, 8],
    "estimate.num": 20,
    "mend.batch": 20,
    "mend.max_answers": 40,
    "certificate.tolerance": 0.1,
    "precision": "float32",
    "threads": 1,
}
IMAGES, TRUTH = load_digits(return_X_y=True)
IMAGES, TRUTH = (IMAGES[:250].reshape(-1, 8, 8) * 15).astype(np.uint8), TRUTH[:250]
GIVEN = TRUTH.copy()
GIVEN[::10] = (GIVEN[::10] + 1) % 10
PROBABILITIES = np.full((250, 10), 0.01)
PROBABILITIES[np.arange(250), TRUTH] = 0.91


def test_a_function_answers_and_all_of_it_comes_back() -> None:
    asked: list[int] = []

    def answer(index_Q: Any) -> Any:
        asked.extend(index_Q)
        return TRUTH[index_Q]

    result = audit_labels(IMAGES, GIVEN, oracle=answer, settings=QUICK)
    assert len(asked) == len(set(asked)) == result.summary["answers"]
    assert np.isin(result.sources, ["audit", "mend"]).sum() == len(asked)
    assert (result.labels[asked] == TRUTH[asked]).all()
    untouched = np.setdiff1d(np.arange(250), asked)
    assert (result.labels[untouched] == GIVEN[untouched]).all()
    assert {each.index for each in result.changes} == {n for n in asked if GIVEN[n] != TRUTH[n]}
    assert [each.answer for each in result.changes] == [
        asked.index(each.index) + 1 for each in result.changes
    ]
    assert result.summary["simulated"] is None
    assert "confidence, at most" in result.statement
    assert "wrong labels" in repr(result)


def test_pairs_of_a_data_set_carry_their_labels() -> None:
    pairs = TensorDataset(torch.from_numpy(IMAGES[:100, None]), torch.from_numpy(GIVEN[:100]))
    result = audit_labels(pairs, settings={**QUICK, "stages": ["rank"]})
    assert (result.labels == GIVEN[:100]).all()
    assert len(result.suspects) == 100


def test_given_probabilities_rank_without_training() -> None:
    settings = {**QUICK, "stages": ["rank"], "rank.source": "given"}
    result = audit_labels(IMAGES, GIVEN, probabilities=PROBABILITIES, settings=settings)
    assert {each.index for each in result.suspects[:25]} == set(range(0, 250, 10))
    assert all(each.predicted == str(TRUTH[each.index]) for each in result.suspects)


def test_a_simulation_says_how_many_are_wrong_in_truth() -> None:
    settings = {**QUICK, "rank.source": "given"}
    result = audit_labels(IMAGES, GIVEN, probabilities=PROBABILITIES, truth=TRUTH, settings=settings)
    assert result.summary["simulated"]["wrong_before"] == 25
    assert result.summary["simulated"]["wrong_after"] == 0


def test_the_same_call_returns_the_finished_audit(tmp_path: Path) -> None:
    settings = {**QUICK, "rank.source": "given"}
    calls: list[int] = []

    def answer(index_Q: Any) -> Any:
        calls.append(len(index_Q))
        return TRUTH[index_Q]

    found = [
        audit_labels(
            IMAGES,
            GIVEN,
            probabilities=PROBABILITIES,
            oracle=answer,
            settings=settings,
            directory=tmp_path / "a",
        )
        for _ in range(2)
    ]
    assert (found[0].labels == found[1].labels).all()
    assert found[0].changes == found[1].changes
    assert sum(calls) == found[0].summary["answers"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"oracle": None}, "oracle: expected people"),
        ({"probabilities": PROBABILITIES * 2, "oracle": len}, "rows that sum to 1"),
        ({"probabilities": PROBABILITIES[:5], "oracle": len}, "probabilities: expected"),
        ({"truth": TRUTH, "oracle": len}, "oracle: expected none, since truth is given"),
        ({"oracle": len, "settings": {"mend.max_answer": 5}}, "mend.max_answer"),
    ],
)
def test_arguments_that_do_not_fit(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises((ConfigError, UserError)) as caught:
        audit_labels(IMAGES, GIVEN, **arguments)
    assert said in str(caught.value)
