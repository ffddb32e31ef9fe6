"""One trial from a checked config to its files: data, rooms, loop, trackers, summary."""

import contextlib
import platform
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alframe.audit import ClassCounts, macro_mislabelled_share
from alframe.build import Means, build_means, build_plan, build_rooms, build_tracker, load_data
from alframe.certificate import Certificate
from alframe.config import check
from alframe.data import ImageDataset, choose_members, thinned_members
from alframe.device import Compute, keep_large_blocks, limited_threads
from alframe.errors import TrialNotice, UserError
from alframe.learner.choose import choose_engine
from alframe.ledger import LabelLedger
from alframe.loop import RoundResult, label_dataset
from alframe.records import RoundReport
from alframe.rooms import Rooms
from alframe.suspects import Suspect, find_suspects
from alframe.targets import check_targets
from alframe.tracking import ConsoleTracker, FilesTracker, Outcome, Tracker, TrialInfo
from alframe.tracking.base import Status, Trackers

_VERSIONS = ("alframe", "torch", "torchvision", "pytorch-lightning", "hydra-core", "wandb", "numpy")


def run_trial(
    config: dict[str, Any], directory: Path, *, name: str = "trial", group: str | None = None
) -> dict[str, Any]:
    """Label a data set and return the content of summary.json.

    Args:
        config: the resolved config as plain containers.
        directory: where the trial leaves its files; made if missing.
        name: tells this trial from others. group: the sweep it belongs to.

    Raises:
        UserError: what was asked for cannot be; told in one line.
        TrialError: training failed; the labels so far are kept.
    """
    started = time.perf_counter()
    check(config)
    check_targets(config)
    prepare_directory(directory)
    choose_engine(config["engine"], Compute.choose(config["device"], config["precision"]))
    keep_large_blocks()
    tracker = build_tracker(config)
    _warn_of_errors(config)
    with limited_threads(config["threads"]) as threads:
        dataset = load_data(config)
        member_N = choose_members(len(dataset), config["data"].get("limit"), config["seed"])
        member_N = thinned_members(dataset, member_N, config["data"].get("imbalance"), config["seed"])
        _check_truth_of_members(dataset, member_N)
        means = build_means(config, dataset)
        console = ConsoleTracker()
        rooms = build_rooms(config, dataset, member_N, means, console.progress)
        info = TrialInfo(
            directory=directory,
            config={**config, "chosen": _chosen(means, threads)},
            name=name,
            group=group,
            data=dataset.name,
            n_samples=int(member_N.sum()),
            n_classes=dataset.n_classes,
            min_rounds=config["stopping"].get("min_rounds", 1),
            max_rounds=_most_rounds(config),
        )
        others: list[Tracker] = [tracker] if tracker is not None else []
        # The files first and the terminal last: its closing lines name what the others have written.
        trackers = Trackers([FilesTracker(), *others, console])
        return _label(trackers, info, rooms, dataset, member_N, means, started)


def _chosen(means: Means, threads: int) -> dict[str, Any]:
    """Return what `auto` came to, as it is written into the trial's config."""
    return {
        "device": str(means.compute.device),
        "precision": means.compute.precision,
        "engine": means.engine.name,
        "engine_reason": means.reason,
        "threads": threads,
        "layout": "channels_last",
        "scoring_batch_size": means.scoring_batch_size,
    }


def _label(
    trackers: Trackers,
    info: TrialInfo,
    rooms: Rooms,
    dataset: ImageDataset,
    member_N: Tensor,
    means: Means,
    started: float,
) -> dict[str, Any]:
    result: RoundResult | None = None
    reports: list[RoundReport] = []

    def outcome(
        status: Status,
        reason: str,
        summary: dict[str, Any] | None = None,
        suspects: Sequence[Suspect] = (),
    ) -> Outcome:
        ledger = result.ledger if result is not None else None
        nothing = torch.empty(0, dtype=torch.int64)
        return Outcome(
            status=status,
            ledger=ledger,
            summary=summary,
            reason=reason,
            mislabelled=rooms.audit.mislabelled(ledger) if ledger is not None else (nothing, nothing),
            image=lambda index: dataset.images_N[index],
            class_names=dataset.class_names,
            suspects=suspects,
        )

    try:
        trackers.start(info)
        ledger = LabelLedger.empty(len(dataset), member_N)
        for result in label_dataset(rooms, build_plan(info.config), ledger):
            reports.append(result.report)
            trackers.log(result.report)
        assert result is not None
        summary = summarise(info, reports, time.perf_counter() - started, result.certificate)
        classes = rooms.audit.counts_by_class(result.ledger, info.n_classes)
        summary |= summarise_classes(classes, dataset.class_names)
        suspects = find_suspects(rooms.learner, result.ledger, info.config["suspects"])
        summary["engine"] = means.engine.name  # another one than chosen where that one failed
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        reason = "interrupted by the user" if interrupted else str(error) or type(error).__name__
        # What ended the trial is what is raised, whatever closing it comes to.
        with contextlib.suppress(Exception):
            trackers.finish(outcome("interrupted" if interrupted else "failed", reason))
        raise
    trackers.finish(outcome("finished", summary["stopped_because"], summary, suspects))
    return summary


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
        "versions": {"python": platform.python_version(), **_versions()},
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


def _most_rounds(config: dict[str, Any]) -> int | None:
    most = config["stopping"].get("max_rounds")
    return None if most is None else most + bool(config["learner"].get("final_networks"))


def _warn_of_errors(config: dict[str, Any]) -> None:
    """Say that a certificate takes the answers of an oracle that errs as right, unless told otherwise."""
    certificate, oracle = config["certificate"], config["oracle"]
    errs = oracle.get("rate") or oracle.get("confusion") is not None
    if certificate["tolerance"] is not None and certificate["oracle_error"] is None and errs:
        warnings.warn(
            "certificate.oracle_error: the certificate takes this oracle's answers as right; some are not. "
            f"Write certificate.oracle_error={oracle.get('rate') or 'RATE'}.",
            TrialNotice,
            stacklevel=2,
        )


def prepare_directory(directory: Path) -> None:
    """Make the trial's directory and see that it can be written and holds no other trial.

    Raises:
        UserError: it cannot be made or written, or holds a trial.
    """
    key = "hydra.run.dir"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / ".write-probe"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"{key}: expected a directory that can be written, got {directory} ({error.strerror}). "
            f"Set {key} to another one."
        ) from error
    taken = [name for name in ("rounds.csv", "labels.csv", "summary.json") if (directory / name).exists()]
    if taken:
        raise UserError(
            f"{key}: expected a directory without a trial in it, but {directory} holds {taken[0]}. "
            f"Set {key} to another one, or move that trial away."
        )


def _check_truth_of_members(dataset: ImageDataset, member_N: Tensor) -> None:
    if dataset.truth_N is None:
        return
    truth_M = dataset.truth_N[member_N]
    if int(truth_M.min()) == int(truth_M.max()):
        raise UserError(
            "data.limit: expected at least two classes among the samples that take part, got one. "
            "Write a larger data.limit."
        )


def _versions() -> dict[str, str | None]:
    def version(name: str) -> str | None:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    return {name: version(name) for name in _VERSIONS}
