import copy
import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import yaml
from torch import nn

from alframe.data import ImageBank
from alframe.learner import Classifier, FitInputs, ReferenceEngine, SupervisedRecipe
from alframe.learner.module import Normalize
from alframe.learner.recipes.supervised import split_last

PUBLISHED = Path(__file__).parents[4] / "conf" / "learner" / "published.yaml"


def keras_cut(n, share):
    """Return where Keras' train_validation_split cuts."""
    return math.floor(n * (1.0 - share))


@pytest.mark.parametrize("n", [5, 6, 9, 10, 11, 599, 600, 601, 1199, 60_000])
@pytest.mark.parametrize("share", [0.1, 0.2, 0.25, 1 / 3])
def test_the_last_share_validates_as_in_keras(n, share):
    train, validation = split_last(n, share)
    assert list(range(n))[train] == list(range(keras_cut(n, share)))
    assert list(range(n))[validation] == list(range(keras_cut(n, share), n))


@pytest.mark.parametrize(("n", "cut"), [(600, 480), (601, 480), (604, 483), (605, 484), (12_345, 9876)])
def test_hand_worked_cuts_at_a_fifth(n, cut):
    assert split_last(n, 0.2) == (slice(0, cut), slice(cut, n))


@pytest.mark.parametrize(("n", "share"), [(2, 0.2), (2, 0.9), (3, 0.001), (3, 0.999)])
def test_both_parts_get_a_sample_at_least(n, share):
    train, validation = split_last(n, share)
    assert len(range(n)[train]) >= 1
    assert len(range(n)[validation]) >= 1


def published_optimizer():
    settings = yaml.safe_load(PUBLISHED.read_text())["optimizer"]
    assert settings.pop("_target_") == "torch.optim.Adadelta"
    assert settings.pop("_partial_")
    return partial(torch.optim.Adadelta, **settings)


def test_the_published_optimizer_steps_as_keras_adadelta_does():
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(4, 3)).astype(np.float32)
    parameter = nn.Parameter(torch.from_numpy(weights.copy()))
    optimizer = published_optimizer()([parameter])
    expected = weights.astype(np.float64)
    mean_square_gradient = mean_square_step = np.zeros_like(expected)
    for _ in range(3):
        gradient = generator.normal(size=(4, 3)).astype(np.float32)
        parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
        # Keras: Adadelta(learning_rate=1.0, rho=0.95, epsilon=1e-7)
        mean_square_gradient = 0.95 * mean_square_gradient + 0.05 * np.square(gradient, dtype=np.float64)
        step = -np.sqrt(mean_square_step + 1e-7) * gradient / np.sqrt(mean_square_gradient + 1e-7)
        mean_square_step = 0.95 * mean_square_step + 0.05 * step**2
        expected = expected + 1.0 * step
        moved = parameter.detach().numpy() - weights
        np.testing.assert_allclose(moved, expected - weights, rtol=1e-3, atol=1e-6)


@pytest.fixture
def inputs(make_labelled):
    """50 noise images of 6 x 6 pixels; 40 of them labelled, in a shuffled order."""
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (50, 1, 6, 6), generator=generator, dtype=torch.uint8)
    index = torch.randperm(50, generator=generator)[:40].tolist()
    return FitInputs(
        bank=ImageBank(images),
        normalize=Normalize(torch.zeros(1), torch.full((1,), 255.0)),
        labelled=make_labelled(index, [i % 3 for i in index]),
        round=1,
        batches_seed=11,
        augment_seed=12,
    )


def recipe(**settings):
    defaults = {
        "batch_size": 8,
        "validation_share": 0.2,
        "patience": 50,
        "max_epochs": 3,
        "auto_labels": "train",
        "inputs": "unit",
    }
    return SupervisedRecipe(optimizer=published_optimizer(), **(defaults | settings))


def small_network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 8),
        nn.ReLU(),
        nn.Linear(8, 3),
    )


def test_training_equals_a_plain_loop_step_by_step(inputs, cpu, ignore_progress, monkeypatch):
    losses = []
    plain_step = Classifier.training_step

    def watched_step(self, batch, batch_idx):
        loss = plain_step(self, batch, batch_idx)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(Classifier, "training_step", watched_step)
    network = small_network()
    by_hand = copy.deepcopy(network)
    result = ReferenceEngine(cpu).fit(recipe().job(network, inputs), ignore_progress)

    optimizer = torch.optim.Adadelta(by_hand.parameters(), lr=1.0, rho=0.95, eps=1e-7)
    index_L, label_L = inputs.labelled.index_L, inputs.labelled.label_L
    generator = torch.Generator().manual_seed(inputs.batches_seed)
    expected, states, accuracies = [], [], []
    for _ in range(3):
        for position_B in torch.randperm(32, generator=generator).split(8):
            x = inputs.bank.images_N[index_L[position_B]].float() / 255
            loss = F.cross_entropy(by_hand(x), label_L[position_B])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            expected.append(loss.item())
        with torch.no_grad():
            held_out = by_hand(inputs.bank.images_N[index_L[32:]].float() / 255).argmax(1)
        accuracies.append((held_out == label_L[32:]).sum().item())
        states.append(copy.deepcopy(by_hand.state_dict()))
    assert losses == pytest.approx(expected, rel=1e-5)
    assert (result.steps, result.epochs) == (12, 3)
    assert len(set(expected)) == 12
    best = states[accuracies.index(max(accuracies))]
    for name, weight in network.state_dict().items():
        torch.testing.assert_close(weight, best[name], rtol=1e-4, atol=1e-5)


