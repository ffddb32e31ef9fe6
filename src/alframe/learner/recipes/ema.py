"""The averaged copy of a network, which teaches it. Its update needs no value on the CPU."""

import copy

import torch
from torch import Tensor, nn


class AveragedNetwork(nn.Module):
    """An exponential moving average of a network's weights and statistics.

    After the update with t others before it, average <- decay' * average + (1 - decay') * network with
    decay' = min(decay, (1 + t) / (10 + t)); the first update is a plain copy.

    Torch's `AveragedModel` does the same with `use_buffers=True` and this decay. Here the count of updates
    stays on the device, so that a step does not wait for the device and can be captured.

    Source: Tarvainen & Valpola, Mean teachers, NeurIPS 2017.
    """

    n_updates: Tensor

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Copy `network`; `decay` is the share of the average that an update keeps."""
        super().__init__()
        self.module = copy.deepcopy(network).requires_grad_(False)
        self._decay = decay
        device = next(network.parameters()).device
        self.register_buffer("n_updates", torch.zeros((), device=device))

    def forward(self, x_B: Tensor) -> Tensor:
        """Return the averaged network's output."""
        out: Tensor = self.module(x_B)
        return out

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards `network`; integer buffers are copied."""
        t = self.n_updates
        share = torch.where(t == 0, 1.0, 1 - ((1 + t) / (10 + t)).clamp_max(self._decay))
        mine, theirs = _parameters_and_buffers(self.module), _parameters_and_buffers(network)
        floats = [i for i, tensor in enumerate(mine) if tensor.is_floating_point()]
        torch._foreach_lerp_([mine[i] for i in floats], [theirs[i] for i in floats], [share] * len(floats))
        for i in set(range(len(mine))) - set(floats):
            mine[i].copy_(theirs[i])
        self.n_updates += 1


def _parameters_and_buffers(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
