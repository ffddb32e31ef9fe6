"""What runs the network of an encoder: torch, or on a CPU OpenVINO or ONNX Runtime, which are faster.

The runtime is not part of an encoder's identity. `make_runtime` uses another one than torch only if its
features of the first images differ by no more than the rounding to float16, in which vectors are stored.

Measured for EfficientNet-Lite0 at 224 pixels by scripts/benchmarks/encoders.py.

Axes: B a batch, D the features.
"""

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from alframe import _onnx
from alframe._onnx import COMPARED, OnnxNetwork, difference, installed, quiet_conversion
from alframe._text import one_line
from alframe.core.errors import ConfigError, EngineWarning
from alframe.embedding.encoder import Encoder

Runtime = Callable[[Tensor], Tensor]

PACKAGES = {"openvino": ("openvino",), "onnxruntime": _onnx.PACKAGES}
_TOLERANCE = 2.0**-11  # rounding to float16, as a share of the largest feature of an image


def check_runtime(name: str, device: torch.device) -> None:
    """Raise `ConfigError` if a runtime is not installed or cannot use a device.

    Args:
        name: "auto", "torch", "openvino" or "onnxruntime".
    """
    key, needed = "encoder.runtime", PACKAGES.get(name, ())
    if needed and device.type != "cpu":
        raise ConfigError(key, f"auto or torch on {device}", name)
    if not installed(needed):
        hint = f"It needs pip install {' '.join(needed)}."
        raise ConfigError(key, "auto, torch or a runtime that is installed", name, hint)


def make_runtime(encoder: Encoder, device: torch.device, name: str) -> Runtime:
    """Return a function from an encoder's input (B, 3, height, width) float32 to its (B, D) float32 features.

    Input and features are on `device`. The network is loaded now. The first call on a CPU may convert it,
    which takes seconds, and compares the features of a few images with those of torch.

    Args:
        name: "torch", "openvino" or "onnxruntime"; "auto" takes OpenVINO or ONNX Runtime on a CPU if it is
            installed.

    Raises:
        ConfigError: the runtime is not installed or cannot use the device.
    """
    check_runtime(name, device)
    names = tuple(PACKAGES) if name == "auto" and device.type == "cpu" else (name,)
    fast = next((each for each in names if each in PACKAGES and installed(PACKAGES[each])), None)
    plain = _Torch(encoder, device)
    return plain if fast is None else _Compared(plain, fast)


class _Torch:
    """Runs a network with torch."""

    def __init__(self, encoder: Encoder, device: torch.device) -> None:
        # Channels last is the order in which convolutions are computed fastest.
        with torch.random.fork_rng(devices=[]):  # initial weights are random, and then replaced
            network = encoder.load().to(device)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._half = encoder.precision == "float16" and device.type == "cuda"

    @torch.inference_mode()
    def __call__(self, input_B: Tensor) -> Tensor:
        """Return the features."""
        # TF32 would differ from other devices by more than the rounding to float16.
        exact = torch.backends.cudnn.flags(
            enabled=True, allow_tf32=False, benchmark=False, deterministic=True
        )
        with exact, torch.autocast("cuda", dtype=torch.float16, enabled=self._half):
            return self.network(input_B.contiguous(memory_format=torch.channels_last)).float()


class _Compared:
    """Runs a network with a faster runtime if that agrees with torch on the first batch, else with torch."""

    def __init__(self, plain: _Torch, fast: str) -> None:
        self._plain, self._fast = plain, fast
        self._chosen: Runtime | None = None

    def __call__(self, input_B: Tensor) -> Tensor:
        """Return the features."""
        if self._chosen is None:
            self._chosen = self._choose(input_B[:COMPARED])
            del self._plain  # its weights are needed no more, or are those of the choice
        return self._chosen(input_B)

    def _choose(self, input_B: Tensor) -> Runtime:
        try:
            with quiet_conversion():  # the import too: OpenVINO would keep the streams and close them
                converted = _CONVERT[self._fast](self._plain.network, input_B[:1])
            share = difference(converted(input_B), self._plain(input_B))
            if share <= _TOLERANCE:
                return converted
            reason = f"its features differ from torch's by {share:.2g} of the largest one"
        except Exception as error:
            reason = f"it does not run this network: {one_line(error)[:200]}"
        warnings.warn(
            f"encoder.runtime: torch is used instead of {self._fast}: {reason}.", EngineWarning, stacklevel=3
        )
        return self._plain


class _OpenVino:
    """Runs one image on each thread: the features of an image do not depend on its batch."""

    def __init__(self, network: nn.Module, input_1: Tensor) -> None:
        openvino = _openvino()
        with quiet_conversion(), torch.inference_mode():
            traced = torch.jit.trace(network, input_1, check_trace=False)
            model = openvino.convert_model(traced, example_input=input_1, input=list(input_1.shape))
        threads = torch.get_num_threads()
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",  # bfloat16 is a quarter off
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": str(threads),
            "ENABLE_CPU_PINNING": False,  # to the first cores, which other processes may use
        }
        compiled = openvino.Core().compile_model(model, "CPU", settings)
        self._n_features = compiled.output(0).partial_shape[1].get_length()
        self._queue = openvino.AsyncInferQueue(compiled)
        self._queue.set_callback(_store)

    def __call__(self, input_B: Tensor) -> Tensor:
        """Return the features."""
        features_BD = np.empty((len(input_B), self._n_features), np.float32)
        for row, image in enumerate(input_B.numpy()):
            self._queue.start_async({0: image[None]}, (features_BD, row))
        self._queue.wait_all()
        return torch.from_numpy(features_BD)


def _openvino() -> Any:
    """Return the module, imported so that it sends no usage statistics."""
    name = "openvino_telemetry"
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    import openvino

    if sys.modules[name] is None:
        del sys.modules[name]
    return openvino


def _store(request: Any, place: tuple[np.ndarray[Any, Any], int]) -> None:
    features_BD, row = place
    features_BD[row] = request.get_output_tensor(0).data[0]


_CONVERT: dict[str, Callable[[nn.Module, Tensor], Runtime]] = {
    "openvino": _OpenVino,
    "onnxruntime": OnnxNetwork,
}
