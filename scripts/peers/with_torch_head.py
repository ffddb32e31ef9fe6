"""The setting of AL-foundation-models in plain torch, with the training that its authors publish.

Dropout, batch norm without weights and one linear layer; AdamW on all labels at once; training ends when the
loss has not fallen for 20 epochs, and the weights with the lowest loss are used.

Source: Gupte et al., Revisiting active learning in the era of vision foundation models, TMLR 2024.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peers.centres import nearest_to_centres
from peers.job import Data, Job, Labels

DROPOUT, MAX_EPOCHS, PATIENCE, LEAST_FALL = 0.75, 400, 20, 1e-3
PASSES, ENOUGH = 3, 25  # passes with dropout; candidates for each sample to ask


def label(data: Data, job: Job) -> Labels:
    """Return the labels of all images."""
    torch.manual_seed(job.seed)
    assert data.vectors is not None
    assert data.test_vectors is not None
    x_N, x_T = torch.from_numpy(np.load(data.vectors)), torch.from_numpy(np.load(data.test_vectors))
    truth_N, label_N = torch.from_numpy(data.truth_N), torch.from_numpy(data.truth_N.copy())
    hand_N = torch.zeros(len(x_N), dtype=torch.bool)
    hand_N[torch.from_numpy(nearest_to_centres(x_N.numpy(), job.n_seed, job.seed))] = True
    accuracies = []
    for asked in range(job.n_questions + 1):
        network = trained(x_N[hand_N], truth_N[hand_N], job)
        with torch.inference_mode():
            accuracies.append(float(np.mean(network(x_T).argmax(dim=1).numpy() == data.test_truth_T)))
            index_P = (~hand_N).nonzero()[:, 0]
            if asked < job.n_questions:
                ask = dropquery if job.query == "dropquery" else margin
                hand_N[index_P[ask(network, x_N[index_P], job)]] = True
            else:
                label_N[index_P] = network(x_N[index_P]).argmax(dim=1)
    return Labels(
        label_N=label_N.numpy(),
        hand_N=hand_N.numpy(),
        test_accuracies=accuracies,
        n_rounds=len(accuracies),
        extra={"n_images": None},
    )


def trained(x_L: Tensor, label_L: Tensor, job: Job) -> nn.Sequential:
    """Return a new head, trained on the labels."""
    n_features = x_L.shape[1]
    network = nn.Sequential(
        nn.Dropout(DROPOUT), nn.BatchNorm1d(n_features, affine=False), nn.Linear(n_features, 10)
    )
    optimizer = torch.optim.AdamW(network.parameters(), job.learning_rate, weight_decay=job.weight_decay)
    lowest, reference, waited, best = float("inf"), float("inf"), 0, network.state_dict()
    for _ in range(MAX_EPOCHS):
        loss = F.cross_entropy(network(x_L), label_L)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found = loss.item()
        if found < lowest:
            lowest, best = found, {name: value.clone() for name, value in network.state_dict().items()}
        reference, waited = (found, 0) if found < reference - LEAST_FALL else (reference, waited + 1)
        if waited >= PATIENCE:
            break
    network.load_state_dict(best)
    return network.eval()


def margin(network: nn.Sequential, x_P: Tensor, job: Job) -> Tensor:
    """Return the positions with the smallest difference of the two largest probabilities."""
    top_P2 = network(x_P).softmax(dim=1).topk(2).values
    return (top_P2[:, 0] - top_P2[:, 1]).topk(job.n_query, largest=False).indices


def dropquery(network: nn.Sequential, x_P: Tensor, job: Job) -> Tensor:
    """Return the positions nearest to the centres of those whose class changes under dropout."""
    embedded_P = network[1](x_P)
    predicted_P = network[2](embedded_P).argmax(dim=1)
    changes_P = torch.zeros(len(x_P), dtype=torch.int64)
    for _ in range(PASSES):
        changes_P += network(F.dropout(x_P, DROPOUT)).argmax(dim=1) != predicted_P
    least = PASSES // 2
    while least > 0 and (changes_P > least).sum() < ENOUGH * job.n_query:
        least -= 1
    candidates = (changes_P > least).nonzero()[:, 0]
    if len(candidates) < job.n_query:
        others = (changes_P <= least).nonzero()[:, 0]
        more = others[torch.randperm(len(others))[: job.n_query - len(candidates)]]
        return torch.cat([candidates, more])
    nearest = nearest_to_centres(embedded_P[candidates].numpy(), job.n_query, job.seed)
    return candidates[torch.from_numpy(nearest)]
