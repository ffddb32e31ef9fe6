import torch

from alframe.audit.label_noise import noisy_labels, similar_classes

TRUTH_N = torch.arange(3000) % 3


def noisy(share: float, seed: int = 0, partner_C: torch.Tensor | None = None) -> torch.Tensor:
    member_N = torch.arange(3000) < 2000
    return noisy_labels(TRUTH_N, member_N, 3, share, torch.Generator().manual_seed(seed), partner_C)


def test_the_number_of_wrong_labels_is_exact_and_only_members_get_them() -> None:
    wrong_N = noisy(0.1) != TRUTH_N
    assert int(wrong_N.sum()) == 200
    assert not bool(wrong_N[2000:].any())


def test_symmetric_noise_takes_each_other_class_alike() -> None:
    given_N = noisy(0.9)
    wrong_N = given_N != TRUTH_N
    shift = (given_N - TRUTH_N)[wrong_N] % 3
    assert 0.45 < float((shift == 1).double().mean()) < 0.55


def test_confusion_takes_the_partner() -> None:
    given_N = noisy(0.2, partner_C=torch.tensor([2, 0, 0]))
    pairs = {(int(t), int(g)) for t, g in zip(TRUTH_N, given_N, strict=True) if t != g}
    assert pairs == {(0, 2), (1, 0), (2, 0)}


def test_another_seed_draws_other_samples() -> None:
    assert torch.equal(noisy(0.1), noisy(0.1))
    assert not torch.equal(noisy(0.1), noisy(0.1, seed=1))


def test_similar_classes_are_those_with_the_nearest_means() -> None:
    features_MD = torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0], [5.5, 0.2], [0.0, 0.2]])
    truth_M = torch.tensor([0, 1, 2, 3, 0])
    assert similar_classes(features_MD, truth_M, 4).tolist() == [1, 0, 3, 2]
