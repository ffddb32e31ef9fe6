import importlib
import json
import os
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from alframe.audit import next_questions as next_questions_module
from alframe.audit.certificate import CertificateSpec
from alframe.audit.certify import AuditCertifier, feasibility
from alframe.audit.hypergeometric import most_wrong
from alframe.core.errors import ConfigError
from alframe.core.ledger import LabelLedger, Source
from alframe.core.reports import Certificate
from tests.support.settings import certificate_spec

certify_module = importlib.import_module("alframe.audit.certify")  # the package exports a function so called
N_HAND, N_NONE = 20, 10
PLANS = [
    certificate_spec(tolerance=0.05, confidence=0.9, reach=reach, method=method)
    for reach in (False, True)
    for method in ("uniform", "weighted")
]
PLAN_NAMES = ["fixed-uniform", "fixed-weighted", "reach-uniform", "reach-weighted"]


class RecordingOracle:
    """Answers with the truth and remembers who was asked about."""

    def __init__(self, truth_N: Tensor) -> None:
        self.truth_N = truth_N
        self.asked: list[int] = []

    def label(self, index_Q: Tensor) -> Tensor:
        self.asked += index_Q.tolist()
        return self.truth_N[index_Q]


def ledger_of(n_auto: int, seed: int = 0) -> LabelLedger:
    """Hand labels, samples without a label and auto-labels of class 0, confidence rising with the index."""
    size = n_auto + N_HAND + N_NONE
    ledger = LabelLedger.empty(size)
    index = torch.arange(n_auto)
    log_odds = torch.linspace(5.0, 15.0, n_auto)
    ledger = ledger.commit(index, torch.zeros_like(index), Source.AUTO, 1, log_odds)
    hand = torch.arange(n_auto, n_auto + N_HAND)
    return ledger.commit(hand, torch.ones_like(hand), Source.SEED, 0)


def truth_of(ledger: LabelLedger, wrong_A: np.ndarray | Tensor) -> Tensor:
    truth_N = torch.ones(len(ledger.label_N), dtype=torch.int64)
    truth_N[: len(wrong_A)] = torch.as_tensor(wrong_A).long()
    return truth_N


def audit(
    wrong_A: np.ndarray | Tensor, plan: CertificateSpec, seed: int = 0, budget: int | None = None
) -> tuple[LabelLedger, Certificate, RecordingOracle, Tensor]:
    ledger = ledger_of(len(wrong_A))
    truth_N = truth_of(ledger, wrong_A)
    oracle = RecordingOracle(truth_N)
    after, certificate = AuditCertifier(plan).certify(
        ledger, oracle, torch.Generator().manual_seed(seed), budget, 7
    )
    return after, certificate, oracle, truth_N


def some_wrong(n_auto: int, n_wrong: int, seed: int = 0) -> np.ndarray:
    wrong_A = np.zeros(n_auto, dtype=bool)
    wrong_A[np.random.default_rng(seed).choice(n_auto, n_wrong, replace=False)] = True
    return wrong_A


@pytest.mark.parametrize("plan", PLANS, ids=PLAN_NAMES)
@pytest.mark.parametrize("max_labels", [None, 1, 35, 1000])
@pytest.mark.parametrize("budget", [None, 0, 12, 70])
def test_counts_corrections_and_bounds_on_questions(
    plan: CertificateSpec, max_labels: int | None, budget: int | None
) -> None:
    plan = replace(plan, max_labels=max_labels)
    ledger = ledger_of(300)
    after, found, oracle, truth_N = audit(some_wrong(300, 9), plan, budget=budget)
    assert len(oracle.asked) == len(set(oracle.asked)) == found.asked
    assert found.asked <= min(300 if bound is None else bound for bound in (max_labels, budget))
    assert found.audited <= found.asked
    changed = torch.tensor(sorted(oracle.asked), dtype=torch.int64)
    assert bool((after.source_N[changed] == Source.AUDIT).all())
    assert bool((after.round_N[changed] == 7).all())
    assert bool((after.label_N[changed] == truth_N[changed]).all())
    assert int((after.label_N != ledger.label_N).sum()) == found.found_wrong
    untouched_N = torch.ones(len(truth_N), dtype=torch.bool)
    untouched_N[changed] = False
    for name in ("label_N", "source_N", "round_N", "order_N"):
        assert torch.equal(getattr(after, name)[untouched_N], getattr(ledger, name)[untouched_N])
    assert found.reached == (found.max_wrong <= int(0.05 * ledger.n_samples))
    assert found.max_wrong_share == found.max_wrong / ledger.n_samples
    assert found.max_wrong <= 300 - found.asked


