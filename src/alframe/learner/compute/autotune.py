"""Settings that `auto` chooses by measurement: precision, images per scoring pass, scoring engine.

A measurement takes a second or two, once per network and machine. Its result is stored on the machine, and in
the trial's config, so that a resumed trial computes the same bits.
"""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe._machine import processor, recall, remember
from alframe._onnx import EXTRA, OnnxNetwork, installed, onnxruntime_version
from alframe._text import one_line
from alframe.core.errors import ConfigError
from alframe.learner.compute.device import Compute
from alframe.learner.compute.memory import memory_need
from alframe.learner.compute.subject import Subject

SCORING_BATCHES = (128, 256, 512, 1024, 2048)
DEFAULT_SCORING_BATCH = {"cpu": 512, "cuda": 4096, "mps": 1024}
REPEATS = 7
MAX_BYTES = 2**29  # of a measured step or a scoring pass; with larger images nothing is measured
CONVERTED_IMAGES = 5_000  # a smaller pool is scored as fast as a network is converted
CLEARLY_FASTER = 0.9  # share of torch's seconds that ONNX Runtime may take to be chosen
BUDGET_SECONDS = 2.0  # per measurement; a network that is too slow for that gets the default


def choose_precision(device: torch.device, asked: str, subject: Subject) -> Compute:
    """Return device and precision; `auto` on a processor with bfloat16 takes the faster precision."""
    compute = Compute.choose(str(device), asked)
    if asked != "auto" or device.type != "cpu" or compute.precision == "float32":
        return compute
    need = memory_need(subject)
    if need is not None and need.training(subject.batch_size) > MAX_BYTES:
        return compute
    result = _measured_once(
        "precision",
        subject,
        lambda: _measure_precision(device, subject),
        lambda result: result.get("precision") in ("float32", "bfloat16"),
    )
    return Compute(device=device, precision=result["precision"])


def choose_scoring_batch(compute: Compute, asked: int | None, subject: Subject, n_images: int) -> int:
    """Return the images per scoring pass; on a CPU the fastest of a few, which depends on its caches.

    A pass needs at most `MAX_BYTES` and is not much larger than the pool of `n_images`.
    """
    if asked is not None:
        return asked
    if compute.device.type != "cpu":
        return DEFAULT_SCORING_BATCH[compute.device.type]
    batches = _fitting_batches(subject, n_images)
    if len(batches) == 1:
        return batches[0]
    name = f"scoring batch in {compute.precision}"
    if batches != SCORING_BATCHES:
        name = f"{name} up to {batches[-1]}"
    result = _measured_once(
        name,
        subject,
        lambda: _measure_batch(compute, subject, batches),
        lambda result: isinstance(result.get("images"), int) and result["images"] > 0,
    )
    return int(result["images"])


def choose_scoring_engine(
    compute: Compute, asked: str, subject: Subject, batch_size: int, n_images: int
) -> str:
    """Return what runs networks in scoring: "torch" or "onnxruntime".

    `auto` measures both in float32 on a CPU if ONNX Runtime is installed and the pool of `n_images` is large
    enough that converting a network pays.

    Args:
        asked: "auto", "torch" or "onnxruntime". batch_size: images per scoring pass.

    Raises:
        ConfigError: ONNX Runtime is asked for, but it is not installed, or the trial computes on another
            device or in bfloat16.
    """
    runs = compute.device.type == "cpu" and compute.precision == "float32"
    if asked == "onnxruntime":
        _check_onnxruntime(compute, runs=runs)
    if asked != "auto":
        return asked
    if not runs or n_images < CONVERTED_IMAGES or not installed():
        return "torch"
    name = f"scoring engine with onnxruntime {onnxruntime_version()}, {batch_size} images"
    result = _measured_once(
        name,
        subject,
        lambda: _measure_engine(subject, batch_size),
        # A network that was not converted is tried again: another version may convert it.
        lambda result: result.get("scoring_engine") in ("torch", "onnxruntime") and "failed" not in result,
    )
    return str(result["scoring_engine"])


def _check_onnxruntime(compute: Compute, *, runs: bool) -> None:
    key, asked = "scoring_engine", "onnxruntime"
    if not runs:
        expected = f"auto or torch with device={compute.device} and precision={compute.precision}"
        raise ConfigError(key, expected, asked, "ONNX Runtime needs device=cpu precision=float32.")
    if not installed():
        expected = "auto, torch or an engine that is installed"
        raise ConfigError(key, expected, asked, f"It needs pip install '{EXTRA}'.")


