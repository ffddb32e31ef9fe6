"""Exact: every order in which labels can be drawn, with its probability; nothing here is simulated."""

from itertools import permutations

import numpy as np
import pytest
import torch

from alframe.audit.betting import Trace, log_evidence, most_wrong_so_far, rejected, smallest_error_free_draws
from alframe.audit.sampling import Auditor, draw_order, draw_weights
from alframe.core.ledger import LabelLedger, Source
from alframe.oracle import SimulatedOracle

A = 5


def auditor_of(wrong_A: list[int], tail_share: float) -> Auditor:
    n = len(wrong_A)
    ledger = LabelLedger.empty(n).commit(
        torch.arange(n), torch.zeros(n, dtype=torch.int64), Source.AUTO, 1, torch.arange(n).float()
    )
    return Auditor(
        ledger, ledger.index_auto, SimulatedOracle(torch.tensor(wrong_A)), torch.Generator(), tail_share
    )


def chance(order: tuple[int, ...], weight_A: np.ndarray) -> float:
    weights = weight_A[list(order)]
    return float(np.prod(weights / weights[::-1].cumsum()[::-1]))


def run(auditor: Auditor, order: tuple[int, ...], by_hand: bool) -> None:
    """Draw one at a time; by_hand: what was found decides how many of the least confident are labelled."""
    auditor._order_A = np.array(order)
    auditor.draw(1)
    auditor.draw(1)
    if by_hand:
        auditor.label_least_confident(1 + auditor.found_wrong)
    while auditor.unanswered:
        auditor.draw(1)


def paths(wrong_A: list[int], tail_share: float, by_hand: bool) -> list[tuple[float, Auditor]]:
    result = []
    for order in permutations(range(A)):
        auditor = auditor_of(wrong_A, tail_share)
        run(auditor, order, by_hand)
        result.append((chance(order, auditor.weight_A), auditor))
    return result


CASES = [
    (wrong_A, tail_share, by_hand)
    for wrong_A in ([1, 0, 0, 0, 0], [0, 0, 0, 0, 1], [1, 0, 1, 0, 1], [0, 1, 1, 1, 0])
    for tail_share in (0.0, 0.15, 0.7)
    for by_hand in (False, True)
]


@pytest.mark.parametrize(("wrong_A", "tail_share", "by_hand"), CASES)
def test_evidence_against_the_truth_is_a_martingale_and_seldom_large(
    wrong_A: list[int], tail_share: float, by_hand: bool
) -> None:
    every, truth = paths(wrong_A, tail_share, by_hand), sum(wrong_A)
    assert sum(p for p, _ in every) == pytest.approx(1.0)
    if not by_hand:
        for t in range(A):
            mean = sum(p * float(np.exp(log_evidence(a.trace, truth)[t])) for p, a in every)
            assert mean == pytest.approx(1.0, abs=1e-9)
    last = sum(p * float(np.exp(log_evidence(a.trace, truth)[-1])) for p, a in every)
    assert last == pytest.approx(1.0, abs=1e-9)
    for alpha in (0.1, 0.3, 0.6, 0.9):
        ever = sum(p for p, a in every if rejected(a.trace, truth, alpha))
        assert ever <= alpha


def test_evidence_against_too_few_wrong_labels_does_not_grow() -> None:
    every = paths([1, 0, 1, 0, 1], 0.3, by_hand=False)
    for p, auditor in every:
        assert p > 0
        # Up to the draw before which `null` are known, as in use.
        assert np.isfinite(log_evidence(auditor.trace, 3)).all()
    first_two = sum(p * float(np.exp(log_evidence(a.trace, 2)[0])) for p, a in every)
    assert first_two < 1.0


def test_the_wrong_draw_probabilities_break_the_martingale() -> None:
    wrong_A = [0, 0, 0, 0, 1]
    auditors = paths(wrong_A, 0.7, by_hand=False)
    uniform = 1 / len(auditors)  # labels drawn alike, evidence weighed as if they had not been
    assert sum(uniform * float(np.exp(log_evidence(a.trace, 1)[1])) for _, a in auditors) != pytest.approx(
        1, abs=0.01
    )


@pytest.mark.parametrize("tail_share", [0.0, 0.3])
def test_evidence_grows_with_the_null_and_the_bound_inverts_it(tail_share: float) -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        wrong_A = (generator.random(60) < 0.1).astype(int).tolist()
        auditor = auditor_of(wrong_A, tail_share)
        auditor.draw(25)
        auditor.label_least_confident(5)
        auditor.draw(10)
        nulls = range(auditor.found_wrong + 1, auditor.found_wrong + auditor.unanswered + 1)
        log_e = np.array([log_evidence(auditor.trace, null) for null in nulls])
        assert (np.diff(log_e, axis=0) >= -1e-12).all()
        left = [null for null in nulls if not rejected(auditor.trace, null, 0.1)]
        bound = most_wrong_so_far(auditor.trace, auditor.found_wrong, auditor.unanswered, 0.1)
        assert bound == max(left, default=auditor.found_wrong)
        for most_left in (0, 3, 10):
            assert auditor.proven(most_left, 0.1) == (auditor.most_left(0.1) <= most_left)


def test_all_answered_leaves_no_wrong_label() -> None:
    auditor = auditor_of([1, 0, 1, 0, 0, 0], 0.15)
    auditor.draw(100)
    assert (auditor.most_left(0.05), auditor.found_wrong, auditor.asked) == (0, 2, 6)
    assert np.isfinite(log_evidence(auditor.trace, 2)).all()


def test_no_draws_prove_nothing() -> None:
    assert most_wrong_so_far(Trace.empty(), 2, 40, 0.05) == 42


def test_draws_follow_their_weights() -> None:
    weight_A = draw_weights(5, 0.6)
    generator = torch.Generator().manual_seed(3)
    orders = np.array([draw_order(weight_A, generator) for _ in range(8000)])
    for rank in range(5):
        share = weight_A[rank] / weight_A.sum()
        assert abs((orders[:, 0] == rank).mean() - share) < 4 * (share * (1 - share) / 8000) ** 0.5
    first, second = (orders[:, 0] == 0), orders[:, 1] == 1
    share = weight_A[1] / weight_A[1:].sum()
    assert abs(second[first].mean() - share) < 4 * (share * (1 - share) / first.sum()) ** 0.5


@pytest.mark.parametrize("n_auto", [1, 2, 7, 1000])
def test_weights_fall_and_have_mean_one(n_auto: int) -> None:
    weight_A = draw_weights(n_auto)
    assert weight_A.mean() == pytest.approx(1.0)
    assert (np.diff(weight_A) <= 0).all()
    assert weight_A.min() >= 0.85


@pytest.mark.parametrize(("population", "most_left"), [(50, 0), (50, 5), (400, 20), (3000, 1)])
def test_smallest_error_free_draws_agrees_with_an_audit(population: int, most_left: int) -> None:
    auditor = auditor_of([0] * population, 0.0)
    while not auditor.proven(most_left, 0.05):
        auditor.draw(1)
    assert auditor.audited == smallest_error_free_draws(population, most_left, 0.05)