def test_the_job_learns_from_the_first_labels_and_validates_on_the_last(inputs, make_bank, indices_of):
    inputs = replace(inputs, bank=make_bank(50), normalize=nn.Identity())
    job = recipe().job(small_network(), inputs)
    index_L, label_L = inputs.labelled.index_L, inputs.labelled.label_L
    trained = torch.cat([indices_of(images) for images, _ in job.batches])
    assert sorted(trained.tolist()) == sorted(index_L[:32].tolist())
    validated = torch.cat([indices_of(images) for images, _ in job.validation])
    assert validated.tolist() == index_L[32:].tolist()
    assert torch.cat([labels for _, labels in job.validation]).tolist() == label_L[32:].tolist()


def test_the_cap_on_epochs_is_counted_in_steps(inputs):
    assert recipe(max_epochs=3, batch_size=10).job(small_network(), inputs).max_steps == 3 * 4
    assert recipe(max_epochs=None).job(small_network(), inputs).max_steps == -1
    assert recipe(patience=7).job(small_network(), inputs).patience == 7


def test_without_early_stopping_every_label_is_learned_for_all_epochs(
    inputs, cpu, ignore_progress, make_bank, indices_of
):
    fixed = recipe(validation_share=None, patience=None, max_epochs=4)
    job = fixed.job(small_network(), inputs)
    assert (job.validation, job.patience, job.max_steps, job.n_labelled) == (None, None, 4 * 5, 40)
    result = ReferenceEngine(cpu).fit(job, ignore_progress)
    assert (result.steps, result.epochs) == (20, 4)
    seen = fixed.job(small_network(), replace(inputs, bank=make_bank(50), normalize=nn.Identity()))
    trained = torch.cat([indices_of(images) for images, _ in seen.batches])
    assert sorted(trained.tolist()) == sorted(inputs.labelled.index_L.tolist())


@pytest.mark.parametrize(("auto_labels", "learned"), [("train", 40), ("ignore", 30)])
@pytest.mark.parametrize("share", [0.2, None])
def test_auto_labels_are_learned_or_ignored(inputs, make_bank, indices_of, auto_labels, learned, share):
    hand_L = torch.arange(40) % 4 != 0
    labelled = replace(inputs.labelled, hand_L=hand_L)
    inputs = replace(inputs, labelled=labelled, bank=make_bank(50), normalize=nn.Identity())
    patience = None if share is None else 5
    job = recipe(auto_labels=auto_labels, validation_share=share, patience=patience).job(
        small_network(), inputs
    )
    batches = [*job.batches, *(job.validation or [])]
    expected_L = torch.ones_like(hand_L) if auto_labels == "train" else hand_L
    seen = torch.cat([indices_of(images) for images, _ in batches]).tolist()
    assert sorted(seen) == sorted(labelled.index_L[expected_L].tolist())
    label_of = dict(zip(labelled.index_L.tolist(), labelled.label_L.tolist(), strict=True))
    assert torch.cat([labels for _, labels in batches]).tolist() == [label_of[index] for index in seen]
    assert job.n_labelled == len(seen) == learned


def test_images_are_divided_by_255(inputs):
    normalize = recipe().normalize(inputs.bank, torch.arange(3))
    torch.testing.assert_close(normalize(inputs.bank.images_N), inputs.bank.images_N.float() / 255)


def test_images_are_standardised_by_those_of_the_trial(inputs):
    members = torch.arange(7)
    out = recipe(inputs="standard").normalize(inputs.bank, members)(inputs.bank.images_N[members])
    assert (out.mean().item(), out.std(correction=0).item()) == pytest.approx((0, 1), abs=1e-4)


def test_normalize_standardises_each_channel_without_touching_the_images():
    images = torch.randint(
        0, 256, (20, 3, 5, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    before = images.clone()
    out = Normalize(*ImageBank(images).channel_statistics())(images)
    assert out.dtype == torch.float32
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-4, rtol=0)
    assert torch.equal(images, before)


def test_a_channel_without_contrast_stays_finite():
    images = torch.full((4, 1, 5, 5), 17, dtype=torch.uint8)
    out = Normalize(*ImageBank(images).channel_statistics())(images)
    assert out.abs().max() < 0.1


def test_a_final_fit_takes_its_own_number_of_steps(inputs):
    assert recipe(max_epochs=3).job(small_network(), replace(inputs, steps=7)).max_steps == 7
