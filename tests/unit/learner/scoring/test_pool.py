import math

import numpy as np
import pytest
import torch
from torch import nn

from alframe.learner.compute.device import Compute
from alframe.learner.scoring.pool import score_pool

N = 1000


@pytest.fixture
def logits():
    """1,000 x 10 logits, up to 60 apart within a row."""
    generator = torch.Generator().manual_seed(0)
    spread = torch.rand(N, 1, generator=generator) * 60
    return (torch.rand(N, 10, generator=generator) - 0.5) * spread


@pytest.fixture
def score(make_bank, logit_table, cpu):
    def score(*tables, index_P=None, batch_size=128, compute=cpu, **options):
        return score_pool(
            [logit_table(table) for table in tables],
            nn.Identity(),
            make_bank(len(tables[0])),
            torch.arange(len(tables[0])) if index_P is None else index_P,
            compute=compute,
            batch_size=batch_size,
            **options,
        )

    return score


def logsumexp(values):
    top = values.max()
    return top + np.log(np.exp(values - top).sum())


def reference(logits):
    """Return (predicted, log-odds) in float64, one row after another."""
    predicted, odds = [], []
    for row in np.asarray(logits, dtype=np.float64):
        best = int(row.argmax())
        predicted.append(best)
        odds.append(row[best] - logsumexp(np.delete(row, best)))
    return predicted, odds


def test_scores_agree_with_float64_log_odds(score, logits):
    scores = score(logits)
    predicted, odds = reference(logits)
    assert (logits.amax(1) - logits.amin(1)).max() > 50
    assert scores.predicted_P.tolist() == predicted
    np.testing.assert_allclose(scores.log_odds_P, odds, rtol=1e-6, atol=1e-5)
    assert scores.log_odds_P.dtype == torch.float32
    assert scores.predicted_P.dtype == torch.int64
    assert scores.margin_P is None


def test_log_odds_are_those_of_the_softmax_probability(score, logits):
    scores = score(logits / 10)
    probability = (logits.double() / 10).softmax(1).amax(1)
    torch.testing.assert_close(scores.log_odds_P.double().sigmoid(), probability, rtol=1e-5, atol=0)


def test_two_classes_have_the_difference_of_their_logits(score):
    scores = score(torch.tensor([[3.0, 1.0], [-2.0, 20.0], [5.0, 5.0]]))
    assert scores.predicted_P.tolist() == [0, 1, 0]
    assert scores.log_odds_P.tolist() == [2.0, 22.0, 0.0]


def test_ties_go_to_the_lowest_class_with_the_odds_of_one_among_the_tied(score):
    scores = score(torch.tensor([[1.0, 7.0, 7.0], [4.0, 4.0, 4.0]]))
    assert scores.predicted_P.tolist() == [1, 0]
    first = -math.log(1 + math.exp(-6))
    assert scores.log_odds_P.tolist() == pytest.approx([first, -math.log(2)], abs=1e-6)


def test_several_networks_score_by_their_mean_log_probability(score, logits):
    tables = [logits, logits.roll(1, 0) / 2, logits.flip(1) + 100]
    log_probs = []
    for table in tables:
        rows = table.double().numpy()
        log_probs.append(np.stack([row - logsumexp(row) for row in rows]))
    predicted, odds = reference(np.mean(log_probs, axis=0))
    scores = score(*tables)
    assert scores.predicted_P.tolist() == predicted
    np.testing.assert_allclose(scores.log_odds_P, odds, rtol=1e-5, atol=5e-5)


def test_several_equal_networks_score_as_one(score, logits):
    one, three = score(logits), score(logits, logits, logits)
    assert torch.equal(one.predicted_P, three.predicted_P)
    torch.testing.assert_close(one.log_odds_P, three.log_odds_P, rtol=1e-5, atol=2e-5)


def test_the_margin_is_the_log_ratio_of_the_two_best_when_needed(score, logits):
    scores = score(logits, needs=frozenset({"margin"}))
    best = np.sort(logits.double().numpy(), axis=1)
    np.testing.assert_allclose(scores.margin_P, best[:, -1] - best[:, -2], rtol=1e-6, atol=1e-5)
    assert torch.equal(scores.log_odds_P, score(logits).log_odds_P)


def test_the_margin_of_several_networks_is_that_of_their_mean(score):
    scores = score(torch.tensor([[4.0, 0.0]]), torch.tensor([[0.0, 1.0]]), needs=frozenset({"margin"}))
    assert scores.margin_P.tolist() == pytest.approx([1.5], abs=1e-6)  # (4 - 1) / 2


@pytest.mark.parametrize("batch_size", [1, 7, 999, 1000, 5000])
def test_the_batch_size_changes_nothing(score, logits, batch_size):
    needs = frozenset({"margin"})
    one, other = score(logits, needs=needs), score(logits, needs=needs, batch_size=batch_size)
    assert torch.equal(one.predicted_P, other.predicted_P)
    torch.testing.assert_close(one.log_odds_P, other.log_odds_P, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(one.margin_P, other.margin_P, rtol=1e-6, atol=1e-6)


def test_scores_are_in_the_order_asked_for(score, logits):
    index_P = torch.tensor([900, 3, 512, 4])
    some, every = score(logits, index_P=index_P, batch_size=3), score(logits)
    assert torch.equal(some.index_P, index_P)
    assert torch.equal(some.predicted_P, every.predicted_P[index_P])
    torch.testing.assert_close(some.log_odds_P, every.log_odds_P[index_P])


def test_nothing_to_score_gives_empty_scores(score, logits):
    nothing = torch.empty(0, dtype=torch.int64)
    scores = score(logits, index_P=nothing, needs=frozenset({"margin"}))
    assert len(scores) == 0
    assert (scores.predicted_P.dtype, scores.log_odds_P.dtype) == (torch.int64, torch.float32)
    assert scores.margin_P.shape == (0,)


def test_an_unknown_need_is_refused_by_name(score, logits):
    with pytest.raises(
        ValueError, match=r"among \['entropy', 'log_probs', 'margin'\], but got \['gradients'\]"
    ):
        score(logits, needs=frozenset({"margin", "gradients"}))


def test_scores_are_ordinary_tensors_on_the_cpu(score, logits):
    scores = score(logits, needs=frozenset({"margin"}))
    for tensor in (scores.index_P, scores.predicted_P, scores.log_odds_P, scores.margin_P):
        assert tensor.device.type == "cpu"
        assert not tensor.is_inference()
        assert not tensor.requires_grad
    scores.log_odds_P.add_(1).mul_(torch.ones((), requires_grad=True).detach())  # may be altered in place


def test_progress_is_reported_after_each_batch(score, logits):
    reported = []
    score(logits[:10], batch_size=4, progress=lambda *args: reported.append(args))
    assert reported == [("score", 4, 10), ("score", 8, 10), ("score", 10, 10)]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_networks_run_in_the_precision_asked_for(make_bank, precision):
    class Body(nn.Module):
        def forward(self, x_B):
            self.dtype = torch.nn.functional.linear(x_B.float().flatten(1), torch.ones(2, 16)).dtype
            return torch.zeros(len(x_B), 2)

    body, compute = Body(), Compute(device=torch.device("cpu"), precision=precision)
    score_pool([body], nn.Identity(), make_bank(3), torch.arange(3), compute=compute, batch_size=2)
    assert body.dtype == getattr(torch, precision)
