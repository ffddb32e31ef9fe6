"""The raw loop: plain torch on tensors that are on the device, without Lightning and bookkeeping.

Network, optimizer, precision, layout and alterations are alframe's. The difference in time is the cost of
alframe's conveniences.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from alframe.learner.compute.device import Compute
from alframe.learner.recipes.augment import RandomDeformation
from speed.clock import Stopwatch, Timing
from speed.product import WARM_STEPS
from speed.task import Task

Step = Callable[[], None]


class Floor:
    """A recipe as a raw loop."""

    engine = "floor"

    def __init__(self, task: Task, compute: Compute) -> None:
        self.recipe = task.name
        self.precision = compute.precision
        self.images_per_step = task.images_per_step
        self.images_per_batch = task.images_per_batch
        self._task = task
        self._compute = compute
        device, crop = compute.device, task.crop
        images_N = task.images.to(device)
        height, width = images_N.shape[2:]
        self._images_N = images_N[:, :, crop : height - crop, crop : width - crop].contiguous()
        labelled = task.labelled
        self._index_L, self._label_L = labelled.index_L.to(device), labelled.label_L.to(device)
        self._pool_P = labelled.pool_P.to(device)

    def train(self, steps: int) -> Timing:
        """Train fresh weights."""
        watch = Stopwatch(self._compute.device, steps, WARM_STEPS)
        step = self._consistency(watch.total) if self._task.pool_batch_size else self._supervised(watch.total)

        def loop() -> None:
            for done in range(1, watch.total + 1):
                step()
                watch.mark(done)

        return watch.run(loop)

    def score(self, batches: int) -> Timing:
        """Take the largest probability of each image and its class."""
        network, index_P = self._scoring_network(), self._positions(batches)
        return Stopwatch(self._compute.device, batches).run(lambda: self._scores(network, index_P))

    def _positions(self, batches: int) -> Tensor:
        """Return the indices of the images of some batches, int64 on the device."""
        positions_P = torch.arange(batches * self.images_per_batch, device=self._compute.device)
        return positions_P % len(self._images_N)

    def _scores(self, network: nn.Module, index_P: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(), self._compute.autocast():
            found = [self._largest(network, index_B) for index_B in index_P.split(self.images_per_batch)]
        probability_P, predicted_P = (torch.cat(parts).cpu() for parts in zip(*found, strict=True))
        return probability_P, predicted_P

    def _largest(self, network: nn.Module, index_B: Tensor) -> tuple[Tensor, Tensor]:
        self._begin_step()
        probability_B, predicted_B = network(self._take(index_B)).softmax(dim=1).max(dim=1)
        return probability_B, predicted_B

    def _supervised(self, total: int) -> Step:
        network = self._network()
        optimizer = self._optimizer(network)
        run = self._prepared(network)
        rows = iter(self._rows(len(self._index_L), total, self.images_per_step))

        def step() -> None:
            self._begin_step()
            row_B = next(rows)
            optimizer.zero_grad()
            with self._compute.autocast():
                loss = F.cross_entropy(run(self._take(self._index_L[row_B])), self._label_L[row_B])
            loss.backward()
            optimizer.step()

        return step

    def _consistency(self, total: int) -> Step:
        learner = self._task.config["learner"]
        network, n_pool = self._network(), learner["pool_batch_size"]
        average = self._average(network)
        run, teach = self._prepared(network), self._prepared(average)
        optimizer = self._optimizer(network)
        schedule = OneCycleLR(
            optimizer,
            max_lr=learner["optimizer"]["lr"],
            total_steps=total,
            cycle_momentum=False,
            **learner["one_cycle"],
        )
        alter = self._alter()
        rows = iter(self._rows(len(self._index_L), total, learner["batch_size"]))
        pool_rows = iter(self._rows(len(self._pool_P), total, n_pool))

        def step() -> None:
            self._begin_step()
            row_B = next(rows)
            x, x_pool = self._take(self._index_L[row_B]), self._take(self._pool_P[next(pool_rows)])
            optimizer.zero_grad()
            with self._compute.autocast():
                with torch.no_grad():
                    confidence_B, target_B = teach(x_pool).softmax(dim=1).max(dim=1)
                logits_BC = run(alter(torch.cat([x, x_pool])))
                pool_loss_B = F.cross_entropy(logits_BC[len(x) :], target_B, reduction="none")
                loss = F.cross_entropy(logits_BC[: len(x)], self._label_L[row_B])
                loss = loss + learner["weight"] * (pool_loss_B * (confidence_B > learner["confident"])).mean()
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(network)

        return step

    def _average(self, network: nn.Module) -> AveragedModel:
        decay = self._task.config["learner"]["average_decay"]
        average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
        return average.eval()

    def _begin_step(self) -> None:
        """Do nothing; called before each step and each batch of scoring."""

    def _prepared(self, network: nn.Module) -> nn.Module:
        """Return the network as the loop runs it."""
        return network

    def _scoring_network(self) -> nn.Module:
        return self._network().eval()

    def _alter(self) -> RandomDeformation:
        height, width = self._images_N.shape[2:]
        return RandomDeformation(
            **self._task.config["learner"]["augment"],
            image_size=(height, width),
            fill=torch.zeros(self._images_N.shape[1], 1, 1, device=self._compute.device),
            generator=torch.Generator(self._compute.device).manual_seed(0),
        )

    def _take(self, index_B: Tensor) -> Tensor:
        image_B = self._images_N[index_B].to(torch.float32, memory_format=torch.channels_last)
        return image_B.mul_(1 / (255 * 0.3081)).sub_(0.1307 / 0.3081)

    def _rows(self, n: int, steps: int, batch_size: int) -> Tensor:
        """Return (steps, batch_size) positions below n, on the device, one shuffled pass after another."""
        passes = -(-steps * batch_size // n)
        order = torch.cat([torch.randperm(n) for _ in range(passes)])[: steps * batch_size]
        return order.view(steps, batch_size).to(self._compute.device)

    def _network(self) -> nn.Module:
        network = self._task.network().to(self._compute.device)
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = self._task.recipe.optimizer(list(network.parameters()))  # type: ignore[attr-defined]
        return optimizer
