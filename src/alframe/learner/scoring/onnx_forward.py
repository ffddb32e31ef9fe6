"""Scoring through ONNX Runtime, which on a CPU in float32 is up to twice as fast as torch.

It is chosen by `alframe.learner.compute.autotune.choose_scoring_engine`. Committees, features and altered
copies of images are computed by torch.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from alframe._onnx import COMPARED, OnnxNetwork, difference
from alframe._text import one_line
from alframe.core.errors import EngineWarning
from alframe.data.image_bank import Bank

TOLERANCE = 1e-5  # of a logit, as a share of the largest one of its image; engines agree as closely


class OnnxForward:
    """Runs networks batch by batch. A network that disagrees with torch is run by torch.

    Each call converts the networks, which takes 0.02 s each for the networks of both recipes, and compares
    them on the first images. What runs a network therefore depends on the network and these images alone,
    so that a resumed trial computes the same bits.
    """

    def __init__(self, normalize: nn.Module) -> None:
        """Take the map from uint8 images to the networks' input."""
        self._normalize = normalize

    def __call__(
        self, networks: Sequence[nn.Module], bank: Bank, index_P: Tensor, batch_size: int
    ) -> Iterator[list[Tensor]]:
        """Yield batch after batch the logits (B, C) of each network, in the order of `index_P`."""
        runs: list[Callable[[Tensor], Tensor]] = []
        for image_B in bank.stream(index_P, batch_size):
            x_B = self._normalize(image_B)
            runs = runs or [_fastest(network, x_B[:COMPARED]) for network in networks]
            yield [run(x_B) for run in runs]


def _fastest(network: nn.Module, x_B: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the network in ONNX Runtime, or itself with a warning if that fails or gives other logits."""
    try:
        converted = OnnxNetwork(network, x_B[:1])
        with torch.inference_mode():
            share = difference(converted(x_B), network(x_B))
        if share <= TOLERANCE:
            return converted
        reason = f"its logits differ from torch's by {share:.2g} of the largest one"
    except Exception as error:  # of the converter or of ONNX Runtime, which have no common class
        reason = f"it does not run this network: {one_line(error)[:200]}"
    warnings.warn(
        f"scoring_engine: torch is used instead of onnxruntime: {reason}.", EngineWarning, stacklevel=3
    )
    return network
