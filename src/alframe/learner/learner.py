"""The learner's face to the loop: fit on a ledger's labels, score indices."""

import time
from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor, nn

from alframe.data.bank import Bank
from alframe.device import Compute
from alframe.errors import TrainingDiverged
from alframe.learner.engine import Engine, NotFiniteError, Progress
from alframe.learner.recipe import Lesson, Recipe
from alframe.learner.scoring import BatchSize, ScoreMemory, score_pool
from alframe.records import FitReport, Labelled, PoolScores
from alframe.seeds import derive_seed

NetworkFactory = Callable[..., nn.Module]


class CNNLearner:
    """Trains a network each round and scores with the networks of the last rounds.

    Args:
        bank: the images to label. test_bank: the test images, or None.
        member_N: bool, the samples that take part.
        n_classes: number of classes.
        network: makes a network from in_channels, image_size and n_classes.
        recipe: how a round is trained. engine: what runs it. compute: where.
        seed: the trial's seed.
        warm_start: False gives each round fresh weights; True starts from the network that scored last,
            so that rounds add up to one long training.
        ensemble: scores are the mean log-probabilities of the networks of this many last rounds;
            1 scores with the newest alone. Costs no training.
        scoring_batch_size: images per forward pass in scoring; halved where memory runs out.
        progress: told (stage, done, total).
    """

    def __init__(
        self,
        *,
        bank: Bank,
        test_bank: Bank | None,
        member_N: Tensor,
        n_classes: int,
        network: NetworkFactory,
        recipe: Recipe,
        engine: Engine,
        compute: Compute,
        seed: int,
        warm_start: bool = False,
        ensemble: int = 1,
        scoring_batch_size: int = 512,
        progress: Progress = lambda stage, done, total: None,
    ) -> None:
        self._bank = bank
        self._test_bank = test_bank
        self._n_classes = n_classes
        self._network = network
        self._recipe = recipe
        self._engine = engine
        self._compute = compute
        self._seed = seed
        self._warm_start = warm_start
        self._scoring_batch_size = BatchSize(scoring_batch_size)
        self._progress = progress
        self._normalize = recipe.normalize(bank, member_N.nonzero().flatten()).to(compute.device)
        self._networks: deque[nn.Module] = deque(maxlen=ensemble)
        self._memory = ScoreMemory() if ensemble > 1 else None
        self._forward = engine.forward(self._normalize)

    def fit(self, labelled: Labelled, round: int) -> FitReport:
        """Train a network on the labels held.

        Raises:
            TrainingDiverged: the loss or a weight is NaN or infinite.
        """
        start = time.perf_counter()
        with self._compute.seeded(derive_seed(self._seed, round, "weights")):
            network = self._network(
                in_channels=self._bank.image_shape[0],
                image_size=self._bank.image_shape[1:],
                n_classes=self._n_classes,
            )
            network = network.to(self._compute.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            if self._warm_start and self._networks:
                network.load_state_dict(self._networks[-1].state_dict())
            lesson = Lesson(
                bank=self._bank,
                normalize=self._normalize,
                labelled=labelled,
                round=round,
                batches_seed=derive_seed(self._seed, round, "batches"),
                augment_seed=derive_seed(self._seed, round, "augment"),
            )
            job = self._recipe.job(network, lesson)
            try:
                result = self._engine.fit(job, self._progress)
            except NotFiniteError as error:
                raise TrainingDiverged(round, str(error)) from error
        self._networks.append(job.module.scoring_network)
        if self._memory is not None:
            self._memory.forget_all_but(self._networks)
        return FitReport(
            samples=job.n_labelled,
            steps=result.steps,
            epochs=result.epochs if job.patience is not None else None,
            loss=result.loss,
            seconds=time.perf_counter() - start,
        )

    def score(self, index_P: Tensor, needs: frozenset[str]) -> PoolScores:
        """Return the scores of `index_P`; see `score_pool`."""
        return self._score(self._bank, index_P, needs, self._progress)

    def predict_test(self) -> Tensor | None:
        """Return the predicted class of each test image, None without a test set."""
        if self._test_bank is None:
            return None
        return self._score(self._test_bank, torch.arange(len(self._test_bank)), frozenset(), None).predicted_P

    def _score(
        self, bank: Bank, index_P: Tensor, needs: frozenset[str], progress: Progress | None
    ) -> PoolScores:
        return score_pool(
            list(self._networks),
            self._normalize,
            bank,
            index_P,
            compute=self._compute,
            batch_size=self._scoring_batch_size,
            needs=needs,
            progress=progress,
            memory=self._memory,
            forward=self._forward,
        )
