"""What runs an encoder's network on a CPU agrees with torch."""

import importlib.util
import sys

import pytest
import torch
from torch import Tensor, nn

from alframe.core.errors import ConfigError, EngineWarning
from alframe.embedding import Encoder, Preprocessing
from alframe.embedding import runtime as runtimes
from alframe.embedding.runtime import PACKAGES, check_runtime, make_runtime

CPU = torch.device("cpu")
IMAGES = torch.randn(7, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.GELU(), nn.AdaptiveAvgPool2d(1))
        return nn.Sequential(body, nn.Flatten()).eval()


def encoder(load: object = network) -> Encoder:
    preprocessing = Preprocessing(
        size=(16, 16),
        crop_share=1.0,
        keep_shape=True,
        interpolation="bicubic",
        mean=(0.5,) * 3,
        std=(0.5,) * 3,
    )
    return Encoder(
        name="tiny",
        load=load,
        n_features=8,
        preprocessing=preprocessing,
        weights_digest="",
        mirrored=False,
        precision="float32",
    )


def skip_without(name: str) -> None:
    for package in PACKAGES.get(name, ()):
        if importlib.util.find_spec(package) is None:  # an import would not be that of the product
            pytest.skip(f"{package} is not installed")


@pytest.mark.parametrize("name", ["torch", *PACKAGES])
def test_a_runtime_agrees_with_the_network_and_rows_do_not_depend_on_the_batch(name: str) -> None:
    skip_without(name)
    run = make_runtime(encoder(), CPU, name)
    feature_BD = run(IMAGES)
    with torch.inference_mode():
        torch.testing.assert_close(feature_BD, network()(IMAGES), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(run(IMAGES[3:5]), feature_BD[3:5], rtol=1e-5, atol=1e-6)
    assert feature_BD.dtype == torch.float32
    if name == "openvino":
        assert torch.equal(run(IMAGES[3:5]), feature_BD[3:5])
        assert "openvino_telemetry" not in sys.modules  # it would send statistics


class Observing(nn.Module):
    """Keeps the settings of cuDNN."""

    def forward(self, input_B: Tensor) -> Tensor:
        cudnn = torch.backends.cudnn
        self.seen = (cudnn.enabled, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic)
        return input_B.mean((2, 3))


def test_torch_computes_in_float32_and_leaves_settings_as_they_were() -> None:
    observing, before = Observing(), torch.backends.cudnn.allow_tf32
    make_runtime(encoder(lambda: observing), CPU, "torch")(IMAGES)
    assert observing.seen == (True, False, False, True)
    assert torch.backends.cudnn.allow_tf32 == before


class Bent(nn.Module):
    """Features that depend on whether torch traces."""

    def forward(self, input_B: Tensor) -> Tensor:
        feature_BD = input_B.mean((2, 3))
        return feature_BD * 1.01 if torch.jit.is_tracing() else feature_BD


class Failing(nn.Module):
    """A network that no converter takes."""

    def forward(self, input_B: Tensor) -> Tensor:
        if torch.jit.is_tracing():
            raise RuntimeError("no tracing")
        return input_B.mean((2, 3))


@pytest.mark.parametrize(
    ("broken", "reason"), [(Bent, "differ from torch's by 0.01"), (Failing, "no tracing")]
)
def test_torch_is_used_if_a_runtime_disagrees_or_fails(broken: type[nn.Module], reason: str) -> None:
    skip_without("openvino")
    run = make_runtime(encoder(broken), CPU, "openvino")
    with pytest.warns(EngineWarning, match=reason):
        feature_BD = run(IMAGES)
    torch.testing.assert_close(feature_BD, IMAGES.mean((2, 3)), rtol=1e-5, atol=1e-6)
    assert torch.equal(run(IMAGES), feature_BD)  # and no second warning


def test_a_runtime_that_is_missing_or_not_for_the_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="auto or torch on cuda"):
        check_runtime("openvino", torch.device("cuda"))

    monkeypatch.setattr(runtimes, "installed", lambda packages: packages == ())
    with pytest.raises(ConfigError, match="pip install onnxruntime onnx"):
        make_runtime(encoder(), CPU, "onnxruntime")
    assert torch.equal(
        make_runtime(encoder(), CPU, "auto")(IMAGES), make_runtime(encoder(), CPU, "torch")(IMAGES)
    )
