"""A network of torch in ONNX Runtime, which runs many networks faster on a CPU.

The caller compares the outputs with those of torch, see `difference`.

Axes: B a batch, D the outputs.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec

import torch
from torch import Tensor, nn

PACKAGES = ("onnxruntime", "onnx")
EXTRA = "alframe[onnx]"
COMPARED = 4  # images of a batch that torch computes too


def installed(packages: tuple[str, ...] = PACKAGES) -> bool:
    """Return True if packages can be imported."""
    return all(find_spec(package) is not None for package in packages)


def onnxruntime_version() -> str:
    """Return the version of ONNX Runtime, which must be installed."""
    import onnxruntime

    return str(onnxruntime.__version__)


class OnnxNetwork:
    """Runs a batch on all threads; the weights are those of the moment in which it was made."""

    def __init__(self, network: nn.Module, input_1: Tensor) -> None:
        """Convert a network in evaluation mode, by the input of one image. The network does not change."""
        import onnxruntime

        file = io.BytesIO()
        with quiet_conversion(), torch.inference_mode():
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
        options.log_severity_level = 4  # errors are raised
        # Idle threads would take the cores from torch, which prepares the next batch.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            file.getvalue(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, input_B: Tensor) -> Tensor:
        """Return (B, D) float32.

        Raises:
            torch.OutOfMemoryError: the batch does not fit.
        """
        try:
            return torch.from_numpy(self._session.run(None, {"input": input_B.contiguous().numpy()})[0])
        except Exception as error:  # of ONNX Runtime, whose errors have no common class
            if "Failed to allocate memory" in str(error):
                raise torch.OutOfMemoryError(str(error)) from error
            raise


def difference(output_BD: Tensor, torch_BD: Tensor) -> float:
    """Return the largest difference of an output as a share of the largest output of its image."""
    largest_B = torch_BD.abs().amax(1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    return float(((output_BD - torch_BD).abs() / largest_B).amax().nan_to_num(torch.inf))


@contextmanager
def quiet_conversion() -> Iterator[None]:
    """Hide what converters print and warn of, since the outputs are compared; and convert plain attention.

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
