"""The job with scikit-activeml and skorch."""

import numpy as np
import torch
from skactiveml.classifier import SkorchClassifier
from skactiveml.pool import UncertaintySampling
from torch import nn

from peers.job import SCORING_BATCH, Data, Job, Labels
from peers.networks import Network, standardised

MISSING = -1


def label(data: Data, job: Job) -> Labels:
    """Return the labels of all images."""
    torch.manual_seed(job.seed)
    x_N = standardised(data.images_N, data.images_N)
    x_T = standardised(data.test_images_T, data.images_N)
    label_N = np.full(len(x_N), MISSING)
    label_N[: job.n_seed] = data.truth_N[: job.n_seed]
    classifier = SkorchClassifier(
        module=Network,
        criterion=nn.CrossEntropyLoss,
        classes=list(range(10)),
        missing_label=MISSING,
        neural_net_param_dict={
            "module__name": job.network,
            "module__precision": job.precision,
            "optimizer": torch.optim.SGD,
            "optimizer__momentum": job.momentum,
            "optimizer__weight_decay": job.weight_decay,
            "lr": job.learning_rate,
            "max_epochs": job.epochs,
            "batch_size": job.batch_size,
            "iterator_train__shuffle": True,
            "iterator_valid__batch_size": SCORING_BATCH,
            "train_split": None,
            "verbose": 0,
        },
    )
    strategy = UncertaintySampling(method="margin_sampling", missing_label=MISSING, random_state=job.seed)
    accuracies = []
    for asked in range(job.n_questions + 1):
        classifier.fit(x_N, label_N)
        accuracies.append(float(np.mean(classifier.predict(x_T) == data.test_truth_T)))
        if asked < job.n_questions:
            index_Q = strategy.query(x_N, label_N, classifier, fit_clf=False, batch_size=job.n_query)
            label_N[index_Q] = data.truth_N[index_Q]
    hand_N = label_N != MISSING
    label_N[~hand_N] = classifier.predict(x_N[~hand_N])
    return Labels(label_N=label_N, hand_N=hand_N, test_accuracies=accuracies, n_rounds=len(accuracies))
