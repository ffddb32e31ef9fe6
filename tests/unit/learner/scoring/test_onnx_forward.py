"""Scoring through ONNX Runtime agrees with torch, and leaves to torch what it does not compute alike."""

import warnings

import pytest
import torch
from torch import Tensor, nn

from alframe import _onnx
from alframe._onnx import OnnxNetwork, installed
from alframe.core.errors import EngineWarning
from alframe.data import ImageBank
from alframe.learner import FastCNN, PublishedCNN
from alframe.learner.compute.device import Compute
from alframe.learner.scoring import onnx_forward
from alframe.learner.scoring.batch_size import BatchSize
from alframe.learner.scoring.onnx_forward import TOLERANCE, OnnxForward
from alframe.learner.scoring.pool import EagerForward, score_pool

needs_onnxruntime = pytest.mark.skipif(not installed(), reason="onnxruntime or onnx is not installed")


def fast() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = FastCNN(in_channels=3, image_size=(12, 12), n_classes=4, widths=[4, 6], grid=3, dropout=0.5)
        network(torch.randn(8, 3, 12, 12))  # its statistics become others than 0 and 1
    return network.eval()


def published() -> nn.Module:
    return PublishedCNN(in_channels=3, image_size=(12, 12), n_classes=4).eval()


class Scaled(nn.Module):
    """Divides uint8 images by 255."""

    def forward(self, image_B: Tensor) -> Tensor:
        return (image_B / 255).contiguous(memory_format=torch.channels_last)


@pytest.fixture
def bank():
    images_N = torch.randint(
        0, 256, (50, 3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(2)
    )
    return ImageBank(images_N)


@needs_onnxruntime
def test_its_logits_are_those_of_torch(bank, cpu):
    networks, index_P = [fast(), published()], torch.arange(49, 8, -1)
    with torch.inference_mode():
        ours = list(OnnxForward(Scaled())(networks, bank, index_P, 16))
        theirs = list(EagerForward(Scaled(), cpu)(networks, bank, index_P, 16))
    assert [len(logits[0]) for logits in ours] == [16, 16, 9]
    for our, their in zip(ours, theirs, strict=True):
        for our_BC, their_BC in zip(our, their, strict=True):
            torch.testing.assert_close(our_BC, their_BC, rtol=1e-5, atol=1e-5)


@needs_onnxruntime
@pytest.mark.parametrize(
    ("size", "grid"), [((28, 28), 3), ((32, 28), 3), ((28, 20), 4), ((12, 8), 2), ((8, 8), 1)]
)
def test_it_computes_cells_that_overlap_or_differ_in_size(size, grid):
    torch.manual_seed(3)
    network = FastCNN(
        in_channels=1, image_size=size, n_classes=4, widths=[4, 6], grid=grid, dropout=0.0
    ).eval()
    x_B = torch.randn(5, 1, *size)
    with torch.inference_mode():
        assert _onnx.difference(OnnxNetwork(network, x_B[:1])(x_B), network(x_B)) <= TOLERANCE


@needs_onnxruntime
def test_it_scores_with_the_weights_of_the_moment_and_gives_the_same_bits_again(bank, cpu):
    network = fast()

    def log_odds() -> Tensor:
        forward = OnnxForward(Scaled())
        return score_pool(
            [network], Scaled(), bank, torch.arange(50), compute=cpu, batch_size=16, forward=forward
        ).log_odds_P

    before = log_odds()
    assert torch.equal(log_odds(), before)
    with torch.no_grad():
        network.head.weight.div_(2)
        network.head.bias.div_(2)
    torch.testing.assert_close(
        log_odds(),
        score_pool([network], Scaled(), bank, torch.arange(50), compute=cpu, batch_size=16).log_odds_P,
        rtol=1e-4,
        atol=1e-5,
    )
    assert not torch.allclose(log_odds(), before)


def shifted(shift: float):
    """Return a conversion whose logits are a share of the largest one off."""

    def convert(network: nn.Module, input_1: Tensor):
        def run(x_B: Tensor) -> Tensor:
            logits_BC = network(x_B)
            return logits_BC + shift * logits_BC.abs().amax(1, keepdim=True)

        return run

    return convert


def logits_of(bank, network: nn.Module) -> Tensor:
    with torch.inference_mode():
        return torch.cat(
            [logits[0] for logits in OnnxForward(Scaled())([network], bank, torch.arange(50), 20)]
        )


def test_a_network_that_disagrees_is_run_by_torch(bank, cpu, monkeypatch):
    network = fast()
    with torch.inference_mode():
        wanted = torch.cat(
            [each[0] for each in EagerForward(Scaled(), cpu)([network], bank, torch.arange(50), 20)]
        )
    monkeypatch.setattr(onnx_forward, "OnnxNetwork", shifted(10 * TOLERANCE))
    with pytest.warns(EngineWarning, match="differ from torch's by 0.0001"):
        assert torch.equal(logits_of(bank, network), wanted)

    monkeypatch.setattr(onnx_forward, "OnnxNetwork", shifted(TOLERANCE / 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not torch.equal(logits_of(bank, network), wanted)

    def refuse(network: nn.Module, input_1: Tensor) -> None:
        raise ValueError("no operator\nfor this")

    monkeypatch.setattr(onnx_forward, "OnnxNetwork", refuse)
    with pytest.warns(EngineWarning, match="does not run this network: no operator for this"):
        assert torch.equal(logits_of(bank, network), wanted)


class FullSession:
    """A session for which batches above 16 images are too large."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def run(self, names, inputs):
        if len(inputs["input"]) > 16:
            raise Exception("BFCArena Failed to allocate memory for requested buffer of size 12042240000")
        with torch.inference_mode():
            return [self.network(torch.from_numpy(inputs["input"])).numpy()]


def test_batches_become_smaller_if_memory_runs_out(bank, cpu: Compute, monkeypatch):
    def convert(network: nn.Module, input_1: Tensor) -> OnnxNetwork:
        made = OnnxNetwork.__new__(OnnxNetwork)
        made._session = FullSession(network)
        return made

    monkeypatch.setattr(onnx_forward, "OnnxNetwork", convert)
    size, network = BatchSize(32), fast()
    with pytest.warns(EngineWarning, match="continuing with 16 images"):
        scores = score_pool(
            [network],
            Scaled(),
            bank,
            torch.arange(50),
            compute=cpu,
            batch_size=size,
            forward=OnnxForward(Scaled()),
        )
    assert size.n == 16
    plain = score_pool([network], Scaled(), bank, torch.arange(50), compute=cpu, batch_size=16)
    torch.testing.assert_close(scores.log_odds_P, plain.log_odds_P)


def test_the_difference_of_outputs_is_a_share_of_the_largest_one():
    torch_BD = torch.tensor([[1.0, -4.0], [0.0, 0.5]])
    assert _onnx.difference(torch_BD + torch.tensor([[0.0, 0.0], [0.25, 0.0]]), torch_BD) == 0.5
    assert _onnx.difference(torch_BD * torch.nan, torch_BD) == torch.inf
