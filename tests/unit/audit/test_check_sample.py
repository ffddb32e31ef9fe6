"""The check sample: its bounds against full enumeration, its questions, and what answers do to the ledger."""

from dataclasses import dataclass, field
from itertools import combinations
from math import comb

import pytest
import torch
from torch import Tensor

from alframe.audit.check_sample import AskedCheck, CheckSpec, SimulatedCheck, draw
from alframe.audit.hypergeometric import least_wrong, most_wrong
from alframe.core.errors import ConfigError
from alframe.core.ledger import CANNOT_TELL, NO_CLASS, LabelLedger, Source

ALPHA = 0.05
SPEC = CheckSpec(num=None, default_num=100, confidence=0.95, warn=0.05)
N = 40


@dataclass
class Listener:
    """An oracle that remembers its questions."""

    answers_N: Tensor
    asked: list[int] = field(default_factory=list)

    def label(self, index_Q: Tensor) -> Tensor:
        self.asked += index_Q.tolist()
        return self.answers_N[index_Q]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def auto_labelled(n_auto: int = N - 10) -> LabelLedger:
    """Return 40 samples: the last ten by hand, the first ones with the auto-label 1."""
    index = torch.arange(N)
    ledger = LabelLedger.empty(N).commit(index[-10:], torch.zeros(10, dtype=torch.int64), Source.SEED, 0)
    auto = index[:n_auto]
    return ledger.commit(auto, torch.ones_like(auto), Source.AUTO, 1, torch.ones(n_auto))


def checked(answers_N: Tensor, num: int = 20, budget: int | None = None, n_auto: int = N - 10):
    oracle = Listener(answers_N)
    check = AskedCheck(spec=SPEC, num=num)
    ledger, result = check.check(auto_labelled(n_auto), oracle, generator(), budget, 2)
    return oracle.asked, ledger, result


@pytest.mark.parametrize("population", [1, 2, 5, 9])
def test_both_bounds_hold_as_often_as_stated_and_are_the_closest_that_do(population: int) -> None:
    for drawn in range(population + 1):
        bounds = [
            (least_wrong(population, drawn, x, ALPHA), most_wrong(population, drawn, x, ALPHA))
            for x in range(drawn + 1)
        ]
        for wrong in range(population + 1):
            # Every sample of that size is looked at: the first `wrong` labels are the wrong ones.
            found = [sum(k < wrong for k in sample) for sample in combinations(range(population), drawn)]
            assert sum(bounds[x][1] >= wrong for x in found) >= (1 - ALPHA) * len(found)
            assert sum(bounds[x][0] <= wrong for x in found) >= (1 - ALPHA) * len(found)
            for x in range(drawn + 1):
                n_low, n_high = sum(y <= x for y in found), sum(y >= x for y in found)
                possible = max(0, drawn - population + wrong) <= x <= min(drawn, wrong)
                if possible:
                    assert (wrong <= bounds[x][1]) == (n_low > ALPHA * comb(population, drawn))
                    assert (wrong >= bounds[x][0]) == (n_high > ALPHA * comb(population, drawn))


@pytest.mark.parametrize(("wrong", "percent"), [(0, 3.0), (3, 7.6)])
def test_the_figures_of_a_hundred_from_many(wrong: int, percent: float) -> None:
    result = SPEC.result(60_000, 100, wrong=wrong, undecided=0)
    assert 0 <= percent - 100 * result.most_share < 0.1
    assert result.error_share == wrong / 100
    assert result.least_share <= wrong / 100
    assert result.most_left == round(result.most_share * 60_000) - wrong
    assert result.warn == (wrong == 3)


def test_it_asks_a_sample_once_and_corrects_what_is_wrong() -> None:
    truth_N = torch.ones(N, dtype=torch.int64)
    truth_N[::2] = 0
    asked, ledger, result = checked(truth_N)
    assert len(set(asked)) == len(asked) == 20
    assert set(asked) <= set(range(N - 10))
    assert (ledger.source_N[asked] == Source.AUDIT).all()
    assert (ledger.label_N[asked] == truth_N[asked]).all()
    assert (result.n_auto, result.asked, result.found_wrong) == (30, 20, sum(k % 2 == 0 for k in asked))
    assert len(ledger.index_auto) == 10


def test_samples_of_no_class_are_wrong_and_untold_ones_widen_both_bounds() -> None:
    answers_N = torch.ones(N, dtype=torch.int64)
    first = checked(answers_N)[0][:3]
    answers_N[first] = torch.tensor([NO_CLASS, CANNOT_TELL, CANNOT_TELL])
    _, ledger, result = checked(answers_N)
    assert (result.found_wrong, result.undecided) == (1, 2)
    assert result.error_share == 1 / 18
    assert result.most_share == most_wrong(30, 20, 3, 1 - 0.95) / 30
    assert result.least_share == least_wrong(30, 20, 1, 1 - 0.95) / 30
    assert result.most_left == round(30 * result.most_share) - 3
    assert ledger.source_N[first].tolist() == [Source.NO_CLASS, Source.CANNOT_TELL, Source.CANNOT_TELL]


