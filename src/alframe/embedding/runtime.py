"""What runs the network of an encoder: torch, or on a CPU OpenVINO or ONNX Runtime, which are faster.

The runtime is not part of an encoder's identity. `make_runtime` uses another one than torch only if its
features of the first images differ by no more than the rounding to float16, in which vectors are stored.

Measured for EfficientNet-Lite0 at 224 pixels by scripts/benchmarks/encoders.py.

Axes: B a batch, D the features.
"""

import io
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from alframe._text import one_line
from alframe.core.errors import ConfigError, EngineWarning
from alframe.embedding.encoder import Encoder

Runtime = Callable[[Tensor], Tensor]

PACKAGES = {"openvino": ("openvino",), "onnxruntime": ("onnxruntime", "onnx")}
_COMPARED = 4  # images of the first batch that torch computes too
_TOLERANCE = 2.0**-11  # rounding to float16, as a share of the largest feature of an image


def check_runtime(name: str, device: torch.device) -> None:
    """Raise `ConfigError` if a runtime is not installed or cannot use a device.

    Args:
        name: "auto", "torch", "openvino" or "onnxruntime".
    """
    key, needed = "encoder.runtime", PACKAGES.get(name, ())
    if needed and device.type != "cpu":
        raise ConfigError(key, f"auto or torch on {device}", name)
    if not _installed(needed):
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
    fast = next((each for each in names if each in PACKAGES and _installed(PACKAGES[each])), None)
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
            self._chosen = self._choose(input_B[:_COMPARED])
            del self._plain  # its weights are needed no more, or are those of the choice
        return self._chosen(input_B)

    def _choose(self, input_B: Tensor) -> Runtime:
        try:
            with _quiet():
                converted = _CONVERT[self._fast](self._plain.network, input_B[:1])
            share = _difference(converted(input_B), self._plain(input_B))
            if share <= _TOLERANCE:
                return converted
            reason = f"its features differ from torch's by {share:.2g} of the largest one"
        except Exception as error:
            reason = f"it does not run this network: {one_line(error)[:200]}"
        warnings.warn(
            f"encoder.runtime: torch is used instead of {self._fast}: {reason}.", EngineWarning, stacklevel=3
        )
        return self._plain


def _difference(feature_BD: Tensor, torch_BD: Tensor) -> float:
    """Return the largest difference of a feature as a share of the largest feature of its image."""
    largest_B = torch_BD.abs().amax(1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    return float(((feature_BD - torch_BD).abs() / largest_B).amax().nan_to_num(torch.inf))


class _OpenVino:
    """Runs one image on each thread: the features of an image do not depend on its batch."""

    def __init__(self, network: nn.Module, input_1: Tensor) -> None:
        openvino = _openvino()
        with torch.inference_mode():
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


class _OnnxRuntime:
    """Runs a batch on all threads."""

    def __init__(self, network: nn.Module, input_1: Tensor) -> None:
        import onnxruntime

        file = io.BytesIO()
        with torch.inference_mode():
            torch.onnx.export(
                network,
                (input_1,),
                file,  # type: ignore[arg-type]
                dynamo=False,  # the new exporter needs another package
                input_names=["input"],
                dynamic_axes={"input": {0: "batch"}},
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            file.getvalue(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, input_B: Tensor) -> Tensor:
        """Return the features."""
        return torch.from_numpy(self._session.run(None, {"input": input_B.numpy()})[0])


_CONVERT: dict[str, Callable[[nn.Module, Tensor], Runtime]] = {
    "openvino": _OpenVino,
    "onnxruntime": _OnnxRuntime,
}


def _installed(packages: tuple[str, ...]) -> bool:
    return all(find_spec(package) is not None for package in packages)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what converters print and warn of, since the features are compared; and convert plain attention.

    ONNX has no operator for torch's fast path of `nn.MultiheadAttention`.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
