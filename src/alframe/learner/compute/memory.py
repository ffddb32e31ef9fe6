"""How much memory a network needs for images of a size, without allocating it, and how much there is."""

import math
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from alframe.learner.compute.subject import Subject

FLOAT = 4  # bytes
# A leaf module's output is there together with its input and a copy that an activation function makes.
SCORING_COPIES = 3
# Training keeps all outputs for the backward pass, with their gradients one after the other.
TRAINING_COPIES = 2
WEIGHT_COPIES = 5  # weights, gradients, two averages of the optimizer, averaged network
USABLE = 0.8  # of the free memory


@dataclass(frozen=True, kw_only=True)
class MemoryNeed:
    """Bytes that a network needs.

    Attributes:
        weights: of one copy of the weights. largest, total: of the largest output of a layer, and of all
            outputs, of one image.
    """

    weights: int
    largest: int
    total: int

    def scoring(self, n: int) -> int:
        """Return the bytes of a scoring pass over n images."""
        return self.weights + SCORING_COPIES * self.largest * n

    def training(self, n: int) -> int:
        """Return the bytes of a training step on n images."""
        return WEIGHT_COPIES * self.weights + TRAINING_COPIES * self.total * n


def memory_need(subject: Subject) -> MemoryNeed | None:
    """Return what a network needs, found with tensors without memory; None if it cannot be made of such."""
    outputs = [math.prod(subject.image_shape) * FLOAT]

    def add(module: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, Tensor):
            outputs.append(output.numel() * FLOAT)

    # The global random state is restored outside the context of the meta device.
    with torch.random.fork_rng(devices=[]), torch.device("meta"), torch.no_grad():
        try:
            network = _made(subject).eval()
        except Exception:  # a network of the user's own, or settings that are refused with a reason later
            return None
        for module in network.modules():
            if not list(module.children()):
                module.register_forward_hook(add)
        with suppress(Exception):  # autocast knows no meta device; the layers before are the large ones
            network(torch.empty(1, *subject.image_shape))
    weights = sum(each.numel() * FLOAT for each in network.parameters())
    return MemoryNeed(weights=weights, largest=max(outputs), total=sum(outputs))


def _made(subject: Subject) -> nn.Module:
    n_channels, *size = subject.image_shape
    return subject.network(in_channels=n_channels, image_size=tuple(size), n_classes=subject.n_classes)


def free_bytes() -> int | None:
    """Return the bytes of memory that this process may still use, or None if the system does not tell."""
    found = [each for each in (_of_machine(), _of_group(), _of_process()) if each is not None]
    return min(found) if found else None


def _of_machine() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    return None


def _of_group() -> int | None:
    """Return what is left of a container's limit."""
    folder = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):
        most = (folder / "memory.max").read_text().strip()
        return None if most == "max" else int(most) - int((folder / "memory.current").read_text())
    return None


def _of_process() -> int | None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        return None if most == resource.RLIM_INFINITY else most - pages * os.sysconf("SC_PAGE_SIZE")
    return None


def fitting_side(need: int, free: int, longer: int) -> int:
    """Return a longer side, in pixels, at which a need of memory that grows with the area is free.

    >>> fitting_side(need=16 * 2**30, free=4 * 2**30, longer=1000)
    440
    """
    side = int(longer * math.sqrt(USABLE * free / need))
    return max(8, side - side % 8)
