"""Colander's setting in plain torch, with the settings and details of its authors' code.

Only their code says this: pixels from 0 to 255; cosine schedules; of the classifier's epochs, the best one
on the validation set is used; of the states of g, the one that accepts most of the half that sets the
thresholds; g's gradients are set to zero once an epoch. Unlike there, the pool is all images outside the
validation set, and no further images serve to search settings.

Axes: V validation set, H the half that g learns from, J the half that sets thresholds, P images without a
label, X inputs of g, C classes.

Source: Vishwakarma et al., Pearls from pebbles, NeurIPS 2024, arXiv 2404.16188.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from peers.job import SCORING_BATCH, Data, Job, Labels
from peers.networks import NETWORKS

SPREAD, PERIOD = 2, 100  # asked at random among 2 n; epochs of the cosine schedules
PENALTY, STEEPNESS, LEARNING_RATE, WEIGHT_DECAY, EPOCHS, BATCH, LOOK_EVERY = 10, 0.01, 0.1, 1.0, 500, 64, 10
SUPPORT, SIGMAS = 10, 0.25  # a threshold needs more samples above it than this; weight of the deviation


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """What a classifier says of images: logits and last hidden units side by side, and the classes."""

    inputs_PX: Tensor
    predicted_P: Tensor
    margin_P: Tensor

    def at(self, index: Tensor) -> "Scores":
        """Return the scores of some of the images."""
        return Scores(**{name: value[index] for name, value in vars(self).items()})


def label(data: Data, job: Job) -> Labels:
    """Return the labels; images that no threshold lets through have none."""
    torch.manual_seed(job.seed)
    x_N, x_T = (torch.from_numpy(x[:, None]).float() for x in (data.images_N, data.test_images_T))
    truth_N, label_N = torch.from_numpy(data.truth_N), torch.full((len(x_N),), -1)
    index_L = torch.arange(job.n_seed)
    index_V = torch.arange(job.n_seed, job.n_seed + job.n_validation)
    label_N[: job.n_seed + job.n_validation] = truth_N[: job.n_seed + job.n_validation]
    hand_N = label_N >= 0
    accuracies = []
    for asked in range(job.n_questions + 1):
        network = trained(x_N[index_L], truth_N[index_L], x_N[index_V], truth_N[index_V], job)
        predicted_T = scored(network, x_T).predicted_P.numpy()
        accuracies.append(float(np.mean(predicted_T == data.test_truth_T)))
        scores_V = scored(network, x_N[index_V])
        function, cut_C = learned(scores_V, scores_V.predicted_P != truth_N[index_V], job)
        index_P = (label_N < 0).nonzero()[:, 0]
        scores_P = scored(network, x_N[index_P])
        accepted_P = accepted(function, cut_C, scores_P)
        label_N[index_P[accepted_P]] = scores_P.predicted_P[accepted_P]
        index_V = index_V[~accepted(function, cut_C, scores_V)]
        index_P, margin_P = index_P[~accepted_P], scores_P.margin_P[~accepted_P]
        if asked == job.n_questions or len(index_P) == 0 or len(index_V) == 0:
            break
        least = margin_P.topk(min(SPREAD * job.n_query, len(index_P)), largest=False).indices
        index_Q = index_P[least[torch.randperm(len(least))[: job.n_query]]]
        label_N[index_Q], hand_N[index_Q] = truth_N[index_Q], True
        index_L = torch.cat([index_L, index_Q])
    return Labels(
        label_N=label_N.numpy(),
        hand_N=hand_N.numpy(),
        test_accuracies=accuracies,
        n_rounds=len(accuracies),
        extra={"n_images": None},
    )


def trained(x_L: Tensor, label_L: Tensor, x_V: Tensor, label_V: Tensor, job: Job) -> nn.Sequential:
    """Return a new network after the epoch with the best accuracy on the validation set."""
    network = NETWORKS[job.network]()
    optimizer = torch.optim.SGD(
        network.parameters(), job.learning_rate, momentum=job.momentum, weight_decay=job.weight_decay
    )
    schedule = CosineAnnealingLR(optimizer, PERIOD)
    best, best_accuracy = network.state_dict(), 0.0
    for _ in range(job.epochs):
        network.train()
        for position_B in torch.randperm(len(x_L)).split(job.batch_size):
            optimizer.zero_grad()
            F.cross_entropy(network(x_L[position_B]), label_L[position_B]).backward()
            optimizer.step()
        schedule.step()
        accuracy = float((scored(network, x_V).predicted_P == label_V).float().mean())
        if accuracy > best_accuracy:
            best, best_accuracy = copy.deepcopy(network.state_dict()), accuracy
    network.load_state_dict(best)
    return network


@torch.no_grad()
def scored(network: nn.Sequential, x_P: Tensor) -> Scores:
    """Return the scores of images."""
    network.eval()
    hidden_P = torch.cat([network[:-1](x_B) for x_B in x_P.split(SCORING_BATCH)])
    logits_PC = network[-1](hidden_P)
    top_P2 = logits_PC.softmax(dim=1).topk(2).values
    return Scores(
        inputs_PX=torch.cat([logits_PC, hidden_P], dim=1),
        predicted_P=logits_PC.argmax(dim=1),
        margin_P=top_P2[:, 0] - top_P2[:, 1],
    )


def learned(scores_V: Scores, wrong_V: Tensor, job: Job) -> tuple[nn.Sequential, Tensor]:
    """Return g, learned on half of the validation set, and the thresholds by the other half."""
    halves = torch.randperm(len(wrong_V)).tensor_split(2)
    (learning, wrong_H), (judges, wrong_J) = ((scores_V.at(half), wrong_V[half]) for half in halves)
    n_inputs = scores_V.inputs_PX.shape[1]
    function = nn.Sequential(nn.Linear(n_inputs, 2 * n_inputs), nn.Tanh(), nn.Linear(2 * n_inputs, 10))
    start_C = nn.Linear(10, 1, bias=False).weight[0].detach().requires_grad_()
    optimizer = torch.optim.Adam([*function.parameters(), start_C], LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = CosineAnnealingLR(optimizer, PERIOD)
    best, most = copy.deepcopy(function), 0
    for epoch in range(EPOCHS):
        optimizer.zero_grad()
        for position_B in torch.randperm(len(wrong_H)).split(BATCH):
            predicted_B = learning.predicted_P[position_B]
            g_B = confidence(function, learning.inputs_PX[position_B], predicted_B)
            objective(g_B - start_C[predicted_B], wrong_H[position_B]).backward()
            optimizer.step()
        schedule.step()
        if epoch % LOOK_EVERY == 0:
            n = int(accepted(function, cuts(function, judges, wrong_J, job.tolerance), judges).sum())
            if n > most:
                best, most = copy.deepcopy(function), n
    return best, cuts(best, judges, wrong_J, job.tolerance)


def confidence(function: nn.Sequential, inputs_PX: Tensor, predicted_P: Tensor) -> Tensor:
    """Return g(x)[y] of the predicted classes y."""
    probs_PC: Tensor = function(inputs_PX).softmax(dim=1)
    return probs_PC.gather(1, predicted_P[:, None])[:, 0]


def objective(above_B: Tensor, wrong_B: Tensor) -> Tensor:
    """Return -coverage + penalty * error, smooth."""
    accepted_B = (STEEPNESS * above_B).sigmoid()
    error = (accepted_B * wrong_B).sum() / accepted_B.sum()
    return -accepted_B.mean() + PENALTY * error.clamp(1e-4, 1 - 1e-5)


@torch.no_grad()
def cuts(function: nn.Sequential, judges: Scores, wrong_J: Tensor, tolerance: float) -> Tensor:
    """Return (C,) the lowest threshold of each class whose error and deviation are within the tolerance."""
    g_J = confidence(function, judges.inputs_PX, judges.predicted_P)
    above_JJ = g_J >= g_J[:, None]  # a row for each threshold
    cut_C = torch.full((10,), torch.inf)
    for c in range(10):
        of_class_JJ = above_JJ & (judges.predicted_P == c)
        n_J = of_class_JJ.sum(dim=1)
        error_J = (of_class_JJ & wrong_J).sum(dim=1) / n_J
        good_J = (n_J > SUPPORT) & (error_J + SIGMAS * (error_J * (1 - error_J)).sqrt() <= tolerance)
        if good_J.any():
            cut_C[c] = g_J[good_J].min()
    return cut_C


@torch.no_grad()
def accepted(function: nn.Sequential, cut_C: Tensor, scores_P: Scores) -> Tensor:
    """Return (P,) bool, the images that are confident enough of their class."""
    return confidence(function, scores_P.inputs_PX, scores_P.predicted_P) >= cut_C[scores_P.predicted_P]
