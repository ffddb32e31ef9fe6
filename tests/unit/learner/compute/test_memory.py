"""What a network needs is found without allocating it; large images are refused or scored in small passes."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from alframe.core.errors import ConfigError
from alframe.data import DecodedImages, ImageDataset
from alframe.learner import FastCNN, PublishedCNN
from alframe.learner.compute.autotune import SCORING_BATCHES, choose_precision, choose_scoring_batch
from alframe.learner.compute.device import Compute
from alframe.learner.compute.memory import free_bytes, memory_need
from alframe.learner.compute.subject import Subject
from alframe.trial import compute_plan

CPU = torch.device("cpu")
FAST = partial(FastCNN, widths=[16, 32, 64], grid=3, dropout=0.0)


def subject(height, width, network=FAST):
    return Subject(network=network, config={}, image_shape=(3, height, width), n_classes=4, batch_size=128)


def test_weights_and_outputs_are_counted():
    def plain(in_channels, image_size, n_classes):
        return nn.Sequential(nn.Conv2d(in_channels, 5, 3, bias=False), nn.ReLU())

    need = memory_need(subject(10, 10, plain))
    assert need.weights == 4 * 3 * 5 * 9
    assert need.largest == 4 * 5 * 8 * 8
    assert need.total == 4 * (3 * 10 * 10 + 2 * 5 * 8 * 8)
    assert memory_need(subject(10, 10, lambda **kwargs: 1 / 0)) is None


def test_nothing_is_allocated_and_no_random_number_drawn():
    before, state = free_bytes(), torch.get_rng_state()
    assert memory_need(subject(1200, 1600, PublishedCNN)).weights > 2**33
    assert torch.equal(state, torch.get_rng_state())
    assert before is None or before > 0


def test_passes_and_probes_are_bounded_in_bytes_and_by_the_pool(monkeypatch):
    monkeypatch.setattr(
        "alframe.learner.compute.autotune._measured_once", lambda name, *rest: {"images": name}
    )
    compute = Compute(device=CPU, precision="float32")
    assert choose_scoring_batch(compute, None, subject(1200, 1600), 80) == 1
    assert choose_scoring_batch(compute, None, subject(256, 256), 80) < 128
    assert choose_scoring_batch(compute, None, subject(8, 8), 100) == min(SCORING_BATCHES)

    def measured(*args):
        raise AssertionError("measured with images that are too large")

    monkeypatch.setattr("alframe.learner.compute.autotune._measured_once", measured)
    choose_precision(CPU, "auto", subject(1200, 1600))


def test_images_that_need_too_much_memory_are_refused_with_a_size(monkeypatch):
    monkeypatch.setattr(compute_plan, "free_bytes", lambda: 2**33)
    monkeypatch.setattr(compute_plan, "instantiate", lambda *args, **kwargs: FAST)
    learner = SimpleNamespace(crop=0, network={}, images_per_step=128)
    settings = SimpleNamespace(device="cpu", learner=learner, trusted=[])

    def check(height, width):
        images = DecodedImages([], (height, width), 3)
        dataset = ImageDataset(name="x", images_N=images, truth_N=None, class_names=("a", "b"))
        compute_plan.check_memory(settings, dataset)

    with pytest.raises(
        ConfigError, match=r"data\.size: .* 8\.0 GB .* 1200 x 1600 .* 75 GB\. Write data\.size=\["
    ) as found:
        check(1200, 1600)
    height, width = map(int, str(found.value).rpartition("[")[2].rstrip("].").split(","))
    check(height, width)
    assert width > 128