@pytest.mark.parametrize("plan", PLANS, ids=PLAN_NAMES)
def test_same_generator_same_audit(plan: CertificateSpec) -> None:
    first, second, other = (audit(some_wrong(400, 12), plan, seed) for seed in (4, 4, 5))
    assert first[2].asked == second[2].asked
    assert first[1] == second[1]
    assert first[2].asked != other[2].asked


@pytest.mark.parametrize("plan", PLANS, ids=PLAN_NAMES)
def test_the_truth_of_unasked_labels_has_no_effect(plan: CertificateSpec) -> None:
    wrong_A = some_wrong(400, 8)
    _, found, oracle, _ = audit(wrong_A, plan)
    unasked_A = np.ones(400, dtype=bool)
    unasked_A[oracle.asked] = False
    assert unasked_A.any()
    _, again, same, _ = audit(np.where(unasked_A, ~wrong_A, wrong_A), plan)
    assert same.asked == oracle.asked
    assert again == found


def test_a_fixed_audit_asks_the_same_whatever_the_answers() -> None:
    for plan in PLANS[:2]:
        assert audit(some_wrong(400, 0), plan)[2].asked == audit(some_wrong(400, 90), plan)[2].asked


def test_a_fixed_uniform_audit_uses_the_exact_bound() -> None:
    plan = certificate_spec(tolerance=0.01, max_labels=150)
    _, found, _, _ = audit(some_wrong(1000, 20), plan)
    assert found.audited == 150
    assert found.max_wrong == most_wrong(1000, 150, found.found_wrong, plan.alpha) - found.found_wrong


def test_hand_labelling_takes_the_least_confident() -> None:
    plan = certificate_spec(tolerance=0.02, confidence=0.9, reach=True)
    wrong_A = np.arange(2000) < 150  # the least confident are all wrong
    _, found, oracle, _ = audit(wrong_A, plan)
    assert found.asked > found.audited
    assert found.reached
    assert (np.array(oracle.asked) < 150).sum() > 100


@pytest.mark.parametrize("plan", PLANS, ids=PLAN_NAMES)
def test_without_auto_labels_there_is_no_audit(plan: CertificateSpec) -> None:
    after, found, oracle, _ = audit(np.zeros(0, dtype=bool), plan)
    assert (found.asked, found.max_wrong, found.reached, found.method) == (0, 0, True, "none")
    assert oracle.asked == []
    assert len(after.index_auto) == 0


@pytest.mark.parametrize("plan", PLANS, ids=PLAN_NAMES)
@pytest.mark.parametrize("n_auto", [1, 2, 3])
def test_few_auto_labels(plan: CertificateSpec, n_auto: int) -> None:
    _, found, _, _ = audit(np.ones(n_auto, dtype=bool), plan)
    assert found.asked + found.max_wrong >= n_auto  # one label of 33 may stay wrong
    assert found.reached


def test_the_tolerance_is_a_share_of_the_whole_data_set() -> None:
    # 970 auto-labels of 1,000 samples: floor(0.05 * 1000) = 50 may be wrong, not floor(0.05 * 970) = 48.
    assert PLANS[0].most_left(len(ledger_of(970).label_N)) == 50


def test_samples_outside_the_trial_are_not_part_of_the_data_set() -> None:
    member_N = torch.arange(100) < 40
    ledger = LabelLedger.empty(100, member_N).commit(
        torch.arange(40), torch.zeros(40, dtype=torch.int64), Source.AUTO, 1, torch.zeros(40)
    )
    plan = certificate_spec(tolerance=0.05)
    oracle = RecordingOracle(torch.zeros(100, dtype=torch.int64))
    _, found = AuditCertifier(plan).certify(ledger, oracle, torch.Generator(), 0, 2)
    assert (found.max_wrong, found.max_wrong_share) == (40, 1.0)


def test_feasibility_names_the_smallest_budget_that_could() -> None:
    plan = certificate_spec(tolerance=0.05, confidence=0.9, max_labels=5)
    ledger = ledger_of(300)
    line = feasibility(300, ledger.n_samples, plan, None)
    assert line is not None
    least = int(line.split(";")[1].split()[0])
    for allowed, reached in ((least - 1, False), (least, True)):
        enough = replace(plan, max_labels=allowed)
        assert (feasibility(300, ledger.n_samples, enough, None) is None) == reached
        _, found, _, _ = audit(some_wrong(300, 0), enough)
        assert found.reached == reached
        assert (found.note is None) == reached
    assert "stopping.max_hand_labels: 4 answers" in str(feasibility(300, ledger.n_samples, plan, 4))
    assert feasibility(300, ledger.n_samples, replace(plan, max_labels=None), None) is None


