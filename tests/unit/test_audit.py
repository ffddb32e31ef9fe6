import torch

from alframe.audit import Audit, count
from alframe.ledger import LabelLedger, Source


def hand_worked() -> tuple[LabelLedger, torch.Tensor]:
    truth_N = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    ledger = LabelLedger.empty(8)
    ledger = ledger.commit(torch.tensor([0, 1]), torch.tensor([0, 2]), Source.SEED, 0)  # 1 is wrong
    ledger = ledger.commit(
        torch.tensor([2, 3, 4]), torch.tensor([2, 1, 0]), Source.AUTO, 1, torch.zeros(3)
    )  # 3 and 4 are wrong
    return ledger, truth_N


def test_counts_and_their_three_denominators() -> None:
    counts = count(*hand_worked())
    assert (counts.n_samples, counts.hand_labels, counts.auto_labels, counts.unlabelled) == (8, 2, 3, 3)
    assert counts.mislabelled == 3
    assert counts.mislabelled_share == 3 / 8
    assert counts.auto_label_error == 2 / 3
    assert counts.hand_share == 2 / 8
    assert counts.coverage == 3 / 8


def test_rates_are_none_where_undefined() -> None:
    ledger, truth_N = hand_worked()
    assert count(ledger.revoke(ledger.index_auto), truth_N).auto_label_error is None
    unknown = count(ledger, None)
    assert unknown.mislabelled is unknown.mislabelled_share is unknown.auto_label_error is None


def test_samples_left_out_count_nowhere() -> None:
    member_N = torch.tensor([True] * 4 + [False] * 4)
    ledger = LabelLedger.empty(8, member_N).commit(torch.tensor([0]), torch.tensor([0]), Source.SEED, 0)
    counts = count(ledger, torch.zeros(8, dtype=torch.int64))
    assert (counts.n_samples, counts.unlabelled, counts.hand_share) == (4, 3, 1 / 4)


def test_mislabelled_lists_index_and_truth() -> None:
    ledger, truth_N = hand_worked()
    index, truth = Audit(truth_N).mislabelled(ledger)
    assert index.tolist() == [1, 3, 4]
    assert truth.tolist() == [1, 0, 1]
    assert len(Audit(None).mislabelled(ledger)[0]) == 0


def test_test_accuracy() -> None:
    audit = Audit(None, torch.tensor([0, 1, 1, 0]))
    assert audit.test_accuracy(torch.tensor([0, 1, 0, 0])) == 0.75
    assert audit.test_accuracy(None) is None
