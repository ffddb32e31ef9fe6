"""alframe's own engines, batches and scoring, as a trial runs them."""

from dataclasses import replace

import torch
from torch import nn

from alframe.config.ranges import ENGINES
from alframe.core.errors import ConfigError
from alframe.data import ImageBank
from alframe.learner.compute.device import Compute
from alframe.learner.engines.choose import choose_engine
from alframe.learner.interfaces import Engine, FitInputs, FitJob
from alframe.learner.scoring.onnx_forward import OnnxForward
from alframe.learner.scoring.pool import score_pool
from speed.clock import Stopwatch, Timing
from speed.task import Task

WARM_STEPS = 4
ONNX = "onnxruntime"  # the scoring engine


class Product:
    """A recipe of alframe run by one of its engines, scored by it or by ONNX Runtime."""

    def __init__(self, task: Task, engine: Engine, compute: Compute, scoring_engine: str = "torch") -> None:
        self.recipe = task.name
        self.precision = compute.precision
        self.images_per_step = task.images_per_step
        self.images_per_batch = task.images_per_batch
        self._task = task
        self._engine = engine
        self._compute = compute
        self._bank = ImageBank(task.images.to(compute.device)).cropped(task.crop)
        self._normalize = task.recipe.normalize(self._bank, torch.arange(len(self._bank))).to(compute.device)
        self._onnx = scoring_engine == ONNX
        self._forward = OnnxForward(self._normalize) if self._onnx else engine.forward(self._normalize)

    @property
    def engine(self) -> str:
        """The name of the engine that ran: another one than chosen if that one could not capture."""
        return f"{self._engine.name}, {ONNX}" if self._onnx else self._engine.name

    def train(self, steps: int) -> Timing:
        """Train new weights as in a round, but for a given number of steps and without validation."""
        watch = Stopwatch(self._compute.device, steps, WARM_STEPS)
        with self._compute.seeded(0):
            job = self._job(watch.total)
            return watch.run(lambda: self._engine.fit(job, lambda stage, done, total: watch.mark(done)))

    def score(self, batches: int) -> Timing:
        """Score as a round does, with one network."""
        network = self._network().eval()
        index_P = torch.arange(batches * self.images_per_batch) % len(self._bank)
        return Stopwatch(self._compute.device, batches).run(
            lambda: score_pool(
                [network],
                self._normalize,
                self._bank,
                index_P,
                compute=self._compute,
                batch_size=self.images_per_batch,
                forward=self._forward,
            )
        )

    def _job(self, steps: int) -> FitJob:
        inputs = FitInputs(
            bank=self._bank,
            normalize=self._normalize,
            labelled=self._task.labelled,
            round=1,
            batches_seed=0,
            augment_seed=0,
        )
        job = self._task.recipe.job(self._network(), inputs)
        return replace(job, max_steps=steps, validation=None, patience=None)

    def _network(self) -> nn.Module:
        network = self._task.network().to(self._compute.device)
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def engines_that_apply(compute: Compute) -> list[Engine]:
    """Return the reference engine and each faster engine that runs here."""
    engines = []
    for name in ENGINES:
        if name == "auto":
            continue
        try:
            engines.append(choose_engine(name, compute).engine)
        except ConfigError:
            continue
    return engines
