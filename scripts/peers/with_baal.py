"""The job with baal."""

import numpy as np
import torch
from baal.active import ActiveLearningDataset, ActiveLearningLoop
from baal.active.heuristics import Margin
from baal.modelwrapper import ModelWrapper, TrainingArgs
from torch import nn
from torch.utils.data import TensorDataset

from peers.job import SCORING_BATCH, Data, Job, Labels
from peers.networks import Network, standardised


def label(data: Data, job: Job) -> Labels:
    """Return the labels of all images."""
    torch.manual_seed(job.seed)
    truth_N, test_truth_T = torch.from_numpy(data.truth_N), torch.from_numpy(data.test_truth_T)
    train = TensorDataset(torch.from_numpy(standardised(data.images_N, data.images_N)), truth_N)
    test = TensorDataset(torch.from_numpy(standardised(data.test_images_T, data.images_N)), test_truth_T)
    active = ActiveLearningDataset(train)
    active.label(list(range(job.n_seed)))
    accuracies = []
    for asked in range(job.n_questions + 1):
        network = Network(job.network, job.precision)
        optimizer = torch.optim.SGD(
            network.parameters(), job.learning_rate, momentum=job.momentum, weight_decay=job.weight_decay
        )
        arguments = TrainingArgs(
            optimizer=optimizer,
            batch_size=job.batch_size,
            epoch=job.epochs,
            use_cuda=False,
            workers=0,
            criterion=nn.CrossEntropyLoss(),
        )
        model = ModelWrapper(network, arguments)
        model.train_on_dataset(active)
        model.args.batch_size = SCORING_BATCH
        logits_TC = model.predict_on_dataset(test, iterations=1, verbose=False)[..., 0]
        accuracies.append(float(np.mean(logits_TC.argmax(axis=1) == data.test_truth_T)))
        if asked < job.n_questions:
            loop = ActiveLearningLoop(
                active,
                model.predict_on_dataset,
                Margin(),
                query_size=job.n_query,
                iterations=1,
                verbose=False,
            )
            loop.step()
    hand_N = active.labelled.astype(bool)
    label_N = data.truth_N.copy()
    label_N[~hand_N] = model.predict_on_dataset(active.pool, iterations=1, verbose=False)[..., 0].argmax(
        axis=1
    )
    return Labels(label_N=label_N, hand_N=hand_N, test_accuracies=accuracies, n_rounds=len(accuracies))
