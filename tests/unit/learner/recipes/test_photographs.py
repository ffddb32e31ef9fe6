import math
from dataclasses import replace
from functools import partial
from itertools import islice

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from alframe.data import ImageBank
from alframe.learner import FitInputs, PhotographClassifier, ReferenceEngine
from alframe.learner.recipes.curriculum import Curriculum
from tests.support.graph_cases import make_images, photographs

SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True)


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, image_B):
        return self.factor * image_B.float()


def module(curriculum=None, confident=0.6):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    options = {"average_decay": 0.99, "confident": confident, "weight": 0.7}
    made = PhotographClassifier(network, nn.Identity(), SGD, Times(2.0), Times(5.0), curriculum, **options)
    with torch.no_grad():
        made.average.module[1].weight.mul_(-1)
    return made


def batch():
    generator = torch.Generator().manual_seed(1)
    images, pool = (torch.randn(n, 3, 2, 2, generator=generator) for n in (4, 6))
    return images, torch.tensor([0, 2, 1, 1]), pool, torch.tensor([9, 8, 7, 6, 5, 4])


def expected_loss(made, parts, teaches_B):
    images, labels, pool, _ = parts
    target_B = made.average.module(2 * pool).argmax(1)
    labelled = F.cross_entropy(made.network(2 * images), labels)
    each = F.cross_entropy(made.network(10 * pool), target_B, reduction="none")
    return labelled + 0.7 * (each * teaches_B).sum() / 6


def test_labels_and_the_average_see_weak_images_and_the_network_strong_ones_of_these():
    made, parts = module(), batch()
    sure_B = made.average.module(2 * parts[2]).softmax(1).amax(1) > 0.6
    assert 0 < sure_B.sum() < 6
    torch.testing.assert_close(made.training_step(parts, 0), expected_loss(made, parts, sure_B))


def test_the_curriculum_decides_what_teaches():
    made, parts = module(Curriculum(10, torch.arange(4, 10), 0.6)), batch()
    everything = torch.ones(6, dtype=torch.bool)
    torch.testing.assert_close(made.training_step(parts, 0), expected_loss(made, parts, everything))
    confidence_B, class_B = made.average.module(2 * parts[2]).softmax(1).max(1)
    limits_C = made.curriculum.thresholds(3)
    assert limits_C.max() > 0
    expected = expected_loss(made, parts, confidence_B > limits_C[class_B])
    torch.testing.assert_close(made.training_step(parts, 0), expected)


def test_without_pool_images_the_loss_is_the_labelled_cross_entropy():
    made, (images, labels, _, _) = module(), batch()
    expected = F.cross_entropy(made.network(2 * images), labels)
    assert torch.equal(made.training_step((images, labels, None, None), 0), expected)


@pytest.fixture
def make_job(make_labelled):
    def make(recipe, pool=range(40, 400), rounds=1):
        image_N, label_N = make_images(channels=3)
        bank = ImageBank(image_N)
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(432, 4))
        inputs = FitInputs(
            bank=bank,
            normalize=recipe.normalize(bank, torch.arange(400)),
            labelled=make_labelled(range(40), label_N[:40].tolist(), list(pool)),
            round=rounds,
            batches_seed=0,
            augment_seed=1,
        )
        return recipe.job(network, inputs)

    return make


def test_a_fit_of_two_steps_is_the_same_each_time(make_job, cpu, ignore_progress):
    fits = []
    for _ in range(2):
        job = make_job(photographs(steps=2))
        state = torch.get_rng_state()
        fits.append(
            (ReferenceEngine(cpu).fit(job, ignore_progress).loss_S, job.module.scoring_network[1].weight)
        )
        assert torch.equal(torch.get_rng_state(), state)  # no global random number
    assert torch.equal(fits[0][0], fits[1][0])
    assert torch.equal(fits[0][1], fits[1][1])


def test_the_alterations_are_drawn_from_different_streams(make_job):
    job = make_job(photographs())
    weak, strong = (part._generator.get_state() for part in (job.module.weak, job.module.strong))
    assert not torch.equal(weak, strong)


def test_batches_have_the_indices_of_their_pool_images(make_job):
    job = make_job(photographs())
    for images, labels, pool, index in islice(job.batches, 3):
        assert torch.equal(pool, job.batches.bank.take(index))
        assert index.min() >= 40
        assert len(images) == len(labels) == 8
    assert next(iter(make_job(photographs(), pool=()).batches))[2:] == (None, None)


def test_an_empty_pool_leaves_the_labels(make_job, cpu, ignore_progress):
    assert ReferenceEngine(cpu).fit(make_job(photographs(steps=2), pool=()), ignore_progress).steps == 2


def test_the_rate_falls_along_the_published_cosine(make_job, cpu, ignore_progress):
    rates = []

    class Watched(torch.optim.SGD):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    ReferenceEngine(cpu).fit(
        make_job(photographs(optimizer=partial(Watched, lr=0.1), steps=5)), ignore_progress
    )
    assert rates == pytest.approx([0.1 * math.cos(7 * math.pi * k / 80) for k in range(5)])


@pytest.mark.parametrize("inputs", ["unit", "standard"])
def test_inputs_are_pixels_in_units_or_standardised(inputs):
    image_N, _ = make_images(channels=3)
    out = photographs(inputs=inputs).normalize(ImageBank(image_N), torch.arange(400))(image_N)
    expected = image_N / 255
    if inputs == "standard":
        expected = expected - expected.mean((0, 2, 3), keepdim=True)
        expected = expected / expected.std((0, 2, 3), keepdim=True, correction=0)
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=0)


def test_frozen_weights_are_not_optimized(make_job, cpu, ignore_progress):
    job = make_job(photographs(steps=2, optimizer=partial(torch.optim.AdamW, lr=0.1, weight_decay=0.5)))
    job.module.network[1].bias.requires_grad_(False)
    before = job.module.network[1].bias.clone()
    ReferenceEngine(cpu).fit(replace(job, max_steps=2), ignore_progress)
    assert torch.equal(job.module.network[1].bias, before)
