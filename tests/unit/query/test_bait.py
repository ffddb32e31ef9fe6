"""BAIT, compared with its definition: matrices of all parameters, inverted anew for every sample."""

import pytest
import torch
from torch import Tensor

from alframe.core.records import Labelled, PoolScores
from alframe.query import Bait, bait
from alframe.query.bait import added, best_batch, factors, principal_axes, projected
from alframe.query.fisher import Samples, Trace, information
from tests.support.pool_scores import generator, labelled, normal, pool


def log_probs(n: int, *, seed: int) -> Tensor:
    return normal(n, 3, seed=seed).mul(2).log_softmax(dim=1)


def fisher_of(p_C: Tensor, h_D: Tensor, likelihood: str) -> Tensor:
    """Return (K, K), the expectation of the outer product of the gradient of the log-likelihood."""
    if likelihood == "binary":
        q = p_C.max()
        return q * torch.outer((1 - q) * h_D, (1 - q) * h_D) + (1 - q) * torch.outer(q * h_D, q * h_D)
    gradients = [torch.outer(torch.eye(len(p_C), dtype=p_C.dtype)[c] - p_C, h_D).flatten() for c in range(3)]
    return sum(p * torch.outer(g, g) for p, g in zip(p_C, gradients, strict=True))


def slow(pool: list[Tensor], known: list[Tensor], n: int, regularization: float) -> list[int]:
    """Return the batch of the published code by inverting M for every sample and every step."""
    fisher = sum(pool + known) / len(pool + known)
    m = regularization * torch.eye(len(fisher)).double() + sum(known) / (len(known) + n)
    weight = n / (len(known) + n)

    def trace(each: Tensor) -> float:
        return float((each.inverse() @ fisher).trace())

    chosen: list[int] = []
    for _ in range(2 * n):
        left = [i for i in range(len(pool)) if i not in chosen]
        chosen.append(min(left, key=lambda i: trace(m + weight * pool[i])))
        m = m + weight * pool[chosen[-1]]
    while len(chosen) > n:
        gone = min(chosen, key=lambda i: trace(m - weight * pool[i]))
        chosen.remove(gone)
        m = m - weight * pool[gone]
    return chosen


@pytest.mark.parametrize("likelihood", ["binary", "categorical"])
@pytest.mark.parametrize("regularization", [1.0, 0.01])
def test_the_batch_is_that_of_the_definition(likelihood: str, regularization: float) -> None:
    features, log_probs_PC = normal(25, 4), log_probs(25, seed=1)
    known, log_probs_LC = normal(5, 4, seed=2), log_probs(5, seed=3)
    scale = features.square().mean().sqrt()
    both = ((features, log_probs_PC), (known, log_probs_LC))
    matrices = [
        [fisher_of(p.exp().double(), (h / scale).double(), likelihood) for h, p in zip(*each, strict=True)]
        for each in both
    ]
    strategy = Bait(
        max_candidates=None, likelihood=likelihood, max_parameters=12, regularization=regularization
    )
    scores = pool(25, features_PD=features, log_probs_PC=log_probs_PC)
    held = Labelled(**{**vars(labelled(known)), "log_probs_LC": log_probs_LC})
    asked = strategy.select(scores, held, 6, generator())
    assert (asked - 10).tolist() == slow(*matrices, 6, regularization)


def test_information_and_forms_are_those_of_the_written_out_factors() -> None:
    samples = Samples(factors(log_probs(7, seed=1), "categorical"), normal(7, 4)).double()
    x = [torch.kron(a, h[None]) for a, h in zip(*samples, strict=True)]
    torch.testing.assert_close(information(samples, 0.5), sum(each.T @ each for each in x) / 2)
    p = log_probs(7, seed=1).double().exp()
    torch.testing.assert_close(
        samples.factor_PRG.mT @ samples.factor_PRG,
        torch.diag_embed(p) - p[:, :, None] * p[:, None, :],
        atol=1e-6,
        rtol=0,
    )
    fisher = information(samples, 1 / 7)
    trace = Trace(torch.eye(12).double(), fisher)
    for k, sign in ((0, 1), (3, 1), (0, -1)):
        forms = trace.forms(samples)
        before = (trace.inverse_KK @ fisher).trace()
        trace.update(samples.at(slice(k, k + 1)), sign)
        after = (trace.inverse_KK @ fisher).trace()
        assert (after - before).item() == pytest.approx(-sign * forms.change(sign)[k].item())
    torch.testing.assert_close(trace.inverse_KK, (torch.eye(12).double() + x[3].T @ x[3]).inverse())


