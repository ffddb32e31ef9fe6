"""Which doubtful labels are asked about before an audit: hand-worked prices and the order."""

import math

import pytest
import torch

from alframe.audit.certify import AuditCertifier
from alframe.audit.doubtful import answers_saved, audit_answers, n_worth_asking
from alframe.core.ledger import LabelLedger, Source
from alframe.oracle import SimulatedOracle
from tests.support.settings import certificate_spec

N, AIM, ALPHA = 60_000, 600, 0.05


def test_the_answers_of_an_audit_are_those_of_the_best_bet() -> None:
    # Without a wrong label, each answer gains -ln(0.99) nats.
    assert audit_answers(0, AIM, N, ALPHA) == pytest.approx(math.log(20) / -math.log(0.99))
    # 0.25 % wrong: 0.0025 ln(0.25) + 0.9975 ln(0.9975 / 0.99) = -0.0034657 + 0.0075283.
    assert audit_answers(150, AIM, N, ALPHA) == pytest.approx(2.995732 / 0.0040626, rel=1e-4)


def test_an_error_costs_more_where_more_are_wrong_but_not_without_end() -> None:
    saved = [answers_saved(wrong, AIM, N, ALPHA) for wrong in (10, 100, 200, 300, 400, 599, 5000)]
    assert saved[:4] == sorted(saved[:4])
    assert saved[3] == saved[4] == saved[5] == saved[6]  # as at half of what is tolerated
    assert answers_saved(0, AIM, N, ALPHA) == 0.0
    assert answers_saved(0.5, AIM, N, ALPHA) > 0


def test_a_label_is_asked_about_if_that_saves_an_answer_in_the_mean() -> None:
    price = 1 / answers_saved(100.0, AIM, N, ALPHA)
    for wrong, n in ((price * 1.01, 1), (price * 0.99, 0)):
        wrong_U = torch.tensor([wrong], dtype=torch.float64)
        assert n_worth_asking(wrong_U, 100.0 - wrong, AIM, N, ALPHA) == n


def test_each_label_that_is_asked_about_makes_the_next_one_worth_less() -> None:
    wrong_U = torch.full((400,), 0.40, dtype=torch.float64)
    n = n_worth_asking(wrong_U, 0.0, AIM, N, ALPHA)
    left = 0.4 * (400 - n)
    assert 0 < n < 400
    assert 0.4 * answers_saved(left, AIM, N, ALPHA) < 1 <= 0.4 * answers_saved(left + 0.4, AIM, N, ALPHA)


def test_nothing_is_asked_if_nothing_can_be_tolerated_or_proven() -> None:
    wrong_U = torch.ones(3, dtype=torch.float64)
    assert n_worth_asking(wrong_U, 0.0, 0, N, ALPHA) == 0
    assert n_worth_asking(wrong_U, 0.0, 10, 10, ALPHA) == 0


class GridOracle(SimulatedOracle):
    """Says which labels were confirmed in grids."""

    def propose(self, scores: object, blind_Q: torch.Tensor) -> None:
        raise AssertionError("no prediction is shown")

    def unproven(self, index: torch.Tensor) -> torch.Tensor:
        return index >= 900


@pytest.mark.parametrize("reach", [True, False])
def test_the_most_doubtful_labels_come_first_and_only_before_an_audit_without_a_fixed_size(reach) -> None:
    auto, hand = torch.arange(800), torch.arange(800, 1000)
    ledger = LabelLedger.empty(1000).commit(auto, auto * 0, Source.AUTO, 1, torch.full((800,), -3.0))
    ledger = ledger.commit(hand, hand * 0, Source.QUERY, 1)
    log_odds = torch.full((200,), 9.0)
    log_odds[[10, 150, 130, 199]] = torch.tensor([-9.0, -1.0, -2.0, -7.0])  # 810 was answered alone
    ledger = ledger.rated(hand, log_odds)
    certifier = AuditCertifier(certificate_spec(tolerance=0.05, reach=reach))
    oracle = GridOracle(torch.zeros(1000, dtype=torch.int64))
    assert certifier.doubtful(ledger, oracle).tolist() == ([999, 930, 950] if reach else [])
