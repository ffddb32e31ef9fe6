"""A plain LightningModule: cross-entropy on (images, labels). Any Trainer fits it; subclass it for more."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe.data.image_bank import Bank

OptimizerFactory = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class Normalize(nn.Module):
    """Turns uint8 images into normalised float images in channels-last layout, on their device."""

    shift: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        """Take the (channels,) mean and standard deviation, in units of 0 to 255."""
        super().__init__()
        self.register_buffer("shift", (mean / std.clamp_min(1e-3)).view(1, -1, 1, 1))
        self.register_buffer("scale", (1 / std.clamp_min(1e-3)).view(1, -1, 1, 1))

    def forward(self, image_B: Tensor) -> Tensor:
        """Return (B, channels, height, width) float32, (image - mean) / std."""
        x = image_B.to(self.scale.dtype, memory_format=torch.channels_last)
        return x.mul_(self.scale).sub_(self.shift)


def scaling(inputs: Literal["unit", "standard"], bank: Bank, index_N: Tensor) -> Normalize:
    """Return the map from pixels to a network's input.

    Args:
        inputs: "unit" divides pixels by 255; "standard" standardises each channel by the images `index_N`.
    """
    if inputs == "standard":
        return Normalize(*bank.channel_statistics(index_N))
    n_channels = bank.image_shape[0]
    return Normalize(torch.zeros(n_channels), torch.full((n_channels,), 255.0))


class Classifier(pl.LightningModule):
    """A network trained by cross-entropy; batches are (uint8 images, int64 labels) on the device.

    Override `training_step` for another loss; `forward` takes uint8 images and returns logits. A label
    below zero marks a sample that pads a batch; it counts neither in the loss nor in the accuracy.
    """

    n_right: Tensor
    n_validated: Tensor

    def __init__(
        self,
        network: nn.Module,
        normalize: nn.Module,
        optimizer: OptimizerFactory,
        augment: nn.Module | None = None,
        one_cycle: dict[str, Any] | None = None,
    ) -> None:
        """Build the module.

        Args:
            network: maps normalised images to (B, C) logits.
            normalize: maps uint8 images to the network's input.
            optimizer: makes the optimizer from the parameters.
            augment: maps normalised images to altered ones, in training only; or None.
            one_cycle: options of torch's OneCycleLR over the whole fit, or None for a constant rate.
        """
        super().__init__()
        self.network = network
        self.normalize = normalize
        self.augment = augment
        self._optimizer = optimizer
        self._one_cycle = one_cycle
        # Counted in place on the device: no batch waits for them, and a captured graph can count.
        self.register_buffer("n_right", torch.zeros((), dtype=torch.int64), persistent=False)
        self.register_buffer("n_validated", torch.zeros((), dtype=torch.int64), persistent=False)

    @property
    def scoring_network(self) -> nn.Module:
        """The network that scores, in evaluation mode: it maps normalised images to logits."""
        return self.network.eval()

    def forward(self, image_B: Tensor) -> Tensor:
        """Return (B, C) float32 logits of uint8 images."""
        logits_BC: Tensor = self.network(self.normalize(image_B))
        return logits_BC

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Return the mean cross-entropy of a batch, in nats."""
        image_B, label_B = batch
        x = self.normalize(image_B)
        if self.augment is not None:
            x = self.augment(x)
        return F.cross_entropy(self.network(x), label_B)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Count the correctly classified images; `val_accuracy` is logged once per validation run."""
        image_B, label_B = batch
        self.n_right += (self(image_B).argmax(dim=1) == label_B).sum()
        self.n_validated += (label_B >= 0).sum()

    def on_validation_epoch_end(self) -> None:
        """Log `val_accuracy`, computed from whole counts so that equal counts give equal accuracies."""
        self.log("val_accuracy", self.n_right / self.n_validated)
        self.n_right.zero_()
        self.n_validated.zero_()

    def configure_optimizers(self) -> Any:
        """Return the optimizer of the network's parameters, with the one-cycle schedule if there is one."""
        return self.optimizers_of(self.network)

    def optimizers_of(self, network: nn.Module) -> Any:
        """Return the optimizer of a network's parameters, with the one-cycle schedule if there is one."""
        optimizer = self._optimizer([each for each in network.parameters() if each.requires_grad])
        if self._one_cycle is None:
            return optimizer
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=[group["lr"] for group in optimizer.param_groups],
            total_steps=int(self.trainer.estimated_stepping_batches),
            cycle_momentum=False,
            **self._one_cycle,
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
