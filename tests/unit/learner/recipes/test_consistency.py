import copy
from functools import partial
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from alframe.learner import ConsistencyClassifier, ConsistencyRecipe, FitInputs, FitJob, ReferenceEngine
from alframe.learner.recipes.augment import RandomDeformation
from tests.support.helpers import config_of

SGD = partial(torch.optim.SGD, lr=0.1)
STILL = {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "elastic": 0.0, "flip": 0.0}


class Affine(nn.Module):
    """Stretches and shifts each pixel; a stand-in for an augmentation that does something."""

    def forward(self, x_B):
        return 0.5 * x_B + 0.25


def noise(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def linear_module(augment=None, confident=0.5, weight=0.7, decay=0.99, smoothing=0.0, known=None):
    """A linear classifier of 2 x 3 pixels into three classes whose averaged copy differs from it."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(6, 3))
    module = ConsistencyClassifier(
        network,
        nn.Identity(),
        SGD,
        augment or nn.Identity(),
        None,
        average_decay=decay,
        confident=confident,
        weight=weight,
        label_smoothing=smoothing,
        known_N=known,
    )
    with torch.no_grad():
        module.average.module[1].weight.copy_(noise(1, 3, 6))
        module.average.module[1].bias.copy_(noise(2, 3))
    return module


BATCH = (noise(3, 5, 1, 2, 3), torch.tensor([0, 2, 1, 1, 0]), noise(4, 12, 1, 2, 3))


def log_softmax(logits):
    return logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()


def slow_loss(module, batch, *, confident, weight, altered=lambda x: x):
    """Return (loss, confident pool images), image by image in float64."""

    def log_probabilities(network, image):
        layer = network[1]
        parts = (layer.weight, image.flatten(), layer.bias)
        weights, pixels, bias = (part.detach().double().numpy() for part in parts)
        return log_softmax(weights @ pixels + bias)

    images, labels, pool_images = batch
    labelled = [
        -log_probabilities(module.network, altered(image))[label]
        for image, label in zip(images, labels.tolist(), strict=True)
    ]
    pool, n_confident = [], 0
    for image in pool_images:
        taught = np.exp(log_probabilities(module.average.module, image))
        sure = taught.max() > confident
        n_confident += sure
        pool.append(-log_probabilities(module.network, altered(image))[taught.argmax()] if sure else 0.0)
    return np.mean(labelled) + weight * np.mean(pool), n_confident


@pytest.mark.parametrize("confident", [0.0, 0.6, 0.9, 1.0])
@pytest.mark.parametrize("weight", [0.0, 0.7, 2.0])
def test_the_loss_is_that_of_the_slow_reference(confident, weight):
    module = linear_module(confident=confident, weight=weight)
    expected, _ = slow_loss(module, BATCH, confident=confident, weight=weight)
    assert module.training_step(BATCH, 0).item() == pytest.approx(expected, rel=1e-5)


def test_the_threshold_of_these_cases_divides_the_pool():
    counts = [slow_loss(linear_module(), BATCH, confident=c, weight=1)[1] for c in (0.0, 0.6, 0.9, 1.0)]
    assert counts[0] == 12
    assert 12 > counts[1] > counts[2] > 0
    assert counts[3] == 0


def test_a_pool_image_whose_label_the_average_does_not_predict_teaches_nothing():
    """Image 0 has the label that is predicted, 1 another one, and 2 none."""
    plain = linear_module(confident=0.0)
    predicted_P = plain.average(BATCH[2]).argmax(dim=1)
    known_N = torch.full((20,), -1)
    known_N[5], known_N[6] = predicted_P[0], (predicted_P[1] + 1) % 3
    module = linear_module(confident=0.0, known=known_N)
    images, labels, pool_images = BATCH
    loss = module.training_step((images, labels, pool_images[:3], torch.tensor([5, 6, 7])), 0)
    labelled, _ = slow_loss(plain, (images, labels, pool_images[:1]), confident=0.0, weight=0.0)
    of_pool = [
        slow_loss(plain, (images, labels, pool_images[k : k + 1]), confident=0.0, weight=1.0)[0] - labelled
        for k in (0, 2)
    ]
    assert loss.item() == pytest.approx(labelled + 0.7 * sum(of_pool) / 3, rel=1e-5)


def test_the_network_sees_altered_images_and_the_averaged_one_plain_images():
    module = linear_module(augment=Affine(), confident=0.6)
    expected, _ = slow_loss(module, BATCH, confident=0.6, weight=0.7, altered=lambda x: 0.5 * x + 0.25)
    assert module.training_step(BATCH, 0).item() == pytest.approx(expected, rel=1e-5)
    assert expected != pytest.approx(slow_loss(module, BATCH, confident=0.6, weight=0.7)[0], rel=1e-3)


def test_without_pool_images_the_loss_is_the_labelled_cross_entropy():
    module = linear_module(augment=Affine())
    images, labels, _ = BATCH
    expected = nn.functional.cross_entropy(module.network(0.5 * images + 0.25), labels)
    assert torch.equal(module.training_step((images, labels, None), 0), expected)


@pytest.mark.parametrize("has_pool", [True, False])
def test_label_smoothing_is_of_the_labels_alone(has_pool):
    images, labels, pool_images = BATCH
    loss = {}
    for smoothing in (0.0, 0.3):
        module = linear_module(confident=0.6, smoothing=smoothing)
        loss[smoothing] = module.training_step((images, labels, pool_images if has_pool else None), 0)
    log_probs = module.network(images).log_softmax(dim=1)
    given = log_probs[torch.arange(len(labels)), labels].mean()
    assert (loss[0.3] - loss[0.0]).item() == pytest.approx(0.3 * (given - log_probs.mean()).item(), rel=1e-4)


def test_no_gradient_flows_into_the_averaged_network():
    module = linear_module(confident=0.0)
    module.training_step(BATCH, 0).backward()
    assert all(weight.grad is None for weight in module.average.parameters())
    assert all(weight.grad.abs().sum() > 0 for weight in module.network.parameters())


def test_only_the_network_is_optimized():
    module = linear_module()
    [group] = module.configure_optimizers().param_groups
    assert {id(weight) for weight in group["params"]} == {
        id(weight) for weight in module.network.parameters()
    }


def test_the_averaged_network_scores_and_evaluates():
    module = linear_module()
    assert module.network.training
    assert not module.scoring_network.training
    assert module.scoring_network is module.average.module


def with_norm(decay):
    torch.manual_seed(0)
    network = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(4, 2))
    options = {"average_decay": decay, "confident": 0.9, "weight": 1.0}
    return ConsistencyClassifier(network, nn.Identity(), SGD, nn.Identity(), None, **options)


def floats(network):
    return {name: value.clone() for name, value in network.state_dict().items() if value.is_floating_point()}


@pytest.mark.parametrize("decay", [0.999, 0.2, 0.0])
def test_the_average_starts_as_a_copy_and_warms_up_to_its_decay(decay):
    module, expected = with_norm(decay), None
    for t in range(5):
        with torch.no_grad():
            for weight in module.network.parameters():
                weight += noise(t, *weight.shape)
        module.network(noise(t, 8, 1, 2, 2) + t)  # moves the running statistics
        module.on_train_batch_end(None, None, t)
        current = floats(module.network)
        share = 0.0 if t == 0 else min(decay, (1 + t) / (10 + t))
        expected = {
            name: share * (expected[name] if t else 0.0) + (1 - share) * value
            for name, value in current.items()
        }
        assert len(expected) == 6  # weights, biases, running means and variances
        for name, value in floats(module.average.module).items():
            torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6)
        assert module.average.module[0].num_batches_tracked == t + 1


def test_the_engine_updates_the_average_after_each_step(cpu, listed, ignore_progress):
    module = linear_module(decay=0.0)
    ReferenceEngine(cpu).fit(FitJob(module=module, batches=listed([BATCH] * 4), max_steps=4), ignore_progress)
    assert module.average.n_updates == 4
    for averaged, current in zip(
        module.average.module.parameters(), module.network.parameters(), strict=True
    ):
        assert torch.equal(averaged, current)  # a decay of zero keeps nothing of itself


def test_a_fit_equals_a_plain_loop(cpu, listed, ignore_progress):
    module = linear_module(confident=0.6, decay=0.9)
    by_hand = copy.deepcopy(module)
    batches = [tuple(part.roll(n, 0) for part in BATCH) for n in range(6)]
    ReferenceEngine(cpu).fit(FitJob(module=module, batches=listed(batches), max_steps=6), ignore_progress)
    for n, batch in enumerate(batches):
        by_hand.network.zero_grad()
        by_hand.training_step(batch, n).backward()
        with torch.no_grad():
            for weight in by_hand.network.parameters():
                weight -= 0.1 * weight.grad
            share = 0.0 if n == 0 else min(0.9, (1 + n) / (10 + n))
            pairs = zip(by_hand.average.module.parameters(), by_hand.network.parameters(), strict=True)
            for averaged, current in pairs:
                averaged.copy_(share * averaged + (1 - share) * current)
    for name in ("network", "average"):
        pairs = zip(getattr(module, name).parameters(), getattr(by_hand, name).parameters(), strict=True)
        for trained, expected in pairs:
            torch.testing.assert_close(trained, expected, rtol=1e-5, atol=1e-6)


def recipe(**settings):
    defaults = {
        "optimizer": SGD,
        "steps": 5,
        "batch_size": 4,
        "pool_batch_size": 6,
        "average_decay": 0.9,
        "confident": 0.9,
        "weight": 1.0,
        "label_smoothing": 0.0,
        "one_cycle": {"pct_start": 0.3, "div_factor": 25, "final_div_factor": 1000},
        "augment": STILL,
        "steps_growth": 0,
        "max_pool_passes": None,
        "auto_labels": "consistency",
    }
    return ConsistencyRecipe(**(defaults | settings))


@pytest.fixture
def make_job(make_bank, make_labelled):
    """Makes the job of a round: hand labels on 10 and 11, auto-labels on 20 to 22, 30 to 34 in the pool."""

    def make(recipe, round=1, pool=(30, 31, 32, 33, 34), auto=(20, 21, 22)):
        index, hand = [10, *auto, 11], [True, *[False] * len(auto), True]
        bank = make_bank(40)
        labelled = make_labelled(index, [i % 3 for i in index], pool, hand)
        normalize = recipe.normalize(bank, torch.arange(40))
        network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
        return recipe.job(
            network,
            FitInputs(
                bank=bank, normalize=normalize, labelled=labelled, round=round, batches_seed=0, augment_seed=1
            ),
        )

    return make


def shown(job, indices_of, n=20):
    """Return ({index: label} of the labelled, the set of pool indices) of a job's first batches."""
    labels, pool = {}, set()
    for images, label_B, pool_images in islice(job.batches, n):
        labels |= dict(zip(indices_of(images).tolist(), label_B.tolist(), strict=True))
        pool |= set() if pool_images is None else set(indices_of(pool_images).tolist())
    return labels, pool


def test_auto_labels_can_be_part_of_the_pool(make_job, indices_of):
    labels, pool = shown(make_job(recipe(auto_labels="consistency")), indices_of)
    assert labels == {10: 1, 11: 2}
    assert pool == {20, 21, 22, 30, 31, 32, 33, 34}


def test_auto_labels_can_be_part_of_the_pool_that_must_agree(make_job, make_bank):
    job = make_job(recipe(auto_labels="agree"))
    known_N = torch.full((40,), -1)
    known_N[torch.tensor([20, 21, 22])] = torch.tensor([2, 0, 1])
    assert torch.equal(job.module.known_N, known_N)
    seen = set()
    for _, label_B, pool_images, index_B in islice(job.batches, 20):
        assert set(label_B.tolist()) <= {1, 2}
        assert torch.equal(make_bank(40).take(index_B), pool_images)
        seen |= set(index_B.tolist())
    assert seen == {20, 21, 22, 30, 31, 32, 33, 34}
    assert make_job(recipe()).module.known_N is None


def test_auto_labels_can_be_learned_as_truth(make_job, indices_of):
    labels, pool = shown(make_job(recipe(auto_labels="train")), indices_of)
    assert labels == {10: 1, 20: 2, 21: 0, 22: 1, 11: 2}
    assert pool == {30, 31, 32, 33, 34}


def test_an_empty_pool_leaves_the_labels(make_job, indices_of, cpu, ignore_progress):
    job = make_job(recipe(), pool=(), auto=())
    assert shown(job, indices_of) == ({10: 1, 11: 2}, set())
    assert ReferenceEngine(cpu).fit(job, ignore_progress).steps == 5


def test_a_small_pool_is_not_passed_over_more_often_than_asked(make_job):
    # 3 passes over all 10 images in batches of 4, whatever is labelled.
    made = recipe(steps=100, pool_batch_size=4, max_pool_passes=3, auto_labels="consistency")
    assert make_job(made).max_steps == 8
    assert make_job(recipe(steps=5, pool_batch_size=4, max_pool_passes=3)).max_steps == 5


def test_later_rounds_take_more_steps_when_asked_to(make_job):
    steps = [make_job(recipe(steps=5, steps_growth=3), round=round).max_steps for round in (1, 2, 4)]
    assert steps == [5, 8, 14]
    assert make_job(recipe(steps=5), round=9).max_steps == 5


def test_batches_have_the_sizes_asked_for(make_job):
    images, labels, pool_images = next(iter(make_job(recipe(batch_size=7, pool_batch_size=9)).batches))
    assert (len(images), len(labels), len(pool_images)) == (7, 7, 9)


def test_pixels_from_outside_are_black(make_job):
    job = make_job(recipe(augment=STILL | {"shift": 1.0}))
    augment = job.module.augment
    assert isinstance(augment, RandomDeformation)
    black = job.module.normalize(torch.zeros(1, 1, 4, 4, dtype=torch.uint8))
    torch.testing.assert_close(augment.fill, black[0, :, :1, :1])


def test_images_are_standardised_by_the_trials_own_statistics(make_bank):
    bank, members = make_bank(40), torch.arange(10, 20)
    normalize = recipe().normalize(bank, members)
    out = normalize(bank.take(members))
    assert out.mean().item() == pytest.approx(0, abs=1e-5)
    assert out.std(correction=0).item() == pytest.approx(1, abs=1e-4)


def test_the_learning_rate_follows_one_cycle_over_the_whole_fit(make_job, cpu, ignore_progress):
    rates = []

    class Watched(torch.optim.SGD):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    one_cycle = {"pct_start": 0.4, "div_factor": 10, "final_div_factor": 100}
    job = make_job(recipe(optimizer=partial(Watched, lr=0.1), steps=11, one_cycle=one_cycle))
    ReferenceEngine(cpu).fit(job, ignore_progress)
    assert len(rates) == 11
    assert rates[0] == pytest.approx(0.1 / 10)
    assert max(rates) == pytest.approx(0.1, rel=0.05)
    assert rates[-1] == pytest.approx(0.1 / 10 / 100, rel=0.05)
    assert int(np.argmax(rates)) == pytest.approx(0.4 * 11 - 1, abs=1)


def test_two_fits_of_the_same_seed_are_the_same(make_job, cpu, ignore_progress):
    limits = {"rotation": 15, "scale": 0.15, "shear": 0.2, "shift": 0.06, "elastic": 0.04, "flip": 0.5}
    weights = []
    for _ in range(2):
        torch.manual_seed(0)
        job = make_job(recipe(augment=limits))
        ReferenceEngine(cpu).fit(job, ignore_progress)
        weights.append(job.module.scoring_network[1].weight)
    assert torch.equal(*weights)


def test_the_config_leaves_auto_labels_in_the_pool():
    assert config_of()["learner"]["auto_labels"] == "consistency"


def test_in_a_fit_the_network_trains_and_the_averaged_one_evaluates(cpu, listed, ignore_progress):
    modes = []

    class Watched(ConsistencyClassifier):
        def training_step(self, batch, batch_idx):
            modes.append([module.training for module in (self.network, self.average, self.average.module[0])])
            return super().training_step(batch, batch_idx)

    network = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(6, 3))
    options = {"average_decay": 0.9, "confident": 0.5, "weight": 1.0}
    module = Watched(network, nn.Identity(), SGD, nn.Identity(), None, **options)
    ReferenceEngine(cpu).fit(FitJob(module=module, batches=listed([BATCH] * 2), max_steps=2), ignore_progress)
    assert modes == [[True, False, False]] * 2
