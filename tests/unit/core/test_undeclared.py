"""A component that reads a score which it did not declare."""

from dataclasses import dataclass, replace

import pytest
import torch

from alframe.core.errors import ConfigError
from alframe.core.records import Labelled, PoolScores, Validation
from alframe.core.undeclared import NEED_OF, checked_call

SCORES = PoolScores(index_P=torch.arange(3), predicted_P=torch.zeros(3).long(), log_odds_P=torch.ones(3))
LABELLED = Labelled(
    index_L=torch.arange(2), label_L=torch.arange(2), hand_L=torch.ones(2).bool(), pool_P=torch.arange(3)
)
READS = {
    "a method": lambda scores, labelled: scores.entropy_P.argsort(),
    "an argument": lambda scores, labelled: torch.cdist(scores.index_P[:, None] * 1.0, labelled.features_LD),
    "arithmetic": lambda scores, labelled: -scores.margin_P,
    "an index": lambda scores, labelled: scores.log_probs_PC[0],
    "a list of tensors": lambda scores, labelled: torch.cat([scores.log_odds_P, scores.margin_P]),
    "as_tensor": lambda scores, labelled: torch.as_tensor(scores.entropy_P),
    "after a part was taken": lambda scores, labelled: scores.at(slice(2)).members_PKC.mean(1),
    "after some were left out": lambda scores, labelled: scores.without(torch.tensor([1])).features_PD.sum(),
    "an assertion": lambda scores, labelled: _asserted(scores.entropy_P),
}
FIELDS = "entropy_P features_LD margin_P log_probs_PC margin_P entropy_P members_PKC features_PD entropy_P"
READ = dict(zip(READS, FIELDS.split(), strict=True))


def _asserted(value: object) -> object:
    assert value is not None
    return value


@dataclass
class Reader:
    """Calls a function in each of its methods."""

    reads: object
    needs: frozenset[str] = frozenset()

    def select(self, scores, labelled):
        return self.reads(scores, labelled)

    def candidates(self, scores):
        return self.reads(scores, LABELLED)

    def accept(self, scores, validation):
        return self.reads(validation.scores, LABELLED)


@pytest.mark.parametrize("kind", READS)
def test_the_score_that_was_read_is_named_with_the_way_out(kind: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked_call("query", Reader(READS[kind]), "select", SCORES, LABELLED)
    field = READ[kind]
    assert str(caught.value) == (
        f'query: expected "{NEED_OF[field]}" in the needs of Reader, since it reads {field}. '
        f'Write needs = frozenset({{"{NEED_OF[field]}"}}) in its class.'
    )
    assert "\n" not in str(caught.value)


def test_what_is_declared_stays_in_the_advice() -> None:
    reader = Reader(READS["arithmetic"], needs=frozenset({"features"}))
    with pytest.raises(ConfigError, match=r'needs = frozenset\(\{"features", "margin"\}\)'):
        checked_call("query", reader, "select", SCORES, LABELLED)


def test_a_costly_score_in_candidates_is_for_select() -> None:
    reader = Reader(READS["after some were left out"], needs=frozenset({"features"}))
    with pytest.raises(
        ConfigError, match=r"^query: expected Reader.candidates to read only .* Read it in select"
    ):
        checked_call("query", reader, "candidates", SCORES)


def test_a_policy_that_reads_the_validation_set_s_scores() -> None:
    validation = Validation(scores=SCORES, label_V=torch.zeros(3).long())
    with pytest.raises(ConfigError, match=r'^auto_label: expected "entropy" in the needs of Reader'):
        checked_call("auto_label", Reader(READS["a method"]), "accept", SCORES, validation)


def test_other_errors_and_allowed_looks_at_none_stay_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError):
        checked_call("query", Reader(lambda scores, labelled: 1 / 0), "select", SCORES, LABELLED)
    with pytest.raises(AttributeError, match="NoneType"):
        checked_call("query", Reader(lambda scores, labelled: None.x), "select", SCORES, LABELLED)
    looks = Reader(lambda scores, labelled: 1 if scores.margin_P is None else 2)
    assert checked_call("query", looks, "select", SCORES, LABELLED) == 1
    given = replace(SCORES, margin_P=torch.ones(3))
    assert checked_call("query", Reader(READS["arithmetic"]), "select", given, LABELLED).tolist() == [-1] * 3
