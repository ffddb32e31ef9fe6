import pytest
import torch

from alframe.audit.label_counts import TruthEvaluator, count_by_class, count_labels, macro_mislabelled_share
from alframe.core.ledger import LabelLedger, Source


def hand_worked() -> tuple[LabelLedger, torch.Tensor]:
    truth_N = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    ledger = LabelLedger.empty(8)
    ledger = ledger.commit(torch.tensor([0, 1]), torch.tensor([0, 2]), Source.SEED, 0)  # 1 is wrong
    ledger = ledger.commit(
        torch.tensor([2, 3, 4]), torch.tensor([2, 1, 0]), Source.AUTO, 1, torch.zeros(3)
    )  # 3 and 4 are wrong
    return ledger, truth_N


def test_counts_and_their_three_denominators() -> None:
    counts = count_labels(*hand_worked())
    assert (counts.n_samples, counts.hand_labels, counts.auto_labels, counts.unlabelled) == (8, 2, 3, 3)
    assert counts.mislabelled == 3
    assert counts.mislabelled_share == 3 / 8
    assert counts.auto_label_error == 2 / 3
    assert counts.hand_share == 2 / 8
    assert counts.coverage == 3 / 8


def test_undefined_rates_are_none() -> None:
    ledger, truth_N = hand_worked()
    assert count_labels(ledger.revoke(ledger.index_auto), truth_N).auto_label_error is None
    unknown = count_labels(ledger, None)
    assert unknown.mislabelled is unknown.mislabelled_share is unknown.auto_label_error is None


def test_samples_outside_the_trial_are_not_counted() -> None:
    member_N = torch.tensor([True] * 4 + [False] * 4)
    ledger = LabelLedger.empty(8, member_N).commit(torch.tensor([0]), torch.tensor([0]), Source.SEED, 0)
    counts = count_labels(ledger, torch.zeros(8, dtype=torch.int64))
    assert (counts.n_samples, counts.unlabelled, counts.hand_share) == (4, 3, 1 / 4)


def test_mislabelled_lists_index_and_truth() -> None:
    ledger, truth_N = hand_worked()
    index, truth = TruthEvaluator(truth_N).mislabelled(ledger)
    assert index.tolist() == [1, 3, 4]
    assert truth.tolist() == [1, 0, 1]
    assert len(TruthEvaluator(None).mislabelled(ledger)[0]) == 0


def test_test_accuracy() -> None:
    audit = TruthEvaluator(None, torch.tensor([0, 1, 1, 0]))
    assert audit.test_accuracy(torch.tensor([0, 1, 0, 0])) == 0.75
    assert audit.test_accuracy(None) is None


def test_accuracies_of_single_classes() -> None:
    audit = TruthEvaluator(None, torch.tensor([0, 3, 1, 0, 1, 1]))
    assert audit.class_accuracies(torch.tensor([0, 3, 0, 1, 1, 1])) == (0.5, pytest.approx(2 / 3), None, 1.0)
    assert audit.class_accuracies(None) == TruthEvaluator(None).class_accuracies(torch.tensor([0])) == ()


def test_counts_by_true_class() -> None:
    ledger, truth_N = hand_worked()
    # Class 0: samples 0 (hand, right), 3 (auto, a 1), 6 (none). Class 1: 1 (hand, a 2), 4 (auto, a 0), 7
    # (none). Class 2: 2 (auto, right), 5 (none). Nobody is of class 3.
    classes = count_by_class(ledger, truth_N, 4)
    assert [(c.n_samples, c.hand_labels, c.auto_labels, c.mislabelled) for c in classes] == [
        (3, 1, 1, 1),
        (3, 1, 1, 2),
        (2, 0, 1, 0),
        (0, 0, 0, 0),
    ]
    assert [c.mislabelled_share for c in classes] == [1 / 3, 2 / 3, 0.0, None]
    assert macro_mislabelled_share(classes) == (1 / 3 + 2 / 3 + 0) / 3
    assert macro_mislabelled_share([]) is None


def test_classes_count_only_members_and_are_empty_without_the_truth() -> None:
    truth_N = torch.tensor([0, 0, 1, 1])
    ledger = LabelLedger.empty(4, torch.tensor([True, False, True, True]))
    audit = TruthEvaluator(truth_N)
    assert [c.n_samples for c in audit.counts_by_class(ledger, 2)] == [1, 2]
    assert TruthEvaluator(None).counts_by_class(ledger, 2) == ()


def test_given_labels_count_as_neither_hand_nor_auto() -> None:
    truth_N = torch.tensor([0, 1, 1])
    ledger = LabelLedger.empty(3).commit(torch.tensor([0, 1]), torch.tensor([0, 0]), Source.GIVEN, 0)
    counts = count_labels(ledger.commit(torch.tensor([2]), torch.tensor([1]), Source.MEND, 1), truth_N)
    assert (counts.hand_labels, counts.auto_labels, counts.mislabelled) == (1, 0, 1)
    of_one = count_by_class(ledger, truth_N, 2)[1]
    assert (of_one.hand_labels, of_one.auto_labels, of_one.mislabelled) == (0, 0, 1)
