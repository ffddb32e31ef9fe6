"""The raw loop with its networks in CUDA graphs by `torch.cuda.make_graphed_callables`.

Torch records the forward and the backward pass of a network as two graphs. Gathering the images, the
alterations, the loss and the optimizer run without a graph, as in the raw loop.
"""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from speed.compiled import KeptNetworks
from speed.floor import Floor


class Graphed(KeptNetworks):
    """A recipe as a raw loop with graphed networks, which are recorded once."""

    engine = "graphed"

    def _prepared(self, network: nn.Module) -> nn.Module:
        learner = self._task.config["learner"]
        of_teacher = isinstance(network, AveragedModel)
        n_images = learner["pool_batch_size"] if of_teacher else self.images_per_step
        return self._once(f"graphed {id(network)}", lambda: self._recorded(network, n_images))

    def _scoring_network(self) -> nn.Module:
        def make() -> nn.Module:
            network = Floor._network(self).eval().requires_grad_(False)
            return self._recorded(network, self.images_per_batch)

        return self._once("scoring", make)

    def _average(self, network: nn.Module) -> AveragedModel:
        average = super()._average(network)
        average.requires_grad_(False)  # otherwise a backward pass is recorded too
        return average

    def _recorded(self, network: nn.Module, n_images: int) -> nn.Module:
        """Return the network with its passes over `n_images` images in graphs."""
        x = self._take(self._positions(1)[:1].expand(n_images))
        bfloat16 = self._compute.precision == "bfloat16"
        # Torch's cache of the weights in bfloat16 would keep those of the recording.
        with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16, cache_enabled=False):
            recorded: nn.Module = torch.cuda.make_graphed_callables(network, (x,))  # type: ignore[assignment]
        return recorded
