"""The job with alframe's default training, at the same budget of hand labels."""

from alframe import label as label_images
from peers.job import Data, Job, Labels


def label(data: Data, job: Job) -> Labels:
    """Return the labels of all images."""
    result = label_images(
        data.images_N,
        data.truth_N,
        test_images=data.test_images_T,
        test_labels=data.test_truth_T,
        seed=job.seed,
        network=job.network,
        initial="first",
        query="margin",
        auto_label="none",
        settings={
            "precision": job.precision,
            "learner.crop": job.border,
            "initial.num": job.n_seed,
            "query.num": job.n_query,
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
        extra={"n_images": None},
    )
