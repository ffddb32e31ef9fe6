import pytest
import torch

from alframe.audit.label_issues import find_label_issues, rank_label_issues
from alframe.core.ledger import LabelLedger, Source
from alframe.core.records import PoolScores


def predictions(n: int = 200, n_classes: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits_LC = 3 * torch.randn(n, n_classes, generator=generator)
    return logits_LC.log_softmax(1), torch.randint(0, n_classes, (n,), generator=generator)


def test_the_ranking_is_that_of_cleanlab() -> None:
    rank = pytest.importorskip("cleanlab.rank")
    log_probs_LC, label_L = predictions()
    order_L, confidence_L = rank_label_issues(log_probs_LC, label_L)
    quality_L = rank.get_label_quality_scores(
        label_L.numpy(), log_probs_LC.exp().numpy(), method="self_confidence"
    )
    assert confidence_L.numpy() == pytest.approx(quality_L, rel=1e-5)
    theirs = rank.order_label_issues(
        torch.ones(len(label_L), dtype=torch.bool).numpy(),
        label_L.numpy(),
        log_probs_LC.exp().numpy(),
        rank_by="self_confidence",
    )
    assert order_L.tolist() == theirs.tolist()


def test_labels_changed_to_wrong_ones_are_first() -> None:
    truth_L = torch.arange(90) % 3
    log_probs_LC = (torch.eye(3)[truth_L] * 4).log_softmax(1)
    label_L = truth_L.clone()
    label_L[[5, 40, 77]] = (label_L[[5, 40, 77]] + 1) % 3
    assert rank_label_issues(log_probs_LC, label_L).order_L[:3].tolist() == [5, 40, 77]


def test_labels_whose_probability_rounds_to_zero_are_ranked() -> None:
    log_probs_LC = torch.tensor([[-150.0, 0.0], [-200.0, 0.0], [0.0, -90.0]])
    order_L, confidence_L = rank_label_issues(log_probs_LC, torch.tensor([0, 0, 0]))
    assert order_L.tolist() == [1, 0, 2]
    assert confidence_L.tolist() == [0, 0, 1]


def test_no_labels_to_rank() -> None:
    order_L, confidence_L = rank_label_issues(torch.empty(0, 3), torch.empty(0, dtype=torch.int64))
    assert len(order_L) == len(confidence_L) == 0


def test_label_issues_are_the_least_probable_hand_labels() -> None:
    log_probs_NC = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.5, 0.5]]).log()

    class Learner:
        def score(self, index_P: torch.Tensor, needs: frozenset[str]) -> PoolScores:
            log_probs_PC = log_probs_NC[index_P]
            return PoolScores(
                index_P=index_P,
                predicted_P=log_probs_PC.argmax(1),
                log_odds_P=log_probs_PC.max(1).values,
                log_probs_PC=log_probs_PC,
            )

    ledger = LabelLedger.empty(4).commit(torch.tensor([2, 0, 1]), torch.tensor([0, 1, 1]), Source.SEED, 0)
    ledger = ledger.commit(torch.tensor([3]), torch.tensor([0]), Source.AUTO, 1, torch.tensor([0.0]))
    found = find_label_issues(Learner(), ledger, 2)
    assert [(each.index, each.label, each.predicted) for each in found] == [(0, 1, 0), (2, 0, 1)]
    assert [each.self_confidence for each in found] == pytest.approx([0.1, 0.4])
    assert (
        find_label_issues(Learner(), ledger, 0) == find_label_issues(Learner(), LabelLedger.empty(4), 3) == []
    )
