import pytest
import torch

from alframe.audit.label_ranking import (
    METHODS,
    confident_joint,
    label_issues,
    label_quality,
    rank_suspects,
    rounded_rows,
)

# Three samples of which the second is given as class 0 but looks like class 2.
PROBS = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]])
GIVEN = torch.tensor([0, 0, 1])


def predictions(seed: int, n: int = 400, n_classes: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log-probabilities, mostly of the true class, and labels of which a tenth is random."""
    generator = torch.Generator().manual_seed(seed)
    truth_N = torch.randint(0, n_classes, (n,), generator=generator)
    noise_NC = torch.randn(n, n_classes, generator=generator, dtype=torch.float64)
    log_probs_NC = (3 * torch.eye(n_classes)[truth_N] + 1.2 * noise_NC).log_softmax(1)
    random_N = torch.randint(0, n_classes, (n,), generator=generator)
    return log_probs_NC, torch.where(torch.rand(n, generator=generator) < 0.1, random_N, truth_N)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("self_confidence", [0.7, 0.1, 0.5]),
        ("normalised_margin", [(0.7 - 0.2 + 1) / 2, (0.1 - 0.6 + 1) / 2, (0.5 - 0.3 + 1) / 2]),
    ],
)
def test_qualities_by_hand(method, expected):
    assert label_quality(PROBS.log(), GIVEN, method).exp().tolist() == pytest.approx(expected)


@pytest.mark.parametrize("method", METHODS)
def test_wrong_labels_come_first(method):
    truth_N = torch.arange(90) % 3
    log_probs_NC = (torch.eye(3)[truth_N] * 4).log_softmax(1)
    given_N = truth_N.clone()
    given_N[[5, 40, 77]] = (given_N[[5, 40, 77]] + 1) % 3
    quality_N = label_quality(log_probs_NC, given_N, method)
    assert quality_N.dtype == torch.float32
    assert float(quality_N.max()) <= 1e-6
    assert sorted(rank_suspects(quality_N)[:3].tolist()) == [5, 40, 77]


@pytest.mark.parametrize("method", METHODS)
def test_labels_whose_probability_rounds_to_zero_are_ranked(method):
    log_probs_NC = torch.tensor([[-150.0, 0.0], [-200.0, 0.0], [0.0, -90.0]])
    order_N = rank_suspects(label_quality(log_probs_NC, torch.tensor([0, 0, 0]), method))
    assert order_N.tolist() == [1, 0, 2]


@pytest.mark.parametrize("method", METHODS)
def test_no_labels_and_one_class(method):
    assert label_quality(torch.empty(0, 3), torch.empty(0, dtype=torch.int64), method).shape == (0,)
    assert label_quality(torch.zeros(2, 1), torch.tensor([0, 0]), method).isfinite().all()


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="self_confidence"):
        label_quality(PROBS.log(), GIVEN, "margin")


def test_the_joint_by_hand():
    """Thresholds: class 0 (0.9 + 0.8 + 0.1) / 3 = 0.6, class 1 (0.6 + 0.8) / 2 = 0.7."""
    probs_NC = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.4, 0.6], [0.2, 0.8]])
    given_N = torch.tensor([0, 0, 0, 1, 1])
    # Sample 3 is confident of no class. The row of class 1 is scaled from 1 label to 2.
    assert confident_joint(probs_NC.log(), given_N).tolist() == [[2, 1], [0, 2]]
    for prune in ("class", "noise_rate", "both"):
        assert label_issues(probs_NC.log(), given_N, prune).tolist() == [False, False, True, False, False]


def test_of_several_confident_classes_the_most_probable_counts():
    probs_NC = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.48, 0.52, 0.0]])
    # Thresholds 0.5, 0.51 and, for a class that nobody is given as, 1.
    assert confident_joint(probs_NC.log(), torch.tensor([0, 1, 1])).tolist() == [
        [1, 0, 0],
        [0, 2, 0],
        [0, 0, 0],
    ]


def test_rows_are_rounded_to_their_totals():
    generator = torch.Generator().manual_seed(0)
    share_CC = torch.rand(6, 6, generator=generator, dtype=torch.float64).softmax(1)
    total_C = torch.randint(0, 1000, (6,), generator=generator)
    rounded_CC = rounded_rows(share_CC, total_C)
    assert rounded_CC.sum(dim=1).tolist() == total_C.tolist()
    assert ((rounded_CC - share_CC * total_C[:, None]).abs() < 1).all()


def test_an_issue_by_the_joint_ranks_before_all_others():
    log_probs_NC, given_N = predictions(0)
    issue_N = label_issues(log_probs_NC, given_N, "both")
    order_N = rank_suspects(label_quality(log_probs_NC, given_N, "confident_joint"))
    assert 0 < int(issue_N.sum()) < 100
    assert issue_N[order_N].tolist() == sorted(issue_N.tolist(), reverse=True)
