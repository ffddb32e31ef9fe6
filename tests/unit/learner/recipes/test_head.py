"""The head on vectors: its loss by hand, folds that never see their labels, temperature, and both engines."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from alframe.core.log_odds import temperature
from alframe.core.records import Labelled
from alframe.embedding import VectorBank, Vectors
from alframe.learner import FitInputs, HeadClassifier, HeadRecipe, LinearHead, ReferenceEngine
from alframe.learner.engines.graph import GraphEngine
from alframe.learner.heads import StandardVectors
from alframe.learner.recipes.head import Calibration
from tests.support.emulated_graph import EmulatedGraph

SGD = partial(torch.optim.SGD, lr=0.1)
N, D, C = 90, 6, 3


def vectors(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return 90 noisy vectors of three classes with very different scales, and their labels."""
    generator = torch.Generator().manual_seed(seed)
    label_N = torch.arange(N) % C
    vector_ND = torch.randn(N, D, generator=generator) + 2.5 * nn.functional.one_hot(label_N, D)
    return vector_ND * torch.tensor([1e-3, 1e2, 1, 1, 1, 1]), label_N


def bank(vector_ND: torch.Tensor) -> VectorBank:
    return VectorBank(lambda: Vectors(vector_ND.numpy()), len(vector_ND), D, torch.device("cpu"))


def recipe(**changes: object) -> HeadRecipe:
    settings = {
        "optimizer": partial(torch.optim.AdamW, lr=0.05, fused=True),
        "one_cycle": {"pct_start": 0.3, "div_factor": 25, "final_div_factor": 100},
        "steps": 40,
        "batch_size": 16,
        "pool_batch_size": 16,
        "confident": 0.8,
        "weight": 1.0,
        "dropout": 0.3,
        "label_smoothing": 0.05,
        "folds": 3,
        "auto_labels": "consistency",
    }
    return HeadRecipe(**{**settings, **changes})


def inputs(n_labelled: int = 30, n_auto: int = 0) -> FitInputs:
    vector_ND, label_N = vectors()
    held = bank(vector_ND)
    index_L = torch.arange(n_labelled)
    hand_L = index_L >= n_auto
    return FitInputs(
        bank=held,
        normalize=recipe().normalize(held, torch.arange(N)),
        labelled=Labelled(
            index_L=index_L,
            label_L=label_N[:n_labelled],
            hand_L=hand_L,
            pool_P=torch.arange(n_labelled, N),
        ),
        round=1,
        batches_seed=3,
        augment_seed=4,
    )


def head() -> LinearHead:
    return LinearHead(in_channels=D, image_size=(1, 1), n_classes=C)


def fitted(engine: object, made: HeadRecipe, given: FitInputs) -> tuple[HeadClassifier, torch.Tensor]:
    torch.manual_seed(0)
    job = made.job(head(), given)
    result = engine.fit(job, lambda *_: None)
    return job.module, result.loss_S


def module(n_folds: int = 2, **changes: float) -> HeadClassifier:
    """Return a module without dropout whose heads all differ."""
    settings = {"dropout": 0.0, "label_smoothing": 0.1, "confident": 0.5, "weight": 0.7, **changes}
    made = HeadClassifier(
        head(), nn.Flatten(), SGD, None, n_classes=C, n_folds=n_folds, calibration=None, **settings
    )
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return made


def test_standard_vectors_by_hand():
    scale = StandardVectors(torch.tensor([1.0, 10.0]), torch.tensor([2.0, 0.5]))
    given = torch.tensor([[3.0, 10.0], [1.0, 9.0]], dtype=torch.float16)[:, :, None, None]
    assert scale(given).tolist() == [[1.0, 0.0], [0.0, -2.0]]


def test_a_constant_feature_is_not_blown_up():
    scale = StandardVectors(torch.zeros(2), torch.tensor([1.0, 0.0]))
    assert scale(torch.tensor([[0.0, 0.0]])[:, :, None, None]).tolist() == [[0.0, 0.0]]
    assert StandardVectors(torch.zeros(2), torch.zeros(2)).std.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("with_pool", [True, False])
def test_the_loss_is_the_sum_over_heads_sample_by_sample(with_pool):
    made = module()
    generator = torch.Generator().manual_seed(2)
    x, pool = torch.randn(5, D, 1, 1, generator=generator), torch.randn(7, D, 1, 1, generator=generator)
    label, fold = torch.tensor([0, 2, 1, 1, 0]), torch.tensor([0, 1, 0, 1, 1])

    expected = 0.0
    for k, network in enumerate([made.network, *made.fold_networks], start=-1):
        weight, bias = (p.detach().double().numpy() for p in (network.weight, network.bias))

        def log_p(vector, weight=weight, bias=bias):
            logits = weight @ vector.flatten().double().numpy() + bias
            return logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()

        losses = [
            -(0.9 * log_p(v)[c] + 0.1 * log_p(v).mean())
            for v, c, f in zip(x, label.tolist(), fold.tolist(), strict=True)
            if f != k
        ]
        expected += np.mean(losses)
        if with_pool:
            best = [log_p(v).max() for v in pool]
            expected += 0.7 * sum(-each for each in best if np.exp(each) > 0.5) / len(pool)
    got = made.training_step((x, label + C * fold, pool if with_pool else None), 0)
    assert float(got.detach()) == pytest.approx(expected, rel=1e-5)


