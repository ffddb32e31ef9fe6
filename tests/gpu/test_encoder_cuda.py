"""An encoder on CUDA; skipped without a CUDA device."""

from dataclasses import replace

import pytest
import torch

from alframe.embedding.prepare import normalise, scale
from alframe.embedding.runtime import make_runtime
from tests.support.encoders import preprocessing, tiny_encoder

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def convolutions() -> torch.nn.Module:
    """Return ten layers with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [torch.nn.Conv2d(3 if n == 0 else 32, 32, 3, padding=1) for n in range(10)]
        pairs = [each for layer in layers for each in (layer, torch.nn.ReLU())]
        return torch.nn.Sequential(*pairs, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()).eval()


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 2.0**-11), ("float16", 1e-2)])
def test_features_on_cuda_agree_with_those_on_the_cpu(precision: str, tolerance: float) -> None:
    encoder = replace(tiny_encoder(load=convolutions, n_features=32), precision=precision)
    image_B = torch.randint(0, 256, (8, 3, 40, 30), dtype=torch.uint8)
    pixel_B, device = scale(image_B, preprocessing()), torch.device("cuda")
    on_cpu = make_runtime(encoder, torch.device("cpu"), "torch")(normalise(pixel_B, preprocessing()))
    on_cuda = make_runtime(encoder, device, "auto")(normalise(pixel_B.to(device), preprocessing()))
    assert on_cuda.device.type == "cuda"
    assert ((on_cuda.cpu() - on_cpu).abs().amax(1) <= tolerance * on_cpu.abs().amax(1)).all()