def _fitting_batches(subject: Subject, n_images: int) -> tuple[int, ...]:
    """Return the scoring batches to choose from; a single one if images are large."""
    need = memory_need(subject)
    most = max(SCORING_BATCHES)
    if need is not None:
        most = max(1, (MAX_BYTES - need.weights) // (need.scoring(1) - need.weights))
    fitting = [n for n in SCORING_BATCHES if n <= most]
    large = sum(n >= n_images for n in SCORING_BATCHES) - 1  # one is enough that holds the whole pool
    return tuple(fitting[: max(1, len(SCORING_BATCHES) - max(0, large))]) or (most,)


def _measured_once(
    setting: str,
    subject: Subject,
    measure: Callable[[], dict[str, Any]],
    is_valid: Callable[[dict[str, Any]], bool],
) -> dict[str, Any]:
    """Return the result that is stored on this machine if it is valid, or else measure and store it."""
    shape = "x".join(map(str, subject.image_shape))
    key = " | ".join(
        [
            setting,
            processor()[0],
            f"{torch.get_num_threads()} threads",
            f"torch {torch.__version__}",
            json.dumps(subject.config, sort_keys=True),
            f"{shape}, {subject.n_classes} classes, batch {subject.batch_size}",
        ]
    )
    result = recall(key)
    if result is None or not is_valid(result):
        with torch.random.fork_rng(devices=[]):
            result = measure()
        remember(key, result)
    return result


def _measure_precision(device: torch.device, subject: Subject) -> dict[str, Any]:
    steps = {
        precision: _training_step(Compute(device=device, precision=precision), subject)
        for precision in ("float32", "bfloat16")
    }
    seconds = _median_seconds(steps)
    if not seconds:
        return {"precision": "bfloat16"}
    return {"precision": min(seconds, key=lambda each: seconds[each]), "seconds": seconds}


def _measure_batch(compute: Compute, subject: Subject, batches: Sequence[int]) -> dict[str, Any]:
    network = _made(subject).eval()
    x = _random_images(subject, max(batches))

    def passes(batch_size: int) -> Callable[[], None]:
        def run() -> None:
            with torch.inference_mode(), compute.autocast():
                for x_B in x.split(batch_size):
                    network(x_B)

        return run

    seconds = _median_seconds({str(n): passes(n) for n in batches})
    if not seconds:
        return {"images": min(DEFAULT_SCORING_BATCH["cpu"], max(batches))}
    return {"images": int(min(seconds, key=lambda each: seconds[each])), "seconds": seconds}


def _measure_engine(subject: Subject, batch_size: int) -> dict[str, Any]:
    network = _made(subject).eval()
    x_B = _random_images(subject, batch_size)

    def by_torch() -> None:
        with torch.inference_mode():
            network(x_B)

    try:
        converted = OnnxNetwork(network, x_B[:1])
        seconds = _median_seconds({"torch": by_torch, "onnxruntime": lambda: converted(x_B)})
    except Exception as error:  # of the converter or of ONNX Runtime, which have no common class
        return {"scoring_engine": "torch", "failed": one_line(error)[:200]}
    if not seconds or seconds["onnxruntime"] > CLEARLY_FASTER * seconds["torch"]:
        return {"scoring_engine": "torch", "seconds": seconds}
    return {"scoring_engine": "onnxruntime", "seconds": seconds}


def _training_step(compute: Compute, subject: Subject) -> Callable[[], None]:
    network = _made(subject)
    x_B = _random_images(subject, subject.batch_size)
    label_B = torch.arange(subject.batch_size) % subject.n_classes

    def run() -> None:
        with compute.autocast():
            loss = F.cross_entropy(network(x_B), label_B)
        loss.backward()

    return run


def _made(subject: Subject) -> nn.Module:
    channels_last: nn.Module = subject.make().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return channels_last


def _random_images(subject: Subject, n: int) -> Tensor:
    return torch.randn(n, *subject.image_shape).to(memory_format=torch.channels_last)


def _median_seconds(runs: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median seconds of each run, measured in turns after a warm-up; {} if a run is too slow."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    begun = time.perf_counter()
    for repeat in range(REPEATS + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if repeat:
                seconds[name].append(time.perf_counter() - start)
            if not repeat and time.perf_counter() - begun > BUDGET_SECONDS:
                return {}
        if repeat and time.perf_counter() - begun > BUDGET_SECONDS:
            break
    return {name: statistics.median(times) for name, times in seconds.items()}
