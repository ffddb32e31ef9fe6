"""The setting of AL-foundation-models with scikit-activeml: logistic regression on frozen vectors."""

import numpy as np
from skactiveml.classifier import SklearnClassifier
from skactiveml.pool import DropQuery, UncertaintySampling
from sklearn.linear_model import LogisticRegression

from peers.centres import nearest_to_centres
from peers.job import Data, Job, Labels

MISSING, DROPOUT, PASSES = -1, 0.75, 3


def label(data: Data, job: Job) -> Labels:
    """Return the labels of all images."""
    assert data.vectors is not None
    assert data.test_vectors is not None
    x_N, x_T = np.load(data.vectors), np.load(data.test_vectors)
    label_N = np.full(len(x_N), MISSING)
    index_Q = nearest_to_centres(x_N, job.n_seed, job.seed)
    label_N[index_Q] = data.truth_N[index_Q]
    classifier = SklearnClassifier(
        LogisticRegression(max_iter=1000),
        classes=list(range(10)),
        missing_label=MISSING,
        random_state=job.seed,
    )
    given = {"missing_label": MISSING, "random_state": job.seed}
    if job.query == "dropquery":
        strategy = DropQuery(
            dropout_rate=DROPOUT,
            n_dropout_samples=PASSES,
            cluster_algo_dict={"random_state": job.seed},
            **given,
        )
    else:
        strategy = UncertaintySampling(method="margin_sampling", **given)
    accuracies = []
    for asked in range(job.n_questions + 1):
        classifier.fit(x_N, label_N)
        accuracies.append(float(np.mean(classifier.predict(x_T) == data.test_truth_T)))
        if asked < job.n_questions:
            index_Q = strategy.query(x_N, label_N, classifier, fit_clf=False, batch_size=job.n_query)
            label_N[index_Q] = data.truth_N[index_Q]
    hand_N = label_N != MISSING
    label_N[~hand_N] = classifier.predict(x_N[~hand_N])
    return Labels(
        label_N=label_N,
        hand_N=hand_N,
        test_accuracies=accuracies,
        n_rounds=len(accuracies),
        extra={"n_images": None},
    )
