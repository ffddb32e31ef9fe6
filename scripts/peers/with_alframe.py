"""The job with alframe."""

from alframe import label as label_images
from peers.job import SCORING_BATCH, Data, Job, Labels


def label(data: Data, job: Job) -> Labels:
    """Return the labels of all images."""
    result = label_images(
        data.images_N,
        data.truth_N,
        test_images=data.test_images_T,
        test_labels=data.test_truth_T,
        seed=job.seed,
        learner="supervised",
        network=job.network,
        initial="first",
        query="probability_margin",
        auto_label="none",
        settings={
            "precision": job.precision,
            "learner.max_epochs": job.epochs,
            "learner.batch_size": job.batch_size,
            "learner.scoring_batch_size": SCORING_BATCH,
            "learner.optimizer.lr": job.learning_rate,
            "learner.optimizer.momentum": job.momentum,
            "learner.optimizer.weight_decay": job.weight_decay,
            "initial.num": job.n_seed,
            "query.num": job.n_query,
            "query.spread": 1,
            "stopping.share": None,
            "stopping.max_hand_labels": job.n_seed + job.n_query * job.n_questions,
            "stopping.learn_last": True,
            "remainder": "auto",
        },
    )
    rounds = [report for report in result.reports if report.kind == "round"]
    return Labels(
        label_N=result.labels,
        hand_N=result.is_hand,
        test_accuracies=[report.test_accuracy or 0.0 for report in rounds],
        n_rounds=len(rounds),
    )