def test_the_bound_that_includes_errors_of_the_oracle() -> None:
    plan = certificate_spec(tolerance=0.05, max_labels=200, oracle_error=0.01)
    _, found, _, _ = audit(some_wrong(970, 5), plan)
    assert found.max_wrong_with_oracle_error is not None
    assert found.max_wrong_with_oracle_error >= found.max_wrong + 20
    assert found.confidence_with_oracle_error == pytest.approx(0.949)
    assert audit(some_wrong(970, 5), replace(plan, oracle_error=None))[1].max_wrong == found.max_wrong


def test_certificate_as_plain_values() -> None:
    plain = json.loads(json.dumps(asdict(audit(some_wrong(300, 3), PLANS[0])[1])))
    keys = {"tolerance", "confidence", "audited", "found_wrong", "max_wrong", "max_wrong_share", "reached"}
    assert keys | {"method", "asked", "assumes", "oracle_error", "note"} <= plain.keys()
    assert "oracle" in plain["assumes"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("tolerance", 0.0), ("tolerance", 5), ("confidence", 1.0), ("max_labels", 0), ("oracle_error", 1.0)],
)
def test_values_out_of_range_are_named(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"certificate.{key}"):
        certificate_spec(**{"tolerance": 0.05, key: value})
    with pytest.raises(ConfigError, match=r"certificate\.method"):
        certificate_spec(tolerance=0.05, method="best")  # type: ignore[arg-type]


# Where wrong labels may hide. (The fixed uniform audit's coverage is computed exactly in test_bounds.)
# K = floor(0.05 * 150) = 7 of 120 auto-labels may stay wrong.
K, A = 7, 120
RNG = np.random.default_rng(11)
PATTERNS = {
    "least confident": np.arange(A) < K + 3,
    "most confident": np.arange(A) >= A - K - 1,
    "uniform, one too many": some_wrong(A, K + 1),
    "uniform, exactly tolerated": some_wrong(A, K),
    "clustered": (np.arange(A) // 6) % 10 == 7,
    "half and half": (np.arange(A) < K) | (np.arange(A) >= A - K),
}
AUDITS = 2000


LONG = pytest.mark.skipif("ALFRAME_ALL_AUDITS" not in os.environ, reason="make audits simulates it")


@pytest.mark.parametrize(
    "plan",
    # The weighted ones always; the uniform ones, which are also computed exactly, by `make audits`.
    [
        pytest.param(plan, marks=[LONG] if plan.method == "uniform" else [], id=name)
        for plan, name in zip(PLANS, PLAN_NAMES, strict=True)
    ],
)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_certificates_are_rarely_false(
    pattern: str, plan: CertificateSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(next_questions_module, "PILOT", 20)  # so that a small set tries hand labels
    monkeypatch.setattr(next_questions_module, "FIRST_BLOCK", 8)
    monkeypatch.setattr(certify_module, "BATCH", 20)
    wrong_A = PATTERNS[pattern]
    plan = plan if plan.reach else replace(plan, max_labels=40)
    ledger = ledger_of(A)
    oracle = RecordingOracle(truth_of(ledger, wrong_A))
    n_wrong, false = int(wrong_A.sum()), 0
    for seed in range(AUDITS):
        _, found = AuditCertifier(plan).certify(ledger, oracle, torch.Generator().manual_seed(seed), None, 2)
        false += n_wrong - found.found_wrong > found.max_wrong
    assert false / AUDITS <= plan.alpha + 3 * (plan.alpha * (1 - plan.alpha) / AUDITS) ** 0.5


def test_reached_takes_errors_of_the_oracle_into_account() -> None:
    wrong_A = some_wrong(300, 0)
    ledger = ledger_of(300)
    plan = certificate_spec(tolerance=0.05, confidence=0.9, reach=True, oracle_error=0.2)
    oracle = RecordingOracle(truth_of(ledger, wrong_A))
    _, found = AuditCertifier(plan).certify(ledger, oracle, torch.Generator().manual_seed(0), None, 2)
    assert found.max_wrong <= plan.most_left(ledger.n_samples)
    assert found.max_wrong_with_oracle_error > plan.most_left(ledger.n_samples)
    assert not found.reached
    assert "wrong with a chance of 20 %" in found.assumes
