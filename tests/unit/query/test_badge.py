"""BADGE against k-means++ on gradients that are written down."""

import math

import pytest
import torch

from alframe.query import Badge
from alframe.query.badge import output_errors
from tests.support.pool_scores import generator, labelled, normal, pool
from tests.unit.query.test_plus_plus import slow_plus_plus, written_down


def slow_badge(log_probs: torch.Tensor, features: torch.Tensor, n: int, seed: int) -> list[int]:
    """K-means++ from the largest embedding, with the embeddings written down and the same uniform numbers."""
    probs = log_probs.double().exp()
    onehot = torch.nn.functional.one_hot(probs.argmax(dim=1), probs.shape[1])
    g = written_down(probs - onehot, features)
    return slow_plus_plus(g / g.abs().max(), n, int(g.norm(dim=1).argmax()), generator(seed))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("offset", "spread"), [(0, 1), (100, 0.01), (0, 1e20), (0, 1e-25)])
@pytest.mark.parametrize("alike", [True, False])
def test_badge_is_k_means_plus_plus_on_gradients_that_are_written_down(
    seed: int, offset: float, spread: float, alike: bool
) -> None:
    features, log_probs = normal(120, 7, seed=seed), normal(120, 4, seed=seed + 50).mul(2).log_softmax(dim=1)
    features = offset + spread * features
    if alike:  # predictions that are the same, so that only the features differ
        log_probs = log_probs[:1].repeat(120, 1)
    scores = pool(
        120,
        features_PD=features,
        log_probs_PC=log_probs,
        predicted_P=log_probs.argmax(dim=1),
        log_odds_P=log_probs.exp().amax(dim=1).double().logit().float(),
    )
    asked = Badge(max_candidates=None).select(scores, labelled(features), 30, generator(seed)) - 10
    assert asked.tolist() == slow_badge(log_probs, features, 30, seed)


def test_gradient_embeddings_are_the_gradients_of_the_last_layer() -> None:
    layer, x = torch.nn.Linear(6, 4, bias=False), normal(1, 6)
    logits = layer(x)
    predicted = logits.argmax(dim=1)
    torch.nn.functional.cross_entropy(logits, predicted).backward()
    log_probs = logits.detach().log_softmax(dim=1)
    odds = log_probs.exp().amax(dim=1).logit()
    errors = output_errors(log_probs, predicted, odds)
    assert torch.allclose(errors.T @ x, layer.weight.grad, atol=1e-6)


def test_an_error_that_float32_probabilities_round_away_is_kept() -> None:
    errors = output_errors(torch.tensor([[0.0, -30.0]]), torch.tensor([0]), torch.tensor([30.0]))
    assert errors[0, 0].item() == pytest.approx(-math.exp(-30), rel=1e-5)
