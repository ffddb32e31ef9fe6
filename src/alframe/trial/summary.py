"""What a finished trial comes to: the content of summary.json."""

import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Any

from alframe.audit.evaluator import ClassCounts, macro_mislabelled_share
from alframe.core.records import Certificate, RoundReport
from alframe.tracking import TrialInfo

_OTHERS = ("torch", "torchvision", "pytorch-lightning", "hydra-core", "wandb", "numpy")


def summarise(
    info: TrialInfo, reports: list[RoundReport], seconds: float, certificate: Certificate | None
) -> dict[str, Any]:
    """Return the content of summary.json; None where undefined."""
    rounds = [report for report in reports if report.kind == "round"]
    counts, chosen = reports[-1].counts, info.config["chosen"]
    return {
        "n_samples": counts.n_samples,
        "n_classes": info.n_classes,
        "rounds": len(rounds),
        "hand_labels": counts.hand_labels,
        "hand_share": counts.hand_share,
        "auto_labels": counts.auto_labels,
        "coverage": counts.coverage,
        "mislabelled": counts.mislabelled,
        "mislabelled_share": counts.mislabelled_share,
        "auto_label_error": counts.auto_label_error,
        "test_accuracy": rounds[-1].test_accuracy,
        "seconds": seconds,
        "train_seconds": sum(report.fit.seconds for report in rounds if report.fit),
        "score_seconds": sum(report.score_seconds or 0.0 for report in rounds),
        "seed": info.config["seed"],
        "device": chosen["device"],
        "engine": chosen["engine"],
        "precision": chosen["precision"],
        "data": info.data,
        "versions": {"python": platform.python_version(), **versions()},
        "stopped_because": rounds[-1].stopped_because,
        "certificate": None if certificate is None else certificate.to_dict(),
        "cost": reports[-1].cost,
    }


def summarise_classes(classes: Sequence[ClassCounts], names: Sequence[str]) -> dict[str, Any]:
    """Return what summary.json says about each true class; None without the truth."""
    per_class = (
        [{"class": name, **asdict(item)} for name, item in zip(names, classes, strict=True)]
        if classes
        else None
    )
    return {"per_class": per_class, "mislabelled_share_macro": macro_mislabelled_share(classes)}


def versions() -> dict[str, str | None]:
    """Return the versions of alframe and of what it computes with; None for what is not installed."""

    def version(name: str) -> str | None:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    return {name: version(name) for name in ("alframe", *_OTHERS)}
