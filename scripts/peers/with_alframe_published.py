"""The published script's protocol with alframe, for a few rounds."""

from alframe import label as label_images
from peers.job import Data, Job, Labels


def label(data: Data, job: Job) -> Labels:
    """Return the labels of all images."""
    result = label_images(
        data.images_N,
        data.truth_N,
        test_images=data.test_images_T,
        test_labels=data.test_truth_T,
        experiment="published",
        seed=job.seed,
        settings={"precision": job.precision, "stopping.max_rounds": job.n_questions, "stopping.share": None},
    )
    rounds = [report for report in result.reports if report.kind == "round"]
    return Labels(
        label_N=result.labels,
        hand_N=result.is_hand,
        test_accuracies=[report.test_accuracy or 0.0 for report in rounds],
        n_rounds=len(rounds),
        extra={"steps": sum(report.row().train_steps or 0 for report in rounds), "n_images": None},
    )
