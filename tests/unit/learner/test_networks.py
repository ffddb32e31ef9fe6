import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from alframe.learner import FastCNN, LeNet5, PublishedCNN, resnet18
from alframe.learner.networks import StemConv2d, halved, largest_by_cells

SHAPES = [(1, 28, 28), (1, 8, 8), (3, 32, 32)]


def published(**shape):
    return PublishedCNN(**shape)


def fast(**shape):
    return FastCNN(**shape, widths=[16, 32, 64], grid=3, dropout=0.0)


def lenet(activation="relu", pooling="max", **shape):
    return LeNet5(**shape, activation=activation, pooling=pooling)


def build(make, shape, n_classes=10):
    torch.manual_seed(0)
    return make(in_channels=shape[0], image_size=shape[1:], n_classes=n_classes)


@pytest.mark.parametrize("make", [published, fast, lenet, resnet18])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_classes", [2, 10])
def test_logits_are_float32_with_one_column_per_class(make, shape, n_classes):
    network = build(make, shape, n_classes)
    logits = network(torch.randn(3, *shape))
    assert logits.shape == (3, n_classes)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("make", [published, fast, lenet, resnet18])
def test_under_bfloat16_the_body_is_bfloat16_and_the_logits_float32(make):
    network = build(make, (1, 8, 8)).eval()
    *_, head = (layer for layer in network.modules() if isinstance(layer, nn.Linear))
    seen = []
    head.register_forward_pre_hook(lambda layer, args: seen.append(args[0].dtype))
    x = torch.randn(2, 1, 8, 8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = network(x)
    assert seen == [torch.bfloat16]
    assert logits.dtype == torch.float32
    with torch.no_grad():
        exact = network(x)
    assert not torch.equal(logits, exact)
    # Each layer rounds its input, its weights and its output, by 2**-8 of them at most and to either side, so
    # that the errors add up as their squares do. With torch's kernels for AVX-512, for AVX2 and for neither,
    # the error was at most 0.46 of this.
    n_layers = sum(isinstance(layer, (nn.Conv2d, nn.Linear)) for layer in network.modules())
    assert (logits - exact).norm() <= math.sqrt(3 * n_layers) * 2**-8 * exact.norm()


def test_the_head_does_not_round_its_output_to_bfloat16():
    network = build(published, (1, 8, 8)).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = network(torch.randn(4, 1, 8, 8))
    assert not torch.equal(logits, logits.bfloat16().float())


@pytest.mark.parametrize("make", [published, fast, lenet, resnet18])
def test_each_image_is_classified_by_itself(make):
    network = build(make, (1, 8, 8)).eval()
    x = torch.randn(4, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(network(x)[2:3], network(x[2:3]), atol=1e-5, rtol=1e-5)


def test_the_published_network_has_as_many_parameters_as_published():
    network = build(published, (1, 28, 28))
    assert sum(p.numel() for p in network.parameters()) == 1_199_882
    assert [p.numel() for p in network.parameters()] == [288, 32, 18_432, 64, 1_179_648, 128, 1_280, 10]


def test_the_published_network_starts_with_zero_biases_and_glorot_uniform_weights():
    network = build(published, (1, 28, 28))
    fans = {0: (9, 288), 2: (288, 576), 7: (9216, 128), 9: (128, 10)}
    for place, (fan_in, fan_out) in fans.items():
        layer = network[place]
        assert (layer.bias == 0).all()
        bound = math.sqrt(6 / (fan_in + fan_out))
        assert layer.weight.abs().max() <= bound
        assert layer.weight.abs().max() > 0.95 * bound
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)


def test_the_published_network_is_the_published_order_of_layers():
    network = build(published, (1, 28, 28)).eval()
    literal = nn.Sequential(
        network[0],
        nn.ReLU(),
        network[2],
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        network[7],
        nn.ReLU(),
        network[9],
    ).eval()
    x = torch.randn(5, 1, 28, 28)
    with torch.no_grad():
        assert torch.equal(network(x), literal(x))


def test_the_published_network_drops_a_quarter_in_training_alone():
    network = build(published, (1, 28, 28))
    dropped = []
    network[5].register_forward_hook(lambda layer, args, out: dropped.append((out == 0) & (args[0] > 0)))
    network[5](torch.ones(100, 64, 12, 12))
    network.eval()[5](torch.ones(100, 64, 12, 12))
    assert dropped[0].float().mean().item() == pytest.approx(0.25, abs=0.005)
    assert not dropped[1].any()


@pytest.mark.parametrize(
    ("side", "n_pooled", "grid"),
    [(28, 2, 3), (32, 2, 3), (12, 2, 3), (8, 2, 2), (7, 1, 3), (4, 1, 2)],
    ids=lambda value: str(value),
)
def test_the_fast_network_pools_and_divides_small_images_less(side, n_pooled, grid):
    network = build(fast, (1, side, side))
    assert (network.n_pooled, network.grid) == (n_pooled, grid)
    assert network.head.in_features == 64 * grid**2
    assert network(torch.randn(2, 1, side, side)).shape == (2, 10)


def test_the_fast_network_has_the_parameters_of_its_widths():
    network = build(fast, (1, 28, 28))
    convolutions = 9 * (1 * 16 + 16 * 32 + 32 * 64)
    norms = 2 * (16 + 32 + 64)
    head = 64 * 9 * 10 + 10
    assert sum(p.numel() for p in network.parameters()) == convolutions + norms + head


def test_the_fast_network_drops_before_the_last_layer_in_training_alone():
    shape = {"in_channels": 1, "image_size": (8, 8), "n_classes": 10}
    network = FastCNN(**shape, widths=[4, 4], grid=2, dropout=0.5)
    x = torch.randn(2, 1, 8, 8)
    torch.manual_seed(0)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_lenet5_has_the_parameters_of_lenet5():
    network = build(lenet, (1, 28, 28))
    assert sum(p.numel() for p in network.parameters()) == 61_706
    weights = [tuple(p.shape) for p in network.parameters() if p.dim() > 1]
    assert weights == [(6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84)]


@pytest.mark.parametrize(("activation", "pooling"), [("relu", "max"), ("tanh", "average")])
def test_lenet5_is_its_formula(activation, pooling):
    network = build(partial(lenet, activation=activation, pooling=pooling), (1, 28, 28)).eval()
    act = {"relu": torch.relu, "tanh": torch.tanh}[activation]
    pool = {"max": F.max_pool2d, "average": F.avg_pool2d}[pooling]
    first, second, *dense = (layer for layer in network if isinstance(layer, (nn.Conv2d, nn.Linear)))
    x = image = torch.randn(3, 1, 28, 28)
    x = pool(act(F.conv2d(F.pad(x, (2, 2, 2, 2)), first.weight, first.bias)), 2)
    x = pool(act(F.conv2d(x, second.weight, second.bias)), 2).flatten(1)
    for layer in dense[:-1]:
        x = act(F.linear(x, layer.weight, layer.bias))
    with torch.no_grad():
        torch.testing.assert_close(network(image), F.linear(x, dense[-1].weight, dense[-1].bias))


@pytest.mark.parametrize("side", [4, 8, 11, 12, 13, 32])
def test_lenet5_takes_images_of_other_sizes(side):
    assert build(lenet, (3, side, side + 3))(torch.randn(2, 3, side, side + 3)).shape == (2, 10)


def test_resnet18_keeps_the_size_of_small_images_in_its_stem():
    network = build(resnet18, (3, 32, 32)).eval()
    sizes = []
    network.layer1.register_forward_hook(lambda layer, args, out: sizes.append(tuple(args[0].shape)))
    with torch.no_grad():
        network(torch.randn(1, 3, 32, 32))
    assert sizes == [(1, 64, 32, 32)]


@pytest.mark.parametrize(("height", "width", "grid"), [(3, 3, 2), (8, 8, 3), (7, 8, 3), (6, 6, 3), (5, 4, 4)])
def test_cells_and_their_gradient_are_those_of_adaptive_pooling(height: int, width: int, grid: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 5, height, width, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 5, grid, grid, generator=generator, dtype=torch.float64)
    got, expected = largest_by_cells(x, grid), F.adaptive_max_pool2d(x, grid)
    assert torch.equal(got, expected)
    gradients = [torch.autograd.grad((out * weight).sum(), x)[0] for out in (got, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(("kernel", "padding"), [(3, 0), (3, 1), (5, 2), ((1, 3), (0, 1))])
def test_a_convolution_by_patches_is_the_convolution(kernel, padding) -> None:
    torch.manual_seed(0)
    stem = StemConv2d(1, 6, kernel, padding=padding).double().to(memory_format=torch.channels_last)
    x = torch.randn(4, 1, 9, 7, dtype=torch.float64)
    got, expected = stem.by_patches(x), nn.Conv2d.forward(stem, x)
    torch.testing.assert_close(got, expected)
    assert got.is_contiguous(memory_format=torch.channels_last)
    weight = torch.randn_like(expected)
    gradients = [
        torch.autograd.grad((out * weight).sum(), [stem.weight, stem.bias]) for out in (got, expected)
    ]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("height", "width"), [(24, 24), (7, 6), (2, 3)])
def test_halving_without_gradients_has_the_bits_of_max_pooling(dtype, height, width):
    x = torch.randn(5, 4, height, width, generator=torch.Generator().manual_seed(3)).to(dtype)
    x[0, 0, 0, 1], x[1] = torch.nan, 0.5  # equal values too
    for layout in (torch.contiguous_format, torch.channels_last):
        with torch.no_grad():
            halves = halved(x.contiguous(memory_format=layout))
        torch.testing.assert_close(halves, F.max_pool2d(x, 2), rtol=0, atol=0, equal_nan=True)


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.*:DeprecationWarning")
def test_an_averaged_teacher_and_a_converter_see_the_same_network():
    network = FastCNN(
        in_channels=1, image_size=(9, 9), n_classes=3, widths=[4, 5], grid=2, dropout=0.0
    ).eval()
    x_B = torch.randn(6, 1, 9, 9, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        assert torch.equal(network(x_B), network.requires_grad_(False)(x_B))
        traced = torch.jit.trace(network, x_B, check_trace=False)
    assert "max_pool2d" in str(traced.inlined_graph)
    with torch.enable_grad():
        assert torch.equal(network(x_B), traced(x_B))