def test_linear_heads_in_one_product_are_the_heads_one_by_one():
    made, x = module(), torch.randn(4, D, generator=torch.Generator().manual_seed(5))
    one_by_one = torch.stack([network(x) for network in (made.network, *made.fold_networks)], dim=1)
    assert torch.allclose(made._logits(x), one_by_one, atol=1e-6)


def test_a_fold_s_head_never_learns_from_its_own_labels(cpu):
    given = inputs()
    before, _ = fitted(ReferenceEngine(cpu), recipe(pool_batch_size=0), given)
    changed = given.labelled.label_L.clone()
    changed[0::3] = (changed[0::3] + 1) % C  # the labels of fold 0
    other = FitInputs(**{**vars(given), "labelled": Labelled(**{**vars(given.labelled), "label_L": changed})})
    after, _ = fitted(ReferenceEngine(cpu), recipe(pool_batch_size=0), other)
    assert torch.equal(before.fold_networks[0].weight, after.fold_networks[0].weight)
    assert not torch.equal(before.fold_networks[1].weight, after.fold_networks[1].weight)
    assert not torch.equal(before.network.weight, after.network.weight)


def test_the_scoring_network_has_the_temperature_of_the_predictions_out_of_fold(cpu):
    given = inputs()
    made, _ = fitted(ReferenceEngine(cpu), recipe(), given)
    x = made.normalize(given.bank.take(given.labelled.index_L))
    logits = torch.stack([made.fold_networks[n % 3](x[n : n + 1]) for n in range(30)]).detach().double()
    heat = temperature(logits.squeeze(1), given.labelled.label_L, most=10.0)
    assert heat != pytest.approx(1.0, abs=0.01)
    assert torch.allclose(made.scoring_network(x), made.network(x) / heat, atol=1e-5)
    assert torch.equal(made.network(x).argmax(1), made.scoring_network(x).argmax(1))


def test_no_folds_and_few_labels_leave_the_probabilities_as_they_are(cpu):
    for made, n in ((recipe(folds=0), 30), (recipe(folds=3), 5)):
        trained, _ = fitted(ReferenceEngine(cpu), made, inputs(n))
        assert len(trained.fold_networks) == 0
        assert torch.equal(trained.scoring_network.weight, trained.network.weight)


def test_it_learns_features_of_any_scale(cpu):
    vector_ND, label_N = vectors()
    trained, _ = fitted(ReferenceEngine(cpu), recipe(), inputs())
    right = (
        trained.scoring_network(trained.normalize(bank(vector_ND).take(torch.arange(N)))).argmax(1) == label_N
    )
    assert right.float().mean() > 0.85


@pytest.mark.parametrize(("use", "n"), [("consistency", 18), ("train", 30)])
def test_auto_labels_are_pool_or_labels(use, n):
    job = recipe(auto_labels=use).job(head(), inputs(n_auto=12))
    assert job.n_labelled == n
    assert len(job.batches.pool_P) == N - n


@pytest.mark.parametrize("n_auto", [0, 12])
def test_the_graph_engine_agrees_with_the_reference(cpu, n_auto):
    expected, losses = fitted(ReferenceEngine(cpu), recipe(dropout=0.0), inputs(n_auto=n_auto))
    got, replayed = fitted(GraphEngine(cpu, EmulatedGraph()), recipe(dropout=0.0), inputs(n_auto=n_auto))
    assert torch.allclose(losses, replayed, atol=1e-4)
    assert torch.allclose(expected.scoring_network.weight, got.scoring_network.weight, atol=1e-3)


def test_a_network_that_is_not_linear_has_folds_too(cpu):
    def deep(**sizes: object) -> nn.Module:
        return nn.Sequential(nn.Linear(D, 8), nn.Tanh(), nn.Linear(8, C))

    torch.manual_seed(0)
    job = recipe().job(deep(), inputs())
    ReferenceEngine(cpu).fit(job, lambda *_: None)
    assert len(job.module.fold_networks) == 3
    assert not torch.equal(job.module.scoring_network[2].weight, job.module.network[2].weight)


def test_calibration_is_never_copied():
    given = Calibration(bank=None, index_L=None, label_L=None, fold_L=None)
    assert copy.deepcopy(given) is given
