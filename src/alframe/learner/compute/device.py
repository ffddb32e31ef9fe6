"""Device and precision of a trial. `auto` is resolved once and written into the trial's config."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from alframe._machine import processor
from alframe.core.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Compute:
    """A device and a precision.

    Attributes:
        device: of the tensors.
        precision: "float32" or "bfloat16" (for the body of the network, under autocast).
    """

    device: torch.device
    precision: str

    @classmethod
    def choose(cls, device: str, precision: str) -> "Compute":
        """Resolve `auto`: CUDA, then MPS, then CPU; bfloat16 if the hardware computes in it.

        Raises:
            ConfigError: this machine does not have the device.
        """
        chosen = _device(device)
        if precision == "auto":
            precision = "bfloat16" if _multiplies_bfloat16(chosen) else "float32"
        return cls(device=chosen, precision=precision)

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Run the body of a network in this precision inside the block."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            yield

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Seed torch's global generators, which weights and dropout draw from; restore them after the block.

        Inside the block cuDNN uses only algorithms that give the same bits each time.
        """
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), same_bits():
            torch.manual_seed(seed)
            yield

    def trainer_options(self) -> dict[str, Any]:
        """Return the Trainer's options for this device and precision."""
        accelerator = {"cuda": "gpu"}.get(self.device.type, self.device.type)
        index = self.device.index or 0
        return {
            "accelerator": accelerator,
            "devices": [index] if accelerator == "gpu" else 1,
            "precision": "bf16-mixed" if self.precision == "bfloat16" else "32-true",
            "benchmark": False,
        }


def same_bits() -> AbstractContextManager[None]:
    """Return a block in which cuDNN uses only algorithms that give the same bits each time."""
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True
    )
    return flags


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda":
        n_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= n_devices:
            found = f"{n_devices} CUDA device{'s' * (n_devices != 1)}" if n_devices else "no CUDA device"
            raise ConfigError("device", f"a device of this machine, which has {found}", name, _WAY_OUT)
        return torch.device("cuda", device.index or 0)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device", "a device of this machine, which has no MPS", name, _WAY_OUT)
    return device


_WAY_OUT = "Write device=auto to take the best one, or device=cpu."


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Return True if the hardware computes in bfloat16. Emulated bfloat16 is much slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    return bool(processor()[1] & {"avx512_bf16", "amx_bf16"})
