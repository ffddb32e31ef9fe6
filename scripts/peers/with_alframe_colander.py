"""Colander's setting with alframe: LeNet-5 as published, or alframe's own network and training."""

from alframe import label as label_images
from peers.job import Data, Job, Labels


def label(data: Data, job: Job) -> Labels:
    """Return the labels; images that no threshold lets through have none."""
    result = label_images(
        data.images_N,
        data.truth_N,
        test_images=data.test_images_T,
        test_labels=data.test_truth_T,
        experiment="colander" if job.network == "lenet5" else "colander_fast",
        seed=job.seed,
        settings={
            "precision": job.precision,
            "initial.num": job.n_seed,
            "query.num": job.n_query,
            "auto_label.validation_size": job.n_validation,
            "auto_label.tolerance": job.tolerance,
            "stopping.max_hand_labels": job.n_seed + job.n_query * job.n_questions + job.n_validation,
        },
    )
    rounds = [report for report in result.reports if report.kind == "round"]
    return Labels(
        label_N=result.labels,
        hand_N=result.is_hand,
        test_accuracies=[report.test_accuracy or 0.0 for report in rounds],
        n_rounds=len(rounds),
        extra={"n_images": None},
    )
