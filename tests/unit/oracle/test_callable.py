"""A function as an oracle: the forms of its answers, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

from alframe.core.errors import ConfigError
from alframe.core.ledger import CANNOT_TELL, NO_CLASS
from alframe.oracle import CallableOracle, CheckedOracle

NAMES = ("ant", "bee", "cat")


def answered(answers, names=NAMES, n=3):
    oracle = CallableOracle(lambda index: answers, tuple(names))
    found = oracle.label(torch.arange(10, 10 + n))
    assert found.dtype == torch.int64
    return found.tolist()


FORMS = {
    "an array": np.array([2, 0, 1], np.uint8),
    "a list": [2, 0, 1],
    "a tuple": (2, 0, 1),
    "a generator": (k for k in (2, 0, 1)),
    "whole floats": [2.0, 0.0, 1.0],
    "NumPy scalars": [np.int64(2), np.float32(0), np.uint8(1)],
    "a tensor": torch.tensor([2, 0, 1], dtype=torch.int32),
    "a tensor with gradients": torch.tensor([2.0, 0.0, 1.0], requires_grad=True),
    "tensors": [torch.tensor(2), torch.tensor(0), torch.tensor(1)],
    "a Series": pd.Series([2, 0, 1], index=[5, 6, 7]),
    "names": ["cat", "ant", "bee"],
    "an array of names": np.array(["cat", "ant", "bee"]),
    "a Series of names": pd.Series(["cat", "ant", "bee"]),
    "a categorical Series": pd.Series(["cat", "ant", "bee"], dtype="category"),
    "names as typed": [" Cat", "ANT", "bee "],
    "bytes": [b"cat", b"ant", b"bee"],
    "both": ["cat", 0, 1.0],
}


@pytest.mark.parametrize("answers", FORMS.values(), ids=FORMS)
def test_answers_are_read_in_any_form(answers):
    assert answered(answers) == [2, 0, 1]


@pytest.mark.parametrize("answer", [1, 1.0, "bee", np.int64(1), torch.tensor(1), np.array(1), [1], ("bee",)])
def test_one_question_may_have_a_single_answer(answer):
    assert answered(answer, n=1) == [1]


def test_no_question_has_no_answer():
    assert answered([], n=0) == []


@pytest.mark.parametrize("answer", [None, float("nan"), np.nan, pd.NA, "?", CANNOT_TELL])
def test_cannot_tell(answer):
    assert answered(["ant", answer, "cat"]) == [0, CANNOT_TELL, 2]
    assert answered(answer, n=1) == [CANNOT_TELL]


@pytest.mark.parametrize("answer", ["-", NO_CLASS])
def test_none_of_these(answer):
    assert answered([0, answer, 2]) == [0, NO_CLASS, 2]


def test_numbers_are_names_if_the_classes_are_named_by_numbers():
    names = ["1", "2", "10"]
    assert answered([1, 2, 10], names) == answered([1.0, "2", "10.0"], names) == [0, 1, 2]
    for wrong in (0, 1.5, float("inf")):
        with pytest.raises(ConfigError, match=rf"a class name \(1, 2, 10, .*\), got {wrong}\. .* sample 12"):
            answered([1, 2, wrong], names)
    assert answered([True, False, 1], ["False", "True"]) == [1, 0, 1]
    assert answered([True, False, 1], ["no", "yes"]) == [1, 0, 1]


REFUSED = {
    "too few": ([0, 1], r"3 answers, one for each index\. It returned 2\."),
    "nothing for several": (None, r"It returned None\."),
    "one for several": (1, "returned one int"),
    "one name for several": ("cat", "returned one str"),
    "a mapping": ({10: 0, 11: 1, 12: 2}, "returned one dict"),
    "probabilities": (np.ones((3, 3)), r"returned an array of shape \(3, 3\)"),
    "one column": (torch.ones(3, 1), r"returned an array of shape \(3, 1\)"),
    "beyond": ([0, 3, 1], r"a class from 0 to 2 or a class name \(ant, bee, cat, .*\), got 3\. .* sample 11"),
    "negative": ([0, -1, 1], "got -1"),
    "a fraction": ([0, 0.5, 1], "got 0.5"),
    "infinite": ([0, float("inf"), 1], "got inf"),
    "a bool of three classes": ([0, True, 1], "got True"),
    "another name": (["ant", "dog", "cat"], "got 'dog'"),
    "an empty name": (["ant", "", "cat"], "got ''"),
    "an object": ([{"a": 1}, 0, 1], "got \"{'a': 1}\""),
}


@pytest.mark.parametrize(("answers", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_answer_is_refused_in_one_line(answers, message):
    with pytest.raises(ConfigError, match=rf"^oracle: expected .*{message}") as refusal:
        answered(answers)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("late", [False, True])
def test_an_exception_of_the_function_passes_with_a_note_of_the_samples(late):
    mine = RuntimeError("the service is down")

    def fail():
        raise mine
        yield

    oracle = CallableOracle(lambda index: fail() if late else next(fail()), NAMES)
    with pytest.raises(RuntimeError) as failure:
        oracle.label(torch.arange(7, 19))
    assert failure.value is mine
    assert mine.__notes__ == [
        f"alframe had asked the oracle about the samples {list(range(7, 17))} and 2 more."
    ]


class Mine:
    """An oracle object with an attribute and a state."""

    questions_at_once = 7

    def __init__(self, answers):
        self.answers = answers

    def label(self, index_Q):
        return self.answers(index_Q)

    def state_dict(self):
        return {"asked": 3}


def test_an_object_s_answers_are_checked_and_its_numbers_are_class_numbers():
    index_Q = torch.tensor([4, 5])
    for answers in (lambda index: index - 4, lambda index: [0, 1], lambda index: ["1", "2"]):
        oracle = CheckedOracle(Mine(answers), ("1", "2"))
        assert oracle.label(index_Q).tolist() == [0, 1]
        assert (oracle.questions_at_once, oracle.state_dict()) == (7, {"asked": 3})
        assert not hasattr(oracle, "load_state_dict")
    for answers, got in ((lambda index: index * 9, "got 36"), (lambda index: None, "It returned None")):
        with pytest.raises(ConfigError, match=got):
            CheckedOracle(Mine(answers), ("1", "2")).label(index_Q)


def test_the_function_gets_indices_that_it_may_change():
    def answers(index):
        assert index.dtype == np.int64
        index[:] = 0
        return index

    index_Q = torch.tensor([4, 5])
    assert CallableOracle(answers, NAMES).label(index_Q).tolist() == [0, 0]
    assert index_Q.tolist() == [4, 5]


def test_a_class_name_that_is_a_negative_number_comes_before_the_code_for_no_class():
    assert answered([-2, -1, NO_CLASS], names=("-2", "-1", "0")) == [0, 1, NO_CLASS]
    assert answered([CANNOT_TELL, NO_CLASS, 7], names=("5", "6", "7")) == [CANNOT_TELL, NO_CLASS, 2]
