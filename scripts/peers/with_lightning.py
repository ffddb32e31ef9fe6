"""The job with PyTorch Lightning: images in memory, a Trainer without parts that cost time."""

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from peers.job import SCORING_BATCH, Data, Job, Labels
from peers.networks import NETWORKS, standardised


class Classifier(pl.LightningModule):
    """Cross-entropy and SGD."""

    def __init__(self, network: nn.Module, job: Job) -> None:
        super().__init__()
        self.network, self.job = network, job

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss."""
        x, y = batch
        return F.cross_entropy(self.network(x), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return SGD."""
        job = self.job
        return torch.optim.SGD(
            self.parameters(), job.learning_rate, momentum=job.momentum, weight_decay=job.weight_decay
        )


def label(data: Data, job: Job, layout: torch.memory_format = torch.contiguous_format) -> Labels:
    """Return the labels of all images."""
    pl.seed_everything(job.seed, verbose=False)
    x_N = torch.from_numpy(standardised(data.images_N, data.images_N)).contiguous(memory_format=layout)
    x_T = torch.from_numpy(standardised(data.test_images_T, data.images_N)).contiguous(memory_format=layout)
    truth_N = torch.from_numpy(data.truth_N)
    hand_N = torch.zeros(len(x_N), dtype=torch.bool)
    hand_N[: job.n_seed] = True
    accuracies = []
    for asked in range(job.n_questions + 1):
        network = trained(x_N[hand_N], truth_N[hand_N], job, layout)
        predicted_T = probabilities(network, x_T, job).argmax(dim=1).numpy()
        accuracies.append(float(np.mean(predicted_T == data.test_truth_T)))
        index_P = (~hand_N).nonzero()[:, 0]
        probs_PC = probabilities(network, x_N[index_P], job)
        if asked < job.n_questions:
            top_P2 = probs_PC.topk(2).values
            margin_P = top_P2[:, 0] - top_P2[:, 1]
            hand_N[index_P[margin_P.topk(job.n_query, largest=False).indices]] = True
    label_N = truth_N.clone()
    label_N[index_P] = probs_PC.argmax(dim=1)
    return Labels(
        label_N=label_N.numpy(), hand_N=hand_N.numpy(), test_accuracies=accuracies, n_rounds=len(accuracies)
    )


def trained(x_L: Tensor, label_L: Tensor, job: Job, layout: torch.memory_format) -> nn.Module:
    """Return a new network, trained on the labels."""
    network = NETWORKS[job.network]()
    module = Classifier(network.to(memory_format=layout), job)  # type: ignore[call-overload]
    trainer = pl.Trainer(
        accelerator="cpu",
        precision="bf16-mixed" if job.precision == "bfloat16" else "32-true",
        max_epochs=job.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(TensorDataset(x_L, label_L), job.batch_size, shuffle=True))
    return module.network.eval()


@torch.inference_mode()
def probabilities(network: nn.Module, x_P: Tensor, job: Job) -> Tensor:
    """Return (P, C) float32 class probabilities."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=job.precision == "bfloat16"):
        parts = [network(x_B).float().softmax(dim=1) for x_B in x_P.split(SCORING_BATCH)]
    return torch.cat(parts)
