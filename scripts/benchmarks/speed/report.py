"""Measurements as a table, as targets met or not, and as JSON."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import torch

from speed.clock import Record
from speed.naive import EARLY
from speed.product import ONNX

PACKAGES = ("alframe", "torch", "torchvision", "pytorch-lightning", "numpy")
RECORDED = ("compiled", "graphed")  # the contestants with steps that torch itself records
NEAR = 0.1  # one of them takes the place of the graph engine if it is at most this share slower
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A target for a ratio of the seed classifier; it is shown, never asserted.

    Attributes:
        device: type of device. engine, ratio: names of the figure. least, aim: factors.
    """

    device: str
    engine: str
    ratio: str
    least: float
    aim: float


TARGETS = (
    Target(device="cpu", engine="reference", ratio="train_vs_naive", least=1.5, aim=2.5),
    Target(device="cpu", engine="reference", ratio="train_vs_floor", least=0.85, aim=0.95),
    Target(device="cpu", engine="reference", ratio="score_vs_naive", least=5, aim=8),
    Target(device="cpu", engine=f"reference, {ONNX}", ratio=f"score_vs_{EARLY}", least=2.5, aim=4),
    Target(device="cuda", engine="graph", ratio="train_vs_naive", least=8, aim=15),
    Target(device="cuda", engine="graph", ratio="train_vs_floor", least=2.5, aim=4),
    Target(device="cuda", engine="graph", ratio="score_vs_naive", least=100, aim=400),
)


def results(records: Sequence[Record], device: torch.device) -> list[dict[str, Any]]:
    """Return one row per contestant: medians, ratios of medians, spread."""
    rows = [_row(record, device) for record in records]
    by_name = {(row["recipe"], row["engine"], row["precision"]): row for row in rows}
    for row in rows:
        others = {
            "naive": by_name.get((row["recipe"], "naive", "float32")),
            EARLY: by_name.get((row["recipe"], EARLY, "float32")),
            **{name: by_name.get((row["recipe"], name, row["precision"])) for name in ("floor", "graph")},
        }
        for name, other in others.items():
            for what in ("train", "score"):
                rate = f"{what}_images_per_s"
                row[f"{what}_vs_{name}"] = row[rate] / other[rate] if other else None
    return rows


def _row(record: Record, device: torch.device) -> dict[str, Any]:
    contestant = record.contestant
    return {
        "recipe": contestant.recipe,
        "batch": contestant.images_per_step,
        "score_batch": contestant.images_per_batch,
        "engine": contestant.engine,
        "device": str(device),
        "precision": contestant.precision,
        "train_images_per_s": statistics.median(record.train_rates),
        "score_images_per_s": statistics.median(record.score_rates),
        "train_range": [min(record.train_rates), max(record.train_rates)],
        "score_range": [min(record.score_rates), max(record.score_rates)],
        "train_steps": record.train_length,
        "score_batches": record.score_length,
        "repeats": len(record.trained),
        "set_up_seconds": record.rest_seconds,
        "first_fit_seconds": record.first_seconds,
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| recipe | images a step | engine | precision | training, images/s | vs naive | vs floor "
        "| scoring, images/s | vs naive | vs floor | set-up of a fit, s | of the first, s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row["recipe"], str(row["batch"]), row["engine"], row["precision"]]
        for what in ("train", "score"):
            cells.append(_with_range(row[f"{what}_images_per_s"], row[f"{what}_range"]))
            cells += [_shown(row[f"{what}_vs_naive"]), _shown(row[f"{what}_vs_floor"])]
        cells += [_shown(row["set_up_seconds"]), _shown(row["first_fit_seconds"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def recordings(rows: Sequence[dict[str, Any]]) -> str:
    """Return a table of torch's own ways to record a step against the graph engine; empty without one.

    The last column says if a way is fast enough in training to take the graph engine's place.
    """
    lines = [
        "| recipe | precision | recorded by | training, of graph | scoring, of graph | takes its place |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row["engine"] in RECORDED and row["train_vs_graph"] is not None:
            enough = row["train_vs_graph"] >= 1 - NEAR
            cells = [row["recipe"], row["precision"], row["engine"], _shown(row["train_vs_graph"])]
            cells += [_shown(row["score_vs_graph"]), "yes" if enough else "no"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def targets(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of a table of targets for the seed classifier, empty if none applies."""
    lines = []
    for row in rows:
        for target in TARGETS:
            value = row[target.ratio]
            at = row["device"].partition(":")[0], row["engine"], row["recipe"]
            if at != (target.device, target.engine, "published") or value is None:
                continue
            where = f"{row['engine']}, {row['precision']}, {row['batch']} images a step"
            early = row.get(target.ratio.replace("naive", EARLY))
            with_early = target.ratio.endswith("naive") and early is not None
            note = f" ({early:.2f} against {EARLY}, not in turns)" if with_early else ""
            lines.append(f"| {target.ratio} | {where} | {value:.2f}{note} | {_read(value, target)} |")
    head = ["| ratio | engine | here | at least | aim |", "|---|---|---|---|---|"]
    return [*head, *lines] if lines else []


def _read(value: float, target: Target) -> str:
    return " | ".join(
        f"{wanted:g}, {'' if value >= wanted else 'not '}met" for wanted in (target.least, target.aim)
    )


def unsteady(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return a warning if a measurement fell below half of its median, else an empty list."""
    shaken = [
        f"{row['recipe']} {row['engine']} {row['precision']}"
        for row in rows
        for what in ("train", "score")
        if 2 * row[f"{what}_range"][0] < row[f"{what}_images_per_s"]
    ]
    if not shaken:
        return []
    names = ", ".join(dict.fromkeys(shaken))
    return [f"The machine was busy, so the ratios are not reliable: see the ranges of {names}."]


def trial_line(trial: dict[str, Any]) -> str:
    """Return the time and the results of a trial in one line."""
    if trial["seconds"] is None:
        return f"`{trial['command']}`: failed after {trial['wall_seconds']:.0f} s: {trial['error']}"
    hand, wrong = 100 * trial["hand_share"], 100 * trial["mislabelled_share"]
    return (
        f"`{trial['command']}`: {trial['seconds']:.1f} s ({trial['wall_seconds']:.1f} s with imports), "
        f"{trial['rounds']} rounds, {trial['n_samples']:,} images, {hand:.2f} % hand labels, "
        f"{wrong:.3f} % mislabelled; {trial['device']}, {trial['precision']}, {trial['engine']} engine"
    )


def circumstances(device: torch.device) -> dict[str, Any]:
    """Return the versions, the date and the hardware."""
    model, flags = _processor()
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "date": datetime.now(UTC).date().isoformat(),
        "hardware": {
            "cpu": model,
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "threads": torch.get_num_threads(),
            "flags": [flag for flag in FLAGS if flag in flags],
            "gpu": gpu,
            # Of the minute before: the load by other processes.
            "load_at_start": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        },
    }


def _processor() -> tuple[str, list[str]]:
    """Return (model, flags) of the first processor, as far as the system has them."""
    try:
        with open("/proc/cpuinfo") as lines:
            pairs = dict(line.split(":", 1) for line in lines if ":" in line)
    except OSError:
        return platform.processor() or platform.machine(), []
    fields = {key.strip(): value.strip() for key, value in pairs.items()}
    return fields.get("model name", platform.machine()), fields.get("flags", "").split()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _with_range(value: float, ends: list[float]) -> str:
    return f"{value:,.0f} ({ends[0]:,.0f} to {ends[1]:,.0f})"
