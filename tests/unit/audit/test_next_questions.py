"""The choice of what to hand label costs little if many labels are wrong, and nothing if few are."""

import numpy as np
import pytest
import torch

from alframe.audit.certify import AuditCertifier
from alframe.audit.next_questions import falling
from alframe.core.ledger import LabelLedger, Source
from alframe.core.reports import Certificate
from alframe.oracle import SimulatedOracle
from tests.support.settings import certificate_spec

N = 20_000


def certified(wrong_N: np.ndarray, tolerance: float, method: str) -> Certificate:
    """Return the certificate of auto-labels alone, the least confident first."""
    index = torch.arange(N)
    ledger = LabelLedger.empty(N).commit(index, torch.zeros_like(index), Source.AUTO, 1, index.float())
    plan = certificate_spec(tolerance=tolerance, confidence=0.95, reach=True, method=method)
    oracle = SimulatedOracle(torch.from_numpy(wrong_N).long())
    return AuditCertifier(plan).certify(ledger, oracle, torch.Generator().manual_seed(0), None, 2)[1]


@pytest.mark.parametrize("method", ["uniform", "weighted"])
def test_of_a_weak_classifier_little_more_than_the_wrong_tail_is_labelled(method: str) -> None:
    # 2,000 of the least confident 4,000 are wrong and 200 of the others; 1,000 may be left.
    generator = np.random.default_rng(0)
    wrong_N = np.zeros(N, dtype=bool)
    wrong_N[generator.choice(4000, 2000, replace=False)] = True
    wrong_N[4000 + generator.choice(N - 4000, 200, replace=False)] = True
    found = certified(wrong_N, 0.05, method)
    assert found.reached
    assert found.asked < 4800  # draws alone would have to find 1,200 of 2,200
    assert found.audited < 1500


@pytest.mark.parametrize("method", ["uniform", "weighted"])
def test_of_a_good_classifier_nothing_is_chosen(method: str) -> None:
    found = certified(np.arange(N) % 2000 == 0, 0.01, method)
    assert found.asked == found.audited < 1200


def test_falling_values_are_the_nearest_on_a_grid() -> None:
    value_B, mass_B = np.array([0.3, 0.5, 0.2, 0.25]), np.array([2.0, 1.0, 3.0, 1.0])
    steps = np.arange(0, 0.61, 0.05)
    best = min(
        (each for each in np.ndindex(*[len(steps)] * 4) if list(each) == sorted(each, reverse=True)),
        key=lambda each: float((mass_B * (steps[list(each)] - value_B) ** 2).sum()),
    )
    np.testing.assert_allclose(falling(value_B, mass_B), steps[list(best)], atol=0.026)
