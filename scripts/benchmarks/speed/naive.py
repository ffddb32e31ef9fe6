"""A user's first script: torchvision, a DataLoader, a Trainer with its defaults, float32.

In its favour, it omits the bends of the fast recipe (torchvision's ElasticTransform is slow), and its time
does not include the Trainer's start, the loader's first batches and the checkpoint at the end.
"""

import copy
import io
import logging
import math
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, Self

import hydra
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.utilities import CombinedLoader
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Subset
from torchvision import transforms

from alframe.learner.compute.device import Compute
from speed.clock import FIRST_LENGTH, Stopwatch, Timing, fitting_length
from speed.task import Task, Transform

WORKERS = (0, 2, 4)
EARLY = "naive_default_allocator"  # measured before the allocator keeps large blocks
WARM_STEPS, WARM_BATCHES = 4, 1
TO_TENSOR = [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]


class Naive:
    """A recipe in a user's first script.

    Attributes:
        engine: the name in the report.
        workers, score_workers: of the DataLoaders in training and in scoring.
    """

    precision = "float32"

    def __init__(self, task: Task, compute: Compute) -> None:
        self.recipe = task.name
        self.engine = "naive"
        self.images_per_step = task.images_per_step
        self.images_per_batch = task.images_per_batch
        self.workers = self.score_workers = 0
        self._task = task
        self._compute = compute

    def called(self, engine: str) -> Self:
        """Return the same contestant under another name."""
        other = copy.copy(self)
        other.engine = engine
        return other

    def choose_workers(self, seconds: float, choices: tuple[int, ...] = WORKERS) -> None:
        """Try each number of workers once and keep the fastest."""
        train_length = fitting_length(self.train, seconds, least=FIRST_LENGTH)
        score_length = fitting_length(self.score, seconds, least=1)
        took, score_took = {}, {}
        for n_workers in choices:
            self.workers = self.score_workers = n_workers
            took[n_workers] = self.train(train_length).seconds
            score_took[n_workers] = self.score(score_length).seconds
        self.workers = min(took, key=lambda n_workers: took[n_workers])
        self.score_workers = min(score_took, key=lambda n_workers: score_took[n_workers])

    def train(self, steps: int) -> Timing:
        """Train fresh weights."""
        watch = Stopwatch(self._compute.device, steps, WARM_STEPS)
        with _nowhere() as folder:
            module, loader = self._module(), self._training_loader()
            return watch.run(lambda: self._trainer(watch, folder, max_steps=watch.total).fit(module, loader))

    def score(self, batches: int) -> Timing:
        """Predict the probabilities of images and take the largest."""
        watch = Stopwatch(self._compute.device, batches, WARM_BATCHES)
        with _nowhere() as folder:
            module, loader = self._module(), self._scoring_loader(watch.total)
            return watch.run(lambda: _predicted(self._trainer(watch, folder), module, loader))

    def _trainer(self, watch: Stopwatch, folder: str, **options: Any) -> pl.Trainer:
        """Return a Trainer with its logger, checkpoints, bar and summary on."""
        where = {key: self._compute.trainer_options()[key] for key in ("accelerator", "devices")}
        return pl.Trainer(**where, default_root_dir=folder, callbacks=[_Marks(watch)], **options)

    def _module(self) -> "FirstModule":
        learner = self._task.config["learner"]
        if self._task.pool_batch_size:
            return FirstConsistency(self._task.network(), learner)
        return FirstModule(first_published_network(), learner)

    def _training_loader(self) -> Any:
        learner, labelled = self._task.config["learner"], self._task.labelled
        if not self._task.pool_batch_size:
            return self._loader(_plain(self._task), labelled.index_L, learner["batch_size"])
        altered = _altered(self._task)
        return CombinedLoader(
            {
                "labelled": self._loader(altered, labelled.index_L, learner["batch_size"]),
                "pool": self._loader(
                    Twice(_plain(self._task), altered), labelled.pool_P, learner["pool_batch_size"]
                ),
            },
            mode="max_size_cycle",
        )

    def _scoring_loader(self, batches: int) -> "DataLoader[Any]":
        pictures = self._pictures(_plain(self._task))
        index = [at % len(pictures) for at in range(batches * self.images_per_batch)]
        return DataLoader(
            Subset(pictures, index), batch_size=self.images_per_batch, num_workers=self.score_workers
        )

    def _loader(self, transform: Transform, index: Tensor, batch_size: int) -> "DataLoader[Any]":
        subset = Subset(self._pictures(transform), index.tolist())
        return DataLoader(subset, batch_size=batch_size, shuffle=True, num_workers=self.workers)

    def _pictures(self, transform: Transform) -> Any:
        return self._task.source.pictures(transform)


