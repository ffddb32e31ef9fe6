"""The published script's protocol with PyTorch Lightning, for a few rounds.

The first 1 % as the seed set; 1 % asked each round, the least confident, before predictions above 0.9999
become labels; permanent auto-labels; Adadelta, early stopping on the last fifth of the labels, the best
weights restored.
"""

import tempfile
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from peers.job import SCORING_BATCH, Data, Job, Labels
from peers.networks import published
from peers.with_lightning import probabilities

SHARE, THRESHOLD, VALIDATION_SHARE, PATIENCE = 0.01, 0.9999, 0.2, 10


class Classifier(pl.LightningModule):
    """Cross-entropy and Adadelta."""

    def __init__(self) -> None:
        super().__init__()
        self.network = published()
        self.steps = 0

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss."""
        x, y = batch
        self.steps += 1
        return F.cross_entropy(self.network(x), y)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Log the accuracy."""
        x, y = batch
        self.log("accuracy", (self.network(x).argmax(dim=1) == y).float().mean(), batch_size=len(x))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adadelta with Keras' settings."""
        return torch.optim.Adadelta(self.parameters(), lr=1.0, rho=0.95, eps=1e-7)


def label(data: Data, job: Job) -> Labels:
    """Return the labels of all images."""
    pl.seed_everything(job.seed, verbose=False)
    x_N, x_T = (torch.from_numpy(x[:, None]).float() / 255 for x in (data.images_N, data.test_images_T))
    truth_N, n_asked = torch.from_numpy(data.truth_N), round(SHARE * len(x_N))
    label_N = torch.full_like(truth_N, -1)
    index_L = torch.arange(n_asked)  # in the order in which they were labelled
    label_N[index_L] = truth_N[index_L]
    hand_N = label_N >= 0
    accuracies, steps = [], 0
    for _ in range(job.n_questions):
        network, n_steps = trained(x_N[index_L], label_N[index_L], job)
        steps += n_steps
        predicted_T = probabilities(network, x_T, job).argmax(dim=1).numpy()
        accuracies.append(float(np.mean(predicted_T == data.test_truth_T)))
        index_P = (label_N < 0).nonzero()[:, 0]
        confidence_P, predicted_P = probabilities(network, x_N[index_P], job).max(dim=1)
        asked = confidence_P.topk(n_asked, largest=False).indices
        accepted_P = confidence_P > THRESHOLD
        accepted_P[asked] = False
        label_N[index_P[accepted_P]] = predicted_P[accepted_P]
        index_Q = index_P[asked]
        label_N[index_Q], hand_N[index_Q] = truth_N[index_Q], True
        index_L = torch.cat([index_L, index_Q, index_P[accepted_P]])
    left_P = label_N[index_P] < 0
    label_N[index_P[left_P]] = predicted_P[left_P]
    return Labels(
        label_N=label_N.numpy(),
        hand_N=hand_N.numpy(),
        test_accuracies=accuracies,
        n_rounds=len(accuracies),
        extra={"steps": steps, "n_images": None},
    )


def trained(x_L: Tensor, label_L: Tensor, job: Job) -> tuple[nn.Module, int]:
    """Return the network with the best accuracy on the last fifth, and the number of steps."""
    cut = int(len(x_L) * (1 - VALIDATION_SHARE))
    module = Classifier()
    with tempfile.TemporaryDirectory() as folder:
        best = ModelCheckpoint(folder, monitor="accuracy", mode="max", save_weights_only=True)
        trainer = pl.Trainer(
            accelerator="cpu",
            precision="bf16-mixed" if job.precision == "bfloat16" else "32-true",
            max_epochs=-1,
            callbacks=[EarlyStopping("accuracy", patience=PATIENCE, mode="max"), best],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(
            module,
            DataLoader(TensorDataset(x_L[:cut], label_L[:cut]), job.batch_size, shuffle=True),
            DataLoader(TensorDataset(x_L[cut:], label_L[cut:]), SCORING_BATCH),
        )
        module.load_state_dict(torch.load(best.best_model_path, weights_only=True)["state_dict"])
    return module.network.eval(), module.steps