@dataclass
class Remembering(Listener):
    """An oracle of people who have been asked about some samples before."""

    earlier: list[int] = field(default_factory=list)

    def collect(self) -> None:
        pass

    def begin(self, purpose: str, round: int) -> Tensor:
        return torch.tensor(self.earlier, dtype=torch.int64)

    def current(self, index: Tensor) -> Tensor:
        return torch.full_like(index, -1)

    def known(self, round: int) -> Tensor:
        return torch.empty(0, dtype=torch.int64)


@pytest.mark.parametrize("n_removed", [1, 4, 20])
def test_images_that_are_removed_while_the_check_is_answered_are_not_replaced(n_removed: int) -> None:
    drawn = draw(auto_labelled(), 20, generator()).tolist()
    answers_N = torch.ones(N, dtype=torch.int64)
    answers_N[drawn[-1]] = 0
    before = auto_labelled()
    there_N = torch.ones(N, dtype=torch.bool)
    there_N[drawn[:n_removed]] = False
    oracle = Remembering(answers_N, earlier=drawn)
    check = AskedCheck(spec=SPEC, num=20)
    _, result = check.check(before.resized(there_N), oracle, generator(), None, 2)
    assert oracle.asked == drawn[n_removed:]
    wrong = 1 if n_removed < 20 else 0
    assert result == SPEC.result(30, 20, wrong=wrong, undecided=n_removed)


def test_a_removed_image_of_the_sample_never_makes_a_bound_closer() -> None:
    for population in range(1, 8):
        for drawn in range(population + 1):
            for wrong in range(drawn + 1):
                most, least = (bound(population, drawn, wrong, ALPHA) for bound in (most_wrong, least_wrong))
                assert most_wrong(population + 1, drawn + 1, wrong + 1, ALPHA) >= most + 1
                assert least_wrong(population + 1, drawn + 1, wrong, ALPHA) <= least


def test_if_all_are_checked_nothing_is_left_to_warn_of() -> None:
    asked, ledger, result = checked(torch.zeros(N, dtype=torch.int64), num=100)
    assert len(asked) == 30
    assert (result.least_share, result.most_share, result.most_left, result.warn) == (1.0, 1.0, 0, False)
    assert len(ledger.index_auto) == 0


def test_the_budget_limits_it_and_without_an_answer_nothing_is_known() -> None:
    truth_N = torch.ones(N, dtype=torch.int64)
    assert len(checked(truth_N, budget=7)[0]) == 7
    asked, ledger, result = checked(truth_N, budget=0)
    assert asked == []
    assert (result.error_share, result.least_share, result.most_share) == (None, 0.0, 1.0)
    assert (result.asked, result.most_left, result.warn) == (0, 30, True)
    assert torch.equal(ledger.label_N, auto_labelled().label_N)


def test_without_auto_labels_there_is_no_check() -> None:
    asked, _, result = checked(torch.ones(N, dtype=torch.int64), n_auto=0)
    assert asked == []
    assert result is None


def test_a_simulation_asks_nothing_changes_nothing_and_says_the_same() -> None:
    truth_N = torch.ones(N, dtype=torch.int64)
    truth_N[:5] = 0
    oracle, before = Listener(truth_N), auto_labelled()
    spec = CheckSpec(num=None, default_num=20, confidence=0.95, warn=0.05)
    ledger, result = SimulatedCheck(spec=spec, truth_N=truth_N).check(before, oracle, generator(), None, 2)
    assert ledger is before
    assert oracle.asked == []
    _, _, asked = checked(truth_N)
    assert {**vars(result), "simulated": False} == vars(asked)


def test_every_auto_label_is_drawn_equally_often() -> None:
    ledger = auto_labelled(6)
    drawn = torch.cat([draw(ledger, 2, generator(seed)) for seed in range(600)])
    counts = torch.bincount(drawn, minlength=N)
    assert counts[6:].sum() == 0
    assert ((counts[:6] - 200).abs() < 60).all()  # 200 expected, standard deviation 11.5


@pytest.mark.parametrize(
    ("num", "truth", "certified", "kind", "asks"),
    [
        (None, False, False, AskedCheck, 100),
        (None, False, True, type(None), 0),
        (None, True, False, SimulatedCheck, 0),
        (None, True, True, SimulatedCheck, 0),
        (0, False, False, type(None), 0),
        (0, True, False, type(None), 0),
        (7, True, False, AskedCheck, 7),
    ],
)
def test_what_is_checked_depends_on_the_truth_and_the_certificate(num, truth, certified, kind, asks) -> None:
    spec = CheckSpec(num=num, default_num=100, confidence=0.95, warn=0.05)
    checker = spec.checker(torch.ones(3) if truth else None, certified=certified)
    assert type(checker) is kind
    assert checker is None or checker.num == asks


def test_values_out_of_range_are_named_as_typed() -> None:
    with pytest.raises(ConfigError, match=r"check\.warn: expected a probability"):
        CheckSpec(num=None, default_num=100, confidence=0.95, warn=5)
