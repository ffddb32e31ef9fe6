"""The loop with people: questions that stay open, answers that change, answers without a class."""

from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor

from alframe.audit.label_counts import TruthEvaluator
from alframe.core.errors import UserError
from alframe.core.ledger import CANNOT_TELL, NO_CLASS, LabelLedger, Source
from alframe.core.loop import label_dataset
from alframe.core.loop_plan import Amount, LoopPlan
from tests.loop.test_loop import FREE, FakeLearner, components


@dataclass
class RememberedAnswers:
    """A remembering oracle over a list of answers."""

    answers: list[int]
    known_before: list[int] = field(default_factory=list)
    asked: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    given: dict[int, int] = field(default_factory=dict)
    now: tuple[str, int] = ("", 0)

    def collect(self) -> None:
        pass

    def begin(self, purpose: str, round: int) -> Tensor:
        self.now = purpose, round
        return torch.tensor(self.asked.get(self.now, []), dtype=torch.int64)

    def label(self, index_Q: Tensor) -> Tensor:
        self.asked.setdefault(self.now, []).extend(index_Q.tolist())
        for index in index_Q.tolist():
            self.given.setdefault(index, self.answers[index])
        return torch.tensor([self.given[index] for index in index_Q.tolist()])

    def current(self, index: Tensor) -> Tensor:
        return torch.tensor([self.given.get(each, -1) for each in index.tolist()], dtype=torch.int64)

    def known(self, round: int) -> Tensor:
        later = {index for (_, n), asked in self.asked.items() if n >= round for index in asked}
        return torch.tensor(sorted({*self.known_before, *self.given} - later), dtype=torch.int64)


def make_plan(**changes):
    prose = {"keep": "permanent", "order": "auto_first", "remainder": "hand", "cost": FREE}
    return LoopPlan(**{"seed": 0, "question": Amount(num=2), **prose, **changes})


def results(oracle, *, max_rounds=2, **plan):
    learner = FakeLearner()
    parts = replace(components(learner, threshold=None, max_rounds=max_rounds), oracle=oracle)
    return list(label_dataset(parts, make_plan(**plan), LabelLedger.empty(10)))


def test_more_is_asked_if_all_seed_answers_name_one_class():
    oracle = RememberedAnswers([0] * 9 + [1])
    seed = results(oracle)[0]
    assert seed.ledger.label_N[9] == 1
    assert "did not name two classes" in seed.report.note
    assert {purpose for purpose, _ in oracle.asked} >= {"seed", "seed 2"}
    assert all(source in (0, Source.SEED) for source in seed.ledger.source_N.tolist())


def test_answers_without_a_class_are_not_asked_again_and_not_learned():
    oracle = RememberedAnswers([0, 1, CANNOT_TELL, NO_CLASS, 0, 1, CANNOT_TELL, 1, 0, 1])
    last = results(oracle)[-1]
    asked = [index for question in oracle.asked.values() for index in question]
    assert len(asked) == len(set(asked)) == 10
    assert last.ledger.index_set_aside.tolist() == [2, 3, 6]
    counts = last.report.counts
    assert (counts.hand_labels, counts.set_aside, counts.unlabelled) == (10, 3, 0)
    assert counts.hand_share == 1.0


def test_a_changed_answer_counts_from_the_next_round_on():
    oracle = RememberedAnswers([0, 1] * 5)
    learner = FakeLearner()
    parts = replace(components(learner, threshold=None, max_rounds=2), oracle=oracle)
    seen = []
    for result in label_dataset(parts, make_plan(), LabelLedger.empty(10)):
        if result.report.kind == "seed":
            changed = int(result.ledger.index_hand[0])
            oracle.given[changed] = 1 - oracle.given[changed]
        seen.append(int(result.ledger.label_N[changed]))
    assert seen[0] != seen[1] == seen[-1] == oracle.given[changed]


def test_a_question_that_is_open_is_asked_again_as_it_was():
    first = RememberedAnswers([0, 1] * 5)
    wanted = {key: list(index) for key, index in _asked(first).items()}
    again = RememberedAnswers([0, 1] * 5, asked={("seed", 0): [8, 1, 3]})
    assert results(again)[0].ledger.index_hand.tolist() == [1, 3, 8]
    assert wanted[("seed", 0)] != [8, 1, 3]


def _asked(oracle):
    results(oracle)
    return oracle.asked


def test_known_answers_take_the_place_of_the_seed_set():
    oracle = RememberedAnswers([0, 1] * 5, known_before=[2, 3, 5, 7])
    assert set(results(oracle)[0].ledger.index_hand.tolist()) >= {2, 3, 5, 7}


def test_a_rare_class_is_found_in_few_questions_since_each_is_as_large_as_all_before():
    oracle = RememberedAnswers([0] * 80)
    parts = replace(
        components(FakeLearner(), threshold=None, max_rounds=1), oracle=oracle, evaluator=TruthEvaluator(None)
    )
    with pytest.raises(UserError, match="at least two classes, got 1 in 40 answers"):
        list(label_dataset(parts, make_plan(max_hand_labels=40), LabelLedger.empty(80)))
    assert [len(asked) for asked in oracle.asked.values() if asked] == [2, 2, 4, 8, 16, 8]
