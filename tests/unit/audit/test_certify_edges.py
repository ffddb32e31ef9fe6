"""The certificate at its edges: oracles that err, plans, batches of questions, answers that name no class."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from alframe.audit.certificate import CertificateSpec
from alframe.audit.certify import AuditCertifier, feasibility
from alframe.audit.feasibility import lack_of_room
from alframe.core.ledger import CANNOT_TELL, NO_CLASS, LabelLedger, Source
from alframe.core.reports import Certificate
from alframe.oracle import SimulatedOracle
from tests.support.settings import certificate_spec

METHODS = ("uniform", "weighted")


class Recorder:
    """Answers with the given numbers and remembers the questions of each call."""

    def __init__(self, answer_N: Tensor) -> None:
        self.answer_N = answer_N
        self.calls: list[list[int]] = []

    @property
    def asked(self) -> list[int]:
        return [index for call in self.calls for index in call]

    def label(self, index_Q: Tensor) -> Tensor:
        self.calls.append(index_Q.tolist())
        return self.answer_N[index_Q]


class People(Recorder):
    questions_at_once = 100


def ledger_of(n_auto: int, n_none: int = 0, n_aside: int = 0) -> LabelLedger:
    """Auto-labels of class 0, then samples without a label, then samples set aside."""
    ledger = LabelLedger.empty(n_auto + n_none + n_aside)
    index = torch.arange(n_auto)
    ledger = ledger.commit(index, torch.zeros_like(index), Source.AUTO, 1, torch.linspace(5.0, 15.0, n_auto))
    aside = torch.arange(n_auto + n_none, n_auto + n_none + n_aside)
    return ledger.set_aside(aside, torch.full_like(aside, NO_CLASS), 1) if n_aside else ledger


def answers(ledger: LabelLedger, wrong: int, seed: int = 0, code: int = 1) -> Tensor:
    """The truth is class 0, but `code` for so many auto-labels."""
    answer_N = torch.zeros(len(ledger.label_N), dtype=torch.int64)
    index = np.random.default_rng(seed).choice(len(ledger.index_auto), wrong, replace=False)
    answer_N[torch.from_numpy(index)] = code
    return answer_N


def certify(
    ledger: LabelLedger, oracle: Recorder, plan: CertificateSpec, seed: int = 0, budget: int | None = None
) -> tuple[LabelLedger, Certificate]:
    return AuditCertifier(plan).certify(ledger, oracle, torch.Generator().manual_seed(seed), budget, 7)


# An oracle that errs.


@pytest.mark.parametrize("method", METHODS)
def test_reaching_aims_at_the_bound_that_includes_the_oracle_s_errors(method):
    ledger = ledger_of(2000)
    plan = certificate_spec(tolerance=0.05, reach=True, method=method, oracle_error=0.01)
    assert plan.aim(2000) == plan.most_left(2000) - plan.oracle_errors(2000) > 0
    for seed in range(5):
        _, found = certify(ledger, Recorder(answers(ledger, 30, seed)), plan, seed)
        assert found.reached
        assert found.asked < 2000
        assert found.max_wrong_with_oracle_error <= 100
        assert found.max_wrong <= plan.aim(2000)


@pytest.mark.parametrize("reach", [False, True])
def test_the_bound_that_includes_the_oracle_s_errors_holds_for_the_truth(reach):
    ledger = ledger_of(300, 20)
    plan = certificate_spec(tolerance=0.12, reach=reach, oracle_error=0.03, max_labels=None if reach else 80)
    for seed in range(30):
        truth_N = answers(ledger, 36, seed)
        errs_N = torch.rand(320, generator=torch.Generator().manual_seed(seed)) < 0.03
        after, found = certify(ledger, Recorder(torch.where(errs_N, 1 - truth_N, truth_N)), plan, seed)
        wrong_N = (after.label_N >= 0) & (after.label_N != truth_N)
        assert int(wrong_N.sum()) <= found.max_wrong_with_oracle_error


@pytest.mark.parametrize("reach", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_the_smallest_number_of_answers_takes_the_oracle_s_errors_into_account(reach, method):
    ledger = ledger_of(1000)
    plan = certificate_spec(tolerance=0.05, reach=reach, method=method, oracle_error=0.01, max_labels=5)
    line = feasibility(1000, 1000, plan, None)
    assert line.startswith("certificate.max_labels: 5 answers cannot prove")
    assert f"certificate.oracle_error=0.01 can hide {plan.oracle_errors(1000)}" in line
    least = int(line.split("; ")[1].removeprefix("about ").split()[0])
    assert least > int(
        feasibility(1000, 1000, replace(plan, oracle_error=None), None)
        .split("; ")[1]
        .removeprefix("about ")
        .split()[0]
    )
    slack = least // 5 if method == "weighted" else 0  # "about"
    for allowed, reached in ((least - 1 - slack, False), (least + slack, True)):
        _, found = certify(ledger, Recorder(answers(ledger, 0)), replace(plan, max_labels=allowed))
        assert found.reached == reached
    assert feasibility(1000, 1000, replace(plan, max_labels=least), None) is None


@pytest.mark.parametrize("reach", [False, True])
@pytest.mark.parametrize("n_auto", [0, 900])
def test_errors_beyond_the_tolerance_are_named_before_any_question(reach, n_auto):
    plan = certificate_spec(tolerance=0.02, reach=reach, oracle_error=0.02)
    errors = plan.oracle_errors(1000)
    assert errors > plan.most_left(1000) == 20
    line = AuditCertifier(plan).infeasible(
        ledger_of(n_auto, 1000 - n_auto), SimulatedOracle(torch.zeros(1000, dtype=torch.int64)), None
    )
    assert line == lack_of_room(1000, plan)
    assert line.startswith(
        "certificate.tolerance: no number of answers can prove that at most 2 % of 1,000 labels (20) are "
        f"wrong, since certificate.oracle_error=0.02 can hide {errors}. Write a tolerance of 0."
    )
    assert "\n" not in line
    better = replace(plan, tolerance=float(line.split("tolerance of ")[1].split()[0]))
    assert better.oracle_errors(1000) < better.most_left(1000)
    ledger = ledger_of(n_auto, 1000 - n_auto)
    _, found = certify(ledger, Recorder(answers(ledger, 0)), plan)
    assert (found.reached, found.note) == (False, line)
    assert found.max_wrong <= 20  # the bound for an oracle without errors is still worth having
    assert found.asked < 900


@pytest.mark.parametrize(("tolerance", "rate"), [(0.0009, None), (0.0009, 0.0)])
def test_a_tolerance_of_no_wrong_label_says_that_nearly_all_must_be_checked(tolerance, rate):
    plan = certificate_spec(tolerance=tolerance, reach=True, oracle_error=rate)
    line = feasibility(900, 1000, plan, None)
    assert "at least about 95 % of the auto-labels must be checked" in line
    assert "Write a tolerance of 0.001 or more" in line
    assert feasibility(0, 1000, plan, None) is None
    assert feasibility(900, 1000, plan, 10).startswith("stopping.max_hand_labels: 10 answers cannot prove")
    for reach in (False, True):
        ledger = ledger_of(60, 40)
        _, found = certify(ledger, Recorder(answers(ledger, 2)), replace(plan, reach=reach))
        assert found.reached == (found.max_wrong == 0)
        assert found.asked >= 57


def test_errors_that_fill_the_tolerance_leave_no_room():
    plan = certificate_spec(tolerance=0.05, reach=True, oracle_error=0.01)
    errors = plan.oracle_errors(1000)
    plan = replace(plan, tolerance=errors / 1000)
    assert plan.most_left(1000) == errors
    assert plan.aim(1000) == 0
    line = lack_of_room(1000, plan)
    assert f"auto-labels must be checked, since certificate.oracle_error=0.01 can hide {errors}" in line


@pytest.mark.parametrize("confidence", [1e-6, 0.5, 0.95, 0.9999, 1 - 1e-12])
def test_the_confidence_of_the_bound_with_errors_stays_close_to_the_one_asked_for(confidence):
    plan = certificate_spec(tolerance=0.5, confidence=confidence, oracle_error=0.01, reach=True)
    ledger = ledger_of(100)
    _, found = certify(ledger, Recorder(answers(ledger, 0)), plan)
    assert found.reached
    assert 0 <= found.confidence_with_oracle_error <= confidence
    assert 1 - found.confidence_with_oracle_error <= min(1.0, 1.02 * (1 - confidence) + 1e-15)


# Draws and plans.


def asked(plan, seed=0, budget=None, n_auto=950):
    ledger = ledger_of(n_auto, 50)
    oracle = Recorder(answers(ledger, 25))
    certify(ledger, oracle, plan, seed, budget)
    return oracle.asked


def test_a_larger_fixed_audit_does_not_go_on_with_the_same_draws():
    sizes = (125, 187, 236)
    plans = [certificate_spec(tolerance=0.02, max_labels=size) for size in sizes]
    first, *larger = (asked(plan) for plan in plans)
    for other in larger:
        assert len(set(first) & set(other)) < 0.6 * len(first)  # by chance: 20 to 25 %
        assert other[: len(first)] != first
    budgets = [asked(certificate_spec(tolerance=0.02), budget=size) for size in sizes]
    assert len(set(budgets[0]) & set(budgets[1])) < 0.6 * len(first)


@pytest.mark.parametrize(
    "change", [{"tolerance": 0.021}, {"confidence": 0.951}, {"method": "weighted"}, {"oracle_error": 0.001}]
)
def test_the_draws_of_a_fixed_audit_depend_on_its_plan(change):
    plan = certificate_spec(tolerance=0.02, max_labels=125)
    assert asked(plan) == asked(plan) != asked(plan, seed=1)
    assert asked(replace(plan, **change)) != asked(plan)
    assert asked(replace(plan, max_labels=None), budget=125) == asked(plan)  # the same plan in other words


def test_an_audit_that_reaches_goes_on_with_the_same_draws():
    plan = certificate_spec(tolerance=0.02, reach=True, method="uniform", max_labels=100)
    assert asked(replace(plan, max_labels=200))[:100] == asked(plan)


def test_the_certificate_says_that_it_holds_for_one_audit():
    for rate in (None, 0.01):
        plan = certificate_spec(tolerance=0.05, oracle_error=rate)
        assumes = certify(ledger_of(100), Recorder(torch.zeros(100, dtype=torch.int64)), plan)[1].assumes
        assert "planned before its first answer" in assumes
        assert "not for the best of several seeds, sizes or tolerances" in assumes


# Batches for people.


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_wrong", [0, 8])
def test_people_are_asked_in_few_calls_without_questions_in_vain(method, n_wrong):
    ledger = ledger_of(20_000)
    plan = certificate_spec(tolerance=0.01, reach=True, method=method)
    people, machine = (kind(answers(ledger, n_wrong * 5)) for kind in (People, Recorder))
    (_, by_people), (_, by_machine) = (certify(ledger, oracle, plan) for oracle in (people, machine))
    assert by_people.reached
    assert max(map(len, people.calls)) <= 100
    assert len(people.calls) <= by_people.asked / 100 + 3
    assert len(machine.calls) > 3 * len(people.calls)
    assert by_people.asked - by_machine.asked <= max(10, by_machine.asked // 50)


def test_people_label_the_least_confident_in_large_batches_too():
    ledger = ledger_of(2000)
    answer_N = (torch.arange(2000) < 150).long()
    people = People(answer_N)
    _, found = certify(ledger, people, certificate_spec(tolerance=0.02, confidence=0.9, reach=True))
    assert found.reached
    assert found.asked > found.audited
    assert len(people.calls) <= found.asked / 100 + 5


# Answers that name no class.


@pytest.mark.parametrize("code", [CANNOT_TELL, NO_CLASS])
@pytest.mark.parametrize("reach", [False, True])
def test_answers_that_name_no_class_count_as_wrong_and_are_set_aside(code, reach):
    ledger = ledger_of(400)
    plan = certificate_spec(tolerance=0.05, reach=reach, max_labels=None if reach else 150, method="uniform")
    no_class, other_class = (Recorder(answers(ledger, 12, code=answer)) for answer in (code, 1))
    after, found = certify(ledger, no_class, plan)
    _, usual = certify(ledger, other_class, plan)
    assert no_class.asked[: usual.asked] == other_class.asked
    aside = [index for index in no_class.asked if no_class.answer_N[index] == code]
    assert found.set_aside == found.found_wrong == len(aside) > 0
    assert usual.set_aside == 0
    assert after.index_set_aside.tolist() == sorted(aside)
    assert bool((after.label_N[aside] == -1).all())
    source = Source.CANNOT_TELL if code == CANNOT_TELL else Source.NO_CLASS
    assert bool((after.source_N[aside] == source).all())
    assert bool((after.round_N[aside] == 7).all())
    confirmed = sorted(set(no_class.asked) - set(aside))
    assert bool((after.source_N[confirmed] == Source.AUDIT).all())
    assert after.n_answers == found.asked
    assert found.max_wrong_share == found.max_wrong / (400 - len(aside))
    if not reach:
        assert found.max_wrong == usual.max_wrong


def test_all_auto_labels_can_be_set_aside():
    for reach in (False, True):
        ledger = ledger_of(30, 10)
        plan = certificate_spec(tolerance=0.05, reach=reach, max_labels=None if reach else 30)
        after, found = certify(ledger, Recorder(torch.full((40,), NO_CLASS)), plan)
        assert (found.asked, found.set_aside, found.max_wrong, found.reached) == (30, 30, 0, True)
        assert len(after.index_auto) == 0
    everything = ledger_of(30)
    _, found = certify(everything, Recorder(torch.full((30,), NO_CLASS)), plan)
    assert (found.max_wrong_share, found.reached) == (0.0, True)


def test_reaching_aims_at_the_share_of_the_samples_that_are_left():
    ledger, plan = ledger_of(400), certificate_spec(tolerance=0.1, reach=True)
    for seed in range(5):
        _, found = certify(ledger, Recorder(answers(ledger, 150, seed, code=CANNOT_TELL)), plan, seed)
        assert found.reached
        assert found.max_wrong <= plan.most_left(400 - found.set_aside) < plan.most_left(400)


def test_the_tolerance_is_a_share_of_the_samples_that_were_not_set_aside():
    plan = certificate_spec(tolerance=0.05, max_labels=5)
    for n_none, n_aside, most in ((100, 0, 10), (50, 50, 7), (0, 100, 5)):
        ledger = ledger_of(100, n_none, n_aside)
        _, found = certify(ledger, Recorder(torch.zeros(200, dtype=torch.int64)), plan)
        assert found.max_wrong_share == found.max_wrong / (200 - n_aside)
        assert f"of {200 - n_aside} labels" in found.note
        assert plan.most_left(200 - n_aside) == most


@pytest.mark.parametrize("reach", [False, True])
def test_certificates_over_samples_that_are_set_aside_are_rarely_false(reach):
    # 8 of 120 are wrong where 7 may be: half of these answers name no class, which makes the base smaller.
    ledger, runs, false = ledger_of(120, 24), 120, 0
    plan = certificate_spec(tolerance=0.05, confidence=0.9, reach=reach, max_labels=None if reach else 60)
    for seed in range(runs):
        answer_N = answers(ledger, 8, seed)
        answer_N[answer_N.nonzero().flatten()[::2]] = CANNOT_TELL
        _, found = certify(ledger, Recorder(answer_N), plan, seed)
        false += 8 - found.found_wrong > found.max_wrong
    assert false / runs <= 0.1 + 3 * (0.1 * 0.9 / runs) ** 0.5


# Small and full.


@pytest.mark.parametrize("reach", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_auto", [0, 1, 2])
@pytest.mark.parametrize("limit", [{}, {"max_labels": 50}, {"budget": 0}])
@pytest.mark.parametrize("tolerance", [0.001, 0.999])
def test_tiny_populations(reach, method, n_auto, limit, tolerance):
    plan = certificate_spec(
        tolerance=tolerance, reach=reach, method=method, max_labels=limit.get("max_labels")
    )
    ledger = ledger_of(n_auto)
    _, found = certify(ledger, Recorder(answers(ledger, n_auto)), plan, budget=limit.get("budget"))
    assert found.asked <= n_auto
    assert found.max_wrong <= n_auto - found.asked
    assert found.reached == (found.max_wrong <= plan.most_left(n_auto))
    assert (found.note is None) == found.reached
    if "budget" in limit:
        assert found.asked == 0
    else:
        assert found.reached


@pytest.mark.parametrize("reach", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_equal_confidences_and_a_confidence_close_to_one(reach, method):
    ledger = replace(ledger_of(200), log_odds_N=torch.full((200,), 4.0))
    plan = certificate_spec(tolerance=0.1, confidence=1 - 1e-12, reach=reach, method=method, max_labels=1000)
    _, found = certify(ledger, Recorder(answers(ledger, 3)), plan)
    assert found.reached
    assert found.asked <= 200
    assert 3 - found.found_wrong <= found.max_wrong


@pytest.mark.parametrize("reach", [False, True])
def test_an_audit_starts_again_if_samples_leave_the_data(reach):
    ledger, plan = ledger_of(950), certificate_spec(tolerance=0.02, max_labels=125, reach=reach)
    before, after = (Recorder(torch.zeros(951, dtype=torch.int64)) for _ in range(2))
    certify(ledger, before, plan)
    certify(ledger.resized(torch.arange(950) != before.asked[0]), after, plan)
    assert before.asked[0] not in after.asked
    assert len(set(before.asked) & set(after.asked)) < 60  # by chance: 16
    added = Recorder(torch.zeros(951, dtype=torch.int64))
    certify(ledger.resized(torch.ones(951, dtype=torch.bool)), added, plan)
    assert added.asked == before.asked


def test_samples_that_left_the_data_are_not_audited():
    ledger = ledger_of(100)
    ledger = ledger.resized(torch.arange(100) >= 40)
    oracle = Recorder(torch.zeros(100, dtype=torch.int64))
    after, found = certify(ledger, oracle, certificate_spec(tolerance=0.05, max_labels=100))
    assert sorted(oracle.asked) == list(range(40, 100))
    assert (found.max_wrong, found.reached) == (0, True)
    assert bool((after.source_N[:40] == Source.AUTO).all())


class GridOracle(SimulatedOracle):
    """Answers with the truth; some of the hand labels were confirmed in grids."""

    def __init__(self, truth_N: Tensor, unproven_N: Tensor) -> None:
        super().__init__(truth_N)
        self.unproven_N, self.asked = unproven_N, torch.empty(0, dtype=torch.int64)

    def propose(self, scores: object, blind_Q: Tensor) -> None:
        raise AssertionError("an audit shows no predictions")

    def unproven(self, index: Tensor) -> Tensor:
        return self.unproven_N[index]

    def label(self, index_Q: Tensor) -> Tensor:
        self.asked = torch.cat([self.asked, index_Q])
        return super().label(index_Q)


@pytest.mark.parametrize("reach", [False, True])
def test_hand_labels_confirmed_in_grids_are_audited_with_the_auto_labels(reach: bool) -> None:
    ledger, hand = ledger_of(600, 400), torch.arange(600, 1000)
    ledger = ledger.commit(hand, torch.zeros_like(hand), Source.QUERY, 2)
    unproven_N = torch.zeros(1000, dtype=torch.bool)
    unproven_N[600:900] = True
    truth_N = ledger.label_N.clone()
    truth_N[600:900:3] += 1  # a third of what was confirmed is wrong
    oracle = GridOracle(truth_N, unproven_N)
    plan = certificate_spec(tolerance=0.02, confidence=0.999, reach=reach, max_labels=None if reach else 450)
    after, certificate = AuditCertifier(plan).certify(
        ledger, oracle, torch.Generator().manual_seed(1), None, 5
    )
    assert len(oracle.asked.unique()) == len(oracle.asked) == certificate.asked
    assert int(oracle.asked.max()) < 900  # single answers are not asked again
    in_grid = oracle.asked[oracle.asked >= 600]
    assert len(in_grid) >= 100
    assert torch.equal(after.label_N[in_grid], truth_N[in_grid])
    assert certificate.found_wrong == int((oracle.asked[oracle.asked >= 600] % 3 == 0).sum())
    assert int((after.label_N != truth_N).sum()) <= certificate.max_wrong
    if reach:
        assert certificate.reached


class SlippingOracle(SimulatedOracle):
    """Answers every fifth first question wrongly, and each second look rightly."""

    def __init__(self, truth_N: Tensor) -> None:
        super().__init__(truth_N)
        self.again = torch.empty(0, dtype=torch.int64)

    def label(self, index_Q: Tensor) -> Tensor:
        return super().label(index_Q) + (index_Q % 5 == 0)

    def second_look(self, index_D: Tensor, label_D: Tensor) -> Tensor:
        assert label_D.tolist() == [0] * len(index_D)
        self.again = torch.cat([self.again, index_D])
        return super().label(index_D)


def test_a_second_look_decides_about_answers_that_contradict_the_label() -> None:
    ledger = ledger_of(1000)
    truth_N = ledger.label_N.clone()
    truth_N[::40] = 2
    oracle = SlippingOracle(truth_N)
    plan = certificate_spec(tolerance=0.05, confidence=0.9, reach=False, max_labels=1000)
    after, certificate = AuditCertifier(plan).certify(
        ledger, oracle, torch.Generator().manual_seed(1), None, 5
    )
    assert certificate.found_wrong == 25  # not the 200 slips of the first answers
    assert torch.equal(after.label_N, truth_N)
    assert oracle.again.sort().values.tolist() == list(range(0, 1000, 5))
    assert certificate.asked == 1000  # samples; a second look is no further hand label
