import copy
from functools import partial

import pytest
import torch
from torch import nn

from alframe.data import ImageBank
from alframe.embedding import Encoder, Preprocessing
from alframe.embedding.prepare import normalise, scale
from alframe.learner import EncoderNetwork, FitInputs, ReferenceEngine
from alframe.learner.compute.memory import memory_need
from alframe.learner.compute.subject import Subject
from alframe.learner.encoder_network import last_blocks
from alframe.learner.scoring.committee import last_linear
from tests.support.graph_cases import make_images, photographs, supervised

SIZE = (20, 20)


def block(n_in, n_out):
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1), nn.BatchNorm2d(n_out), nn.Dropout(0.5), nn.Tanh()
    )


def layers():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.Sequential(block(4, 6), block(6, 8)),
        nn.BatchNorm2d(8),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


class Loads:
    """Makes the network of an encoder, and counts how often."""

    def __init__(self):
        self.n = 0

    def __call__(self):
        self.n += 1
        return layers().eval()


def encoder(load=None, **preprocessing):
    settings = {
        "size": SIZE,
        "crop_share": 1.0,
        "keep_shape": True,
        "interpolation": "bicubic",
        "mean": (0.4, 0.5, 0.6),
        "std": (0.2, 0.3, 0.2),
    }
    return Encoder(
        name="tiny",
        load=load or Loads(),
        n_features=8,
        preprocessing=Preprocessing(**(settings | preprocessing)),
        weights_digest="0",
        mirrored=False,
        precision="float32",
    )


def network(made=None, unfrozen=1, channels=3):
    torch.manual_seed(0)
    return EncoderNetwork(
        in_channels=channels, image_size=(12, 12), n_classes=4, encoder=made or encoder(), unfrozen=unfrozen
    )


def smooth_images(channels, height, width):
    """Return images without sharp edges, at which scaling by bytes and by floats differ."""
    coarse = torch.rand(3, channels, 4, 4, generator=torch.Generator().manual_seed(0))
    return (255 * nn.functional.interpolate(coarse, (height, width), mode="bilinear")).byte()


@pytest.mark.parametrize(
    ("channels", "height", "width", "options"),
    [
        (3, 12, 12, {}),
        (1, 12, 12, {}),
        (3, 16, 31, {"crop_share": 0.875}),
        (3, 16, 31, {"keep_shape": False, "interpolation": "bilinear"}),
        (3, 40, 30, {}),
    ],
)
def test_features_are_those_of_the_encoder(channels, height, width, options):
    made = encoder(**options)
    net = network(made, channels=channels).eval()
    images = smooth_images(channels, height, width)
    expected = net.encoder(normalise(scale(images, made.preprocessing), made.preprocessing))
    seen = []
    last_linear(net).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    logits = net(images / 255)
    assert logits.shape == (3, 4)
    assert logits.dtype == torch.float32
    # A byte's rounding is 1 / 255 of a pixel, here a fiftieth of its deviation.
    torch.testing.assert_close(seen[0], nn.functional.layer_norm(expected, (8,)), atol=0.05, rtol=0)


TRAINED = {
    0: ["head."],
    1: ["encoder.1.1.", "encoder.2.", "head."],
    2: ["encoder.1.", "encoder.2.", "head."],
    None: ["encoder.", "head."],
}


@pytest.mark.parametrize("unfrozen", TRAINED)
def test_the_last_blocks_and_what_follows_them_are_trained(unfrozen):
    for name, weight in network(unfrozen=unfrozen).named_parameters():
        assert weight.requires_grad == name.startswith(tuple(TRAINED[unfrozen])), name


def test_more_blocks_than_there_are_cannot_be_unfrozen():
    with pytest.raises(ValueError, match="it has 2 blocks, of which 3 cannot be unfrozen"):
        network(unfrozen=3)


def test_blocks_of_public_networks_are_their_residual_blocks_and_layers():
    from torchvision import models

    with torch.device("meta"):
        resnet, vit = models.resnet18(), models.vit_b_16()
    assert last_blocks(resnet, 1) == [resnet.layer4[1], resnet.fc]
    assert last_blocks(resnet, 3)[:3] == [resnet.layer3[1], *resnet.layer4]
    assert last_blocks(vit, 2)[:3] == [*list(vit.encoder.layers)[-2:], vit.encoder.ln]


def test_weights_are_loaded_once_and_each_network_has_its_own():
    load = Loads()
    made = encoder(load)
    first, second = network(made), network(made)
    assert load.n == 1
    with torch.no_grad():
        first.encoder[1][1][0].weight.zero_()
    assert second.encoder[1][1][0].weight.abs().sum() > 0


def test_initial_weights_do_not_depend_on_whether_the_encoder_was_loaded_before():
    made = encoder()
    assert torch.equal(network(made).head.weight, network(made).head.weight)


def test_a_probe_of_the_need_of_memory_counts_the_size_that_the_encoder_takes():
    make = partial(EncoderNetwork, encoder=encoder(), unfrozen=1)
    need = memory_need(Subject(network=make, config={}, image_shape=(3, 12, 12), n_classes=4, batch_size=8))
    assert need.largest == 8 * 18 * 18 * 4
    assert next(network(make.keywords["encoder"]).parameters()).device.type == "cpu"


RECIPES = {
    "supervised": partial(
        supervised,
        optimizer=partial(torch.optim.SGD, lr=0.1, weight_decay=0.1),
        inputs="unit",
        validation_share=None,
        patience=None,
        max_epochs=1,
    ),
    "photographs": partial(photographs, inputs="unit", steps=2),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_recipes_train_what_is_unfrozen_and_keep_the_rest_and_the_statistics(
    recipe, cpu, make_labelled, ignore_progress
):
    image_N, label_N = make_images(channels=3)
    bank, net, made = ImageBank(image_N), network(), recipe()
    before = copy.deepcopy(net.state_dict())
    inputs = FitInputs(
        bank=bank,
        normalize=made.normalize(bank, torch.arange(400)),
        labelled=make_labelled(range(16), label_N[:16].tolist(), range(16, 400)),
        round=1,
        batches_seed=0,
        augment_seed=0,
    )
    job = made.job(net, inputs)
    ReferenceEngine(cpu).fit(job, ignore_progress)
    assert not net.encoder.training
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    trained = {name for name, weight in net.named_parameters() if weight.requires_grad}
    assert changed == trained
    assert not torch.equal(job.module.scoring_network.head.weight, before["head.weight"])
