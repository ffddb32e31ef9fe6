"""alframe's default training, written with PyTorch Lightning: FixMatch with an averaged teacher.

The steps, batches, optimizer and schedule are those of alframe's default, as are the rotations, sizes,
shears and shifts, for a whole batch at once. Left out are its elastic bends, the start from the last round's
weights and the mean over the last three networks.
"""

import math
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.utilities import CombinedLoader
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from peers.job import Data, Job, Labels
from peers.networks import fast, standardised
from peers.with_lightning import probabilities

STEPS, STEPS_GROWTH, BATCH, POOL_BATCH = 300, 75, 32, 96
DECAY, CONFIDENT, LEARNING_RATE = 0.99, 0.95, 5e-3
ROTATION, SCALE, SHEAR, SHIFT = math.radians(15), 0.15, 0.2, 0.0625


class FixMatch(pl.LightningModule):
    """Cross-entropy on altered labelled images, and agreement with the averaged network on the pool."""

    def __init__(self, steps: int, black: float) -> None:
        super().__init__()
        self.network, self.steps, self.black = fast(), steps, black
        average = get_ema_multi_avg_fn(DECAY)
        self.average = AveragedModel(self.network, multi_avg_fn=average, use_buffers=True)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss."""
        (x, y), (x_pool,) = batch
        self.average.eval()
        with torch.no_grad():
            confidence, target = self.average(x_pool).softmax(dim=1).max(dim=1)
        logits = self.network(altered(torch.cat([x, x_pool]), self.black))
        pool_loss = F.cross_entropy(logits[len(x) :], target, reduction="none")
        return F.cross_entropy(logits[: len(x)], y) + (pool_loss * (confidence > CONFIDENT)).mean()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the average."""
        self.average.update_parameters(self.network)

    def configure_optimizers(self) -> Any:
        """Return AdamW with a one-cycle schedule."""
        optimizer = torch.optim.AdamW(
            self.network.parameters(), LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0.01
        )
        schedule = OneCycleLR(
            optimizer, LEARNING_RATE, self.steps, pct_start=0.3, final_div_factor=1000, cycle_momentum=False
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def altered(x_B: Tensor, black: float) -> Tensor:
    """Return the images, each turned, scaled, sheared and shifted by its own random amounts."""
    limits = torch.tensor([ROTATION, SCALE, SCALE, SHEAR, 2 * SHIFT, 2 * SHIFT])
    angle, log_x, log_y, shear, shift_x, shift_y = ((torch.rand(len(x_B), 6) * 2 - 1) * limits).unbind(1)
    cos, sin, scale_x, scale_y = angle.cos(), angle.sin(), log_x.exp(), log_y.exp()
    top = torch.stack([cos * scale_x, (shear * cos - sin) * scale_x, shift_x], dim=1)
    bottom = torch.stack([sin * scale_y, (cos + shear * sin) * scale_y, shift_y], dim=1)
    grid = F.affine_grid(torch.stack([top, bottom], dim=1), list(x_B.shape), align_corners=False)
    return F.grid_sample(x_B - black, grid, align_corners=False) + black


def label(data: Data, job: Job) -> Labels:
    """Return the labels of all images."""
    pl.seed_everything(job.seed, verbose=False)
    inside = slice(job.border, 28 - job.border)
    x_N = torch.from_numpy(standardised(data.images_N, data.images_N))[:, :, inside, inside].contiguous()
    x_T = torch.from_numpy(standardised(data.test_images_T, data.images_N))[:, :, inside, inside].contiguous()
    truth_N = torch.from_numpy(data.truth_N)
    hand_N = torch.zeros(len(x_N), dtype=torch.bool)
    hand_N[: job.n_seed] = True
    accuracies = []
    for asked in range(job.n_questions + 1):
        network = trained(x_N[hand_N], truth_N[hand_N], x_N[~hand_N], job, STEPS + asked * STEPS_GROWTH)
        predicted_T = probabilities(network, x_T, job).argmax(dim=1).numpy()
        accuracies.append(float(np.mean(predicted_T == data.test_truth_T)))
        index_P = (~hand_N).nonzero()[:, 0]
        probs_PC = probabilities(network, x_N[index_P], job)
        if asked < job.n_questions:
            top_P2 = probs_PC.topk(2).values
            margin_P = top_P2[:, 0] - top_P2[:, 1]
            lowest = margin_P.topk(min(3 * job.n_query, len(margin_P)), largest=False).indices
            hand_N[index_P[lowest[torch.randperm(len(lowest))[: job.n_query]]]] = True
    label_N = truth_N.clone()
    label_N[index_P] = probs_PC.argmax(dim=1)
    return Labels(
        label_N=label_N.numpy(),
        hand_N=hand_N.numpy(),
        test_accuracies=accuracies,
        n_rounds=len(accuracies),
        extra={"n_images": None},
    )


def trained(x_L: Tensor, label_L: Tensor, x_P: Tensor, job: Job, steps: int) -> AveragedModel:
    """Return the averaged network after some steps."""
    module = FixMatch(steps, float(x_P.min()))
    trainer = pl.Trainer(
        accelerator="cpu",
        precision="bf16-mixed" if job.precision == "bfloat16" else "32-true",
        max_steps=steps,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    parts = [(TensorDataset(x_L, label_L), BATCH), (TensorDataset(x_P), POOL_BATCH)]
    loaders = [
        DataLoader(part, n, sampler=RandomSampler(part, num_samples=n * steps, replacement=True))
        for part, n in parts
    ]
    trainer.fit(module, CombinedLoader(loaders, mode="min_size"))
    return module.average.eval()