def first_published_network() -> nn.Sequential:
    """Return the published classifier with its layers in the published order: ReLU before pooling."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(64 * 12 * 12, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


class FirstModule(pl.LightningModule):
    """Cross-entropy on (images, labels)."""

    def __init__(self, network: nn.Module, learner: dict[str, Any]) -> None:
        super().__init__()
        self.network = network
        self.learner = learner

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.network(x)
        return logits

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss."""
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the probabilities."""
        x, _ = batch
        return self(x).softmax(dim=1)

    def configure_optimizers(self) -> Any:
        """Return the recipe's optimizer with torch's defaults."""
        settings = {key: value for key, value in self.learner["optimizer"].items() if key != "fused"}
        make = hydra.utils.instantiate(settings)
        return make(self.network.parameters())


class FirstConsistency(FirstModule):
    """Cross-entropy on labelled images and agreement with the averaged network on the pool."""

    def __init__(self, network: nn.Module, learner: dict[str, Any]) -> None:
        super().__init__(network, learner)
        average = get_ema_multi_avg_fn(learner["average_decay"])
        self.average = AveragedModel(network, multi_avg_fn=average, use_buffers=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return the averaged network's logits."""
        logits: Tensor = self.average(x)
        return logits

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Return the loss."""
        x, y = batch["labelled"]
        (weak, strong), _ = batch["pool"]
        self.average.eval()
        with torch.no_grad():
            confidence, target = self.average(weak).softmax(dim=1).max(dim=1)
        logits = self.network(torch.cat([x, strong]))
        pool_loss = F.cross_entropy(logits[len(x) :], target, reduction="none")
        pool_loss = (pool_loss * (confidence > self.learner["confident"])).mean()
        loss = F.cross_entropy(logits[: len(x)], y) + self.learner["weight"] * pool_loss
        self.log("train_loss", loss, batch_size=len(x))
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the average."""
        self.average.update_parameters(self.network)

    def configure_optimizers(self) -> Any:
        """Return the recipe's optimizer and schedule."""
        optimizer = super().configure_optimizers()
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=self.learner["optimizer"]["lr"],
            total_steps=int(self.trainer.estimated_stepping_batches),
            cycle_momentum=False,
            **self.learner["one_cycle"],
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class Twice:
    """Two views of an image: plain and altered."""

    def __init__(self, plain: Transform, altered: Transform) -> None:
        self.plain = plain
        self.altered = altered

    def __call__(self, image: Any) -> tuple[Tensor, Tensor]:
        """Return (plain, altered)."""
        return self.plain(image), self.altered(image)


def _cropping(task: Task) -> list[Any]:
    side = task.source.dataset.images_N.shape[-1] - 2 * task.crop
    return [transforms.CenterCrop(side)] if task.crop else []


def _plain(task: Task) -> Transform:
    transform: Transform = transforms.Compose([*_cropping(task), *TO_TENSOR])
    return transform


def _altered(task: Task) -> Transform:
    limits = task.config["learner"]["augment"]
    affine = transforms.RandomAffine(
        degrees=limits["rotation"],
        translate=(limits["shift"], limits["shift"]),
        scale=(math.exp(-limits["scale"]), math.exp(limits["scale"])),
        shear=math.degrees(math.atan(limits["shear"])),
        interpolation=transforms.InterpolationMode.BILINEAR,
    )
    transform: Transform = transforms.Compose([*_cropping(task), affine, *TO_TENSOR])
    return transform


class _Marks(pl.Callback):
    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self._watch.mark(trainer.global_step)

    def on_predict_batch_end(
        self, trainer: pl.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        self._watch.mark(batch_idx + 1)


def _predicted(trainer: pl.Trainer, module: pl.LightningModule, loader: Any) -> tuple[Tensor, Tensor]:
    """Return (largest probability, class) of each image."""
    parts: Any = trainer.predict(module, loader)
    probability_P, predicted_P = torch.cat(parts).max(dim=1)
    return probability_P, predicted_P


@contextmanager
def _nowhere() -> Iterator[str]:
    """Yield a temporary folder for a Trainer's files, and suppress all output."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield folder
    finally:
        logging.disable(disabled)