def test_a_direction_without_labels_is_asked_about() -> None:
    # With p = 1/2, h = (1, 0) has 4 labels and (0, 1) none: M is diag(1 + 4/20, 1), F is diag(1/8, 1/8). A
    # question adds 1/20: it lowers the trace by F (1/1.2 - 1/1.25) = .033 F or by F (1 - 1/1.05) = .048 F.
    half = torch.full((1, 2), 0.5).log()
    known = Samples(factors(half.repeat(4, 1), "binary"), torch.tensor([[1.0, 0.0]] * 4))
    rest = Samples(factors(half.repeat(10, 1), "binary"), torch.tensor([[1.0, 0.0]] * 3 + [[0.0, 1.0]] * 7))
    start_KK, fisher_KK = torch.diag(torch.tensor([1.2, 1.0])), torch.eye(2) / 8
    trace = Trace(start_KK.double(), fisher_KK.double())
    fall_P = trace.forms(rest._replace(factor_PRG=rest.factor_PRG * 0.2**0.5)).change(1)
    assert (fall_P * 8).tolist() == pytest.approx([1 / 1.2 - 1 / 1.25] * 3 + [1 - 1 / 1.05] * 7)
    assert int(best_batch(rest, known, 1, 1.0)) >= 3


def test_certain_samples_are_asked_last() -> None:
    strategy = Bait(max_candidates=None, likelihood="binary", max_parameters=9, regularization=1.0)
    sure = torch.arange(20) % 2 == 0
    log_probs_PC = torch.where(sure[:, None], torch.tensor([50.0, 0.0]), torch.tensor([0.1, 0.0]))
    scores = pool(20, features_PD=normal(20, 3), log_probs_PC=log_probs_PC.log_softmax(dim=1))
    held = Labelled(**{**vars(labelled(normal(2, 3))), "log_probs_LC": scores.log_probs_PC[:2]})
    assert (strategy.select(scores, held, 5, generator()) % 2 == 1).all()


def test_the_top_changes_only_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = Samples(factors(log_probs(200, seed=1), "binary"), normal(200, 8))

    def choice() -> list[int]:
        return added(Trace(torch.eye(8).double(), information(samples, 1 / 200)), samples, 40).tolist()

    whole = choice()
    monkeypatch.setattr(bait, "TOP", 10)
    assert choice() == whole


def test_principal_axes_keep_the_largest_features() -> None:
    hidden = normal(300, 2) @ normal(2, 5, seed=1) * 1e6 + normal(300, 5, seed=2)
    kept = projected(hidden, principal_axes(hidden, 2))
    assert kept.shape == (300, 2)
    whole = projected(hidden, principal_axes(hidden, 5))
    assert whole.square().mean().item() == pytest.approx(1)
    torch.testing.assert_close(kept @ kept.T, whole @ whole.T, atol=1e-4, rtol=1e-4)
    assert projected(hidden * 1e25, principal_axes(hidden, 5)).max() == 1e4


def test_a_projection_keeps_the_batch_of_features_of_low_rank() -> None:
    features, known = (normal(40, 3, seed=seed) @ normal(3, 8, seed=4) for seed in (0, 5))
    scores = pool(40, features_PD=features, log_probs_PC=log_probs(40, seed=1))
    held = Labelled(**{**vars(labelled(known)), "log_probs_LC": log_probs(40, seed=6)})
    whole, part = (
        Bait(max_candidates=None, likelihood="categorical", max_parameters=most, regularization=1.0)
        for most in (24, 9)
    )
    expected = whole.select(scores, held, 5, generator()).tolist()
    assert part.select(scores, held, 5, generator()).tolist() == expected


def test_a_pool_of_equal_samples_and_a_far_one() -> None:
    features = torch.cat([torch.ones(9, 3), torch.full((1, 3), 1e30)])
    scores: PoolScores = pool(10, features_PD=features, log_probs_PC=log_probs(1, seed=1).repeat(10, 1))
    held = Labelled(**{**vars(labelled(features[:1])), "log_probs_LC": log_probs(1, seed=1)})
    strategy = Bait(max_candidates=None, likelihood="categorical", max_parameters=9, regularization=1e-6)
    assert 19 in strategy.select(scores, held, 3, generator()).tolist()
