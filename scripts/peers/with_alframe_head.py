"""The setting of AL-foundation-models with alframe: a head on frozen vectors."""

from alframe import label as label_images
from peers.job import Data, Job, Labels

QUERIES = {"dropquery": "dropquery", "margin": "probability_margin"}
SETTINGS: dict[str, dict[str, float]] = {
    "dropquery": {"learner.committee.dropout": 0.75},
    "margin": {"query.spread": 1},
}


def label(data: Data, job: Job) -> Labels:
    """Return the labels of all images."""
    result = label_images(
        data.images_N,
        data.truth_N,
        test_images=data.test_images_T,
        test_labels=data.test_truth_T,
        seed=job.seed,
        learner="head",
        encoder="vectors",
        initial="centroid",
        query=QUERIES[job.query],
        auto_label="none",
        settings={
            "encoder.path": str(data.vectors),
            "encoder.test_path": str(data.test_vectors),
            "precision": job.precision,
            "initial.num": job.n_seed,
            "query.num": job.n_query,
            "stopping.share": None,
            "stopping.max_hand_labels": job.n_seed + job.n_query * job.n_questions,
            "stopping.learn_last": True,
            "remainder": "auto",
            **SETTINGS[job.query],
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
