"""Scoring by replay: the forward pass over a batch of indices is captured once and serves every network."""

import copy
import warnings
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from alframe.core.errors import EngineWarning
from alframe.data.image_bank import Bank
from alframe.learner.compute.device import Compute
from alframe.learner.engines.capture import WARM_UP, Capture, CaptureError, Replay, reason_of, run_aside
from alframe.learner.engines.tensor_slots import tensor_slots
from alframe.learner.scoring.pool import EagerForward


class ReplayedForward:
    """Runs networks of one architecture by replaying a captured pass.

    Images that are not on the device, and several networks at once, run eagerly.

    Args:
        normalize: maps uint8 images to the networks' input. compute: device and precision.
        capture: records work. recorded: the passes so far, of networks of the same architecture; new ones are
            added.
    """

    def __init__(
        self,
        normalize: nn.Module,
        compute: Compute,
        capture: Capture,
        recorded: "dict[tuple[Bank, int], RecordedPass] | None" = None,
    ) -> None:
        self._eager = EagerForward(normalize, compute)
        self._normalize = normalize
        self._compute = compute
        self._capture = capture
        self._recorded = {} if recorded is None else recorded
        self._failed = False

    def give_up(self) -> None:
        """Run networks eagerly from now on."""
        self._failed = True

    def __call__(
        self, networks: Sequence[nn.Module], bank: Bank, index_P: Tensor, batch_size: int
    ) -> Iterator[list[Tensor]]:
        """Yield batch after batch the logits (B, C) of each network, in the order of `index_P`."""
        if self._failed or not bank.resident or len(networks) != 1:
            # Several networks are passed at once only if the cache had no room for earlier results.
            yield from self._eager(networks, bank, index_P, batch_size)
            return
        try:
            recorded = self._pass(networks[0], bank, batch_size)
        except CaptureError as error:
            self._failed = True
            warnings.warn(
                f"engine: scoring could not be captured: {error}. Scoring runs without a graph.",
                EngineWarning,
                stacklevel=2,
            )
            yield from self._eager(networks, bank, index_P, batch_size)
            return
        recorded.load(networks[0], self._normalize)
        for index_B in index_P.to(bank.device).split(batch_size):
            yield [recorded.logits(index_B)]

    def _pass(self, network: nn.Module, bank: Bank, batch_size: int) -> "RecordedPass":
        key = bank, batch_size
        if key not in self._recorded:
            for other in [each for each in self._recorded if each[0] is bank]:
                del self._recorded[other]
            # The graph's tensors are used outside inference mode later, so they must not be made in it.
            with torch.inference_mode(False), torch.no_grad():
                self._recorded[key] = RecordedPass(
                    network, self._normalize, bank, batch_size, self._compute, self._capture
                )
        return self._recorded[key]


class RecordedPass:
    """One captured forward pass with a private network and private normalisation.

    Args:
        network, normalize: copied. bank: the images. batch_size: images per pass.
        compute: device and precision. capture: records work.

    Raises:
        CaptureError: the pass could not be recorded.
    """

    def __init__(
        self,
        network: nn.Module,
        normalize: nn.Module,
        bank: Bank,
        batch_size: int,
        compute: Compute,
        capture: Capture,
    ) -> None:
        self._network, self._normalize = copy.deepcopy(network).eval(), copy.deepcopy(normalize)
        self._bank, self._compute = bank, compute
        self._index_B = torch.zeros(batch_size, dtype=torch.int64, device=bank.device)
        self._logits_BC = torch.empty(0)
        try:
            run_aside(self._work, WARM_UP, bank.device)
            self._replay: Replay = capture(self._work, [], bank.device)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, NotImplementedError) as error:
            raise CaptureError(reason_of(error)) from error

    def load(self, network: nn.Module, normalize: nn.Module) -> None:
        """Copy the weights and statistics of a network, and those of the normalisation."""
        for private, given in ((self._network, network), (self._normalize, normalize)):
            for mine, theirs in zip(tensor_slots(private), tensor_slots(given), strict=True):
                mine.get().copy_(theirs.get())

    def logits(self, index_B: Tensor) -> Tensor:
        """Return (B, C) float32 logits; B is at most the batch size that was captured."""
        n = len(index_B)
        self._index_B[:n] = index_B
        self._replay()
        return self._logits_BC[:n].clone()

    def _work(self) -> None:
        with self._compute.autocast():
            logits_BC: Tensor = self._network(self._normalize(self._bank.take(self._index_B)))
        if len(self._logits_BC) == 0:
            self._logits_BC = torch.empty_like(logits_BC, dtype=torch.float32)
        self._logits_BC.copy_(logits_BC)
