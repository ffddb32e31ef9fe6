import pytest
import torch

from alframe.core.errors import ConfigError
from alframe.core.ledger import LabelLedger, Source
from alframe.core.loop_plan import Amount, LoopPlan
from tests.support.settings import FREE


@pytest.mark.parametrize(
    ("amount", "n_pool", "expected"),
    [
        (Amount(share=0.01, of="dataset"), 100, 600),
        (Amount(share=0.01, of="pool"), 30_049, 300),
        (Amount(share=1e-6, of="dataset"), 60_000, 0),
        (Amount(num=7), 3, 7),
        (Amount(share=0.7, of="labelled"), 3, 14),
        (Amount(default_share=0.0025, default_at_least=20), 10, 150),
        (Amount(default_share=0.0001, default_at_least=20), 10, 20),
    ],
)
def test_counts_are_rounded_shares_of_their_base(amount: Amount, n_pool: int, expected: int) -> None:
    assert amount.count(60_000, n_pool, 20) == expected


def test_a_first_count_of_zero_names_the_key_and_the_way_out() -> None:
    with pytest.raises(
        ConfigError, match=r"query.share: .* at least one of 50 samples, got 0.001.*query.num=1"
    ):
        Amount(share=0.001, of="pool", key="query").first_count(100, 50)
    assert Amount(share=0.001, of="pool").first_count(100, 0) == 0


def test_neither_share_nor_number_nor_default_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"query.share or query.num"):
        Amount().count(10, 10)


def test_the_budget_counts_every_hand_label() -> None:
    plan = LoopPlan(
        seed=0,
        question=Amount(num=1),
        keep="permanent",
        order="auto_first",
        remainder="hand",
        cost=FREE,
        max_hand_labels=3,
    )
    ledger = LabelLedger.empty(9).commit(torch.tensor([0, 1]), torch.tensor([0, 1]), Source.SEED, 0)
    assert plan.affordable(5, ledger) == 1
    assert plan.affordable(0, ledger) == 0
    over = ledger.commit(torch.tensor([2, 3]), torch.tensor([0, 1]), Source.QUERY, 1)
    assert plan.affordable(5, over) == 0


@pytest.mark.parametrize(
    ("budget", "num_check", "kept"),
    [(None, 100, 0), (500, 100, 100), (100, 100, 40), (25, 100, 2), (20, 100, 0), (10, 100, 0), (500, 0, 0)],
)
def test_a_budget_keeps_a_part_for_the_check(budget: int | None, num_check: int, kept: int) -> None:
    plan = LoopPlan(
        seed=0, question=Amount(num=1), keep="permanent", order="auto_first", remainder="hand", cost=FREE,
        max_hand_labels=budget, num_check=num_check,
    )  # fmt: skip
    first, later = torch.arange(20), torch.arange(20, 25)
    ledger = LabelLedger.empty(90).commit(first, torch.zeros_like(first), Source.SEED, 0)
    ledger = ledger.commit(later, torch.zeros_like(later), Source.QUERY, 1)
    assert plan.kept_for_check(ledger) == kept
    if budget is not None:
        assert plan.affordable(1000, ledger, kept) == max(0, budget - kept - 25)
