import pytest
import torch

from alframe.audit.label_issues import find_label_issues
from alframe.core.ledger import LabelLedger, Source
from alframe.core.records import PoolScores


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
