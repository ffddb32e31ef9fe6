"""The job with modAL and skorch."""

import numpy as np
import torch
from modAL.models import ActiveLearner
from modAL.uncertainty import margin_sampling
from skorch import NeuralNetClassifier
from torch import nn

from peers.job import SCORING_BATCH, Data, Job, Labels
from peers.networks import Network, standardised


def label(data: Data, job: Job) -> Labels:
    """Return the labels of all images."""
    torch.manual_seed(job.seed)
    x_N = standardised(data.images_N, data.images_N)
    x_T = standardised(data.test_images_T, data.images_N)
    classifier = NeuralNetClassifier(
        Network,
        module__name=job.network,
        module__precision=job.precision,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        optimizer__momentum=job.momentum,
        optimizer__weight_decay=job.weight_decay,
        lr=job.learning_rate,
        max_epochs=job.epochs,
        batch_size=job.batch_size,
        iterator_train__shuffle=True,
        iterator_valid__batch_size=SCORING_BATCH,
        train_split=None,
        verbose=0,
    )
    hand_N = np.zeros(len(x_N), dtype=bool)
    hand_N[: job.n_seed] = True
    learner = ActiveLearner(classifier, margin_sampling, x_N[hand_N], data.truth_N[hand_N])
    accuracies = [learner.score(x_T, data.test_truth_T)]
    for _ in range(job.n_questions):
        index_P = np.flatnonzero(~hand_N)
        chosen, x_Q = learner.query(x_N[index_P], n_instances=job.n_query)
        index_Q = index_P[chosen]
        learner.teach(x_Q, data.truth_N[index_Q])
        hand_N[index_Q] = True
        accuracies.append(learner.score(x_T, data.test_truth_T))
    label_N = data.truth_N.copy()
    label_N[~hand_N] = learner.predict(x_N[~hand_N])
    return Labels(label_N=label_N, hand_N=hand_N, test_accuracies=accuracies, n_rounds=len(accuracies))
