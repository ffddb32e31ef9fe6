"""The device, precision, engine and batch size of a trial, chosen once, before the first label."""

from dataclasses import dataclass
from typing import Any

from alframe.core.errors import ConfigError
from alframe.data import DecodedImages, ImageDataset, in_memory
from alframe.learner.compute.autotune import choose_precision, choose_scoring_batch, choose_scoring_engine
from alframe.learner.compute.device import Compute
from alframe.learner.compute.memory import USABLE, fitting_side, free_bytes, memory_need
from alframe.learner.compute.subject import Subject
from alframe.learner.engines.choose import choose_engine
from alframe.learner.interfaces import Engine
from alframe.trial.instantiate import instantiate
from alframe.trial.settings import TrialSettings

PROBED_IMAGES = 128  # of a training step in a probe, for recipes without a batch_size
ADVISED_BYTES = 2**31  # of memory that an advised size needs at most
SMALLEST_SIDE = 4  # pixels that cropping must leave


@dataclass(frozen=True, kw_only=True)
class ComputePlan:
    """Device, precision, engine and batch size of a trial.

    Attributes:
        compute: device and precision. engine: runs fits and networks.
        reason: why `engine=auto` did not take a faster engine, or None.
        scoring_batch_size: images per scoring pass. scoring_engine: "torch" or "onnxruntime".
    """

    compute: Compute
    engine: Engine
    reason: str | None
    scoring_batch_size: int
    scoring_engine: str

    def chosen(self, threads: int) -> dict[str, Any]:
        """Return the choices as plain values, for config.yaml and for a resumed trial."""
        return {
            "device": str(self.compute.device),
            "precision": self.compute.precision,
            "engine": self.engine.name,
            "engine_reason": self.reason,
            "threads": threads,
            "layout": "channels_last",
            "scoring_batch_size": self.scoring_batch_size,
            "scoring_engine": self.scoring_engine,
        }


def build_compute_plan(settings: TrialSettings, dataset: ImageDataset, subject: Subject) -> ComputePlan:
    """Return the compute plan of a trial; `auto` is decided by the hardware's abilities or by a probe.

    A head on vectors is so small that neither bfloat16 nor ONNX Runtime saves time.
    """
    device = Compute.choose(settings.device, "float32").device
    precision = "float32" if settings.encoder and settings.precision == "auto" else settings.precision
    compute = choose_precision(device, precision, subject)
    choice = choose_engine(settings.engine, compute, streamed=not in_memory(dataset.images_N))
    scoring_batch_size = choose_scoring_batch(
        compute, settings.learner.scoring_batch_size, subject, len(dataset)
    )
    scorer = "torch" if settings.encoder and settings.scoring_engine == "auto" else settings.scoring_engine
    return ComputePlan(
        compute=compute,
        engine=choice.engine,
        reason=choice.reason,
        scoring_batch_size=scoring_batch_size,
        scoring_engine=choose_scoring_engine(compute, scorer, subject, scoring_batch_size, len(dataset)),
    )


def make_subject(
    settings: TrialSettings, dataset: ImageDataset, recipe: Any, n_features: int | None = None
) -> Subject:
    """Return the network and images that probes use, after one trial run of the network's constructor.

    Args:
        n_features: of the vectors that the network learns from; None if it learns from images.

    Raises:
        ConfigError: the crop, the network or the optimizer does not fit the images.
    """
    shape = dataset.images_N.shape[1:] if n_features is None else (n_features, 1, 1)
    subject = _subject(settings, shape, dataset.n_classes)
    _try_network(subject, recipe)
    return subject


def _subject(settings: TrialSettings, shape: tuple[int, ...], n_classes: int) -> Subject:
    learner = settings.learner
    n_channels, height, width = shape
    most = max(0, (min(height, width) - SMALLEST_SIDE) // 2)
    if learner.crop > most:
        expected = f"at most {most} of {min(height, width)} pixels at each side"
        raise ConfigError("learner.crop", expected, learner.crop)
    return Subject(
        network=instantiate("network", learner.network, settings.trusted, call=False),
        config=learner.network,
        image_shape=(n_channels, height - 2 * learner.crop, width - 2 * learner.crop),
        n_classes=n_classes,
        batch_size=learner.images_per_step or PROBED_IMAGES,
    )


def check_memory(settings: TrialSettings, dataset: ImageDataset) -> None:
    """Refuse images that need more memory in training than is free. No image is decoded for that.

    Raises:
        ConfigError: they need more; the message advises a size that works.
    """
    subject = _subject(settings, dataset.images_N.shape[1:], dataset.n_classes)
    need, free = memory_need(subject), free_bytes()
    if need is None or free is None or Compute.choose(settings.device, "float32").device.type != "cpu":
        return
    n_bytes = need.training(subject.batch_size)
    height, width = (int(side) for side in dataset.images_N.shape[2:])
    if n_bytes <= USABLE * free:
        return
    side = fitting_side(n_bytes, min(free, ADVISED_BYTES), max(height, width))
    size = [max(SMALLEST_SIDE, round(side * each / max(height, width))) for each in (height, width)]
    hint = f"Write data.size=[{size[0]},{size[1]}]."
    if not isinstance(dataset.images_N, DecodedImages):
        hint = f"Scale them to about {size[0]} x {size[1]}, or write a smaller learner.batch_size."
    raise ConfigError(
        "data.size" if isinstance(dataset.images_N, DecodedImages) else "data",
        f"images that can be trained on with {free / 2**30:.1f} GB of free memory, got {height} x {width} "
        f"(height x width), which need about {n_bytes / 2**30:.0f} GB",
        hint=hint,
    )


def _try_network(subject: Subject, recipe: Any) -> None:
    """Make a network and its optimizer once, to report wrong settings before the first label."""
    _, height, width = subject.image_shape
    group = "network"
    try:
        network = subject.make()
        group = "learner.optimizer"
        if hasattr(recipe, "optimizer"):
            recipe.optimizer(list(network.parameters()))
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(group, f"settings that it takes for {height} x {width} images: {reason}") from error
