"""The learner that a trial uses: fit on a ledger's labels, score images by index."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from alframe.core.errors import ConfigError, TrainingDiverged
from alframe.core.records import Labelled, PoolScores
from alframe.core.reports import FitReport
from alframe.core.seeds import derive_seed
from alframe.data.image_bank import Bank
from alframe.learner.compute.device import Compute
from alframe.learner.final_fit import FinalFit
from alframe.learner.interfaces import Engine, FitInputs, NotFiniteError, Progress, Recipe
from alframe.learner.scoring.batch_size import BatchSize
from alframe.learner.scoring.committee import DETAILS, Committee
from alframe.learner.scoring.logit_cache import LogitCache
from alframe.learner.scoring.scorer import Scorer
from alframe.learner.scoring.test_time_augmentation import Views

NetworkFactory = Callable[..., nn.Module]


class CNNLearner:
    """Trains a network each round and scores with the networks of the last rounds.

    Args:
        bank: the images to label. test_bank: the test images, or None.
        member_N: bool, the samples that are part of the trial.
        n_classes: number of classes.
        network: makes a network from in_channels, image_size and n_classes.
        recipe: the training of a round. engine: runs the recipe's fits. compute: device and precision.
        seed: the trial's seed.
        warm_start: False gives each round new weights; True starts from the newest network, so that all
            rounds together are one long training.
        ensemble: scores are the mean log-probabilities of the networks of this many last rounds; 1 scores
            with the newest network only. It costs no training.
        scoring_batch_size: images per forward pass in scoring; halved if memory runs out.
        committee: its members, for strategies and policies that need a committee.
        final: the settings of the last fit of a trial; None trains it like every other fit.
        progress: called with (stage, done, total).
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
        warm_start: bool,
        ensemble: int,
        scoring_batch_size: int,
        committee: Committee,
        final: FinalFit | None = None,
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
        self._final = final
        self._round, self._is_final = 0, False
        self._progress = progress
        normalize = recipe.normalize(bank, member_N.nonzero().flatten()).to(compute.device)
        self._networks: deque[nn.Module] = deque(maxlen=ensemble)
        n_scoring = max(ensemble, final.networks + ensemble if final else 0)
        self._cache = LogitCache() if n_scoring > 1 else None
        self._scorer = Scorer(
            normalize=normalize,
            forward=engine.forward(normalize),
            compute=compute,
            batch_size=BatchSize(scoring_batch_size),
            committee=committee,
            cache=self._cache,
        )
        self._fitted: FitReport | None = None  # of the newest fit
        self._restored_round: int | None = None  # the round whose fit `load_state_dict` restored

    def state_dict(self) -> dict[str, Any]:
        """Return the networks and their cached log-probabilities, as tensors and plain containers.

        Later rounds build on them. The log-probabilities are saved because the same image, scored again in
        another batch, gives other last bits.
        """
        return {
            "round": self._round,
            "is_final": self._is_final,
            "fit": None if self._fitted is None else asdict(self._fitted),
            "scoring_batch_size": self._scorer.batch_size.n,
            "networks": [
                {name: value.cpu() for name, value in network.state_dict().items()}
                for network in self._networks
            ],
            "log_probs": [] if self._cache is None else self._cache.export(list(self._networks), self._banks),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state that `state_dict` returned; its last round is not fitted again.

        Raises:
            RuntimeError: the state is of another network.
        """
        self._round, self._is_final = state["round"], state["is_final"]
        self._restored_round = state["round"]
        self._fitted = None if state["fit"] is None else FitReport(**state["fit"])
        self._scorer.batch_size.n = state["scoring_batch_size"]
        n_networks = len(state["networks"])
        self._networks = deque(maxlen=max(self._networks.maxlen or 1, n_networks))
        for weights in state["networks"]:
            with self._compute.seeded(0):  # the initial weights are overwritten; the global state is kept
                network = self._new_network()
            network.load_state_dict(weights)
            self._networks.append(network.eval().requires_grad_(False))
        if self._cache is not None:
            self._cache.restore(state["log_probs"], list(self._networks), self._banks)

    @property
    def _banks(self) -> list[Bank]:
        return [self._bank, *([self._test_bank] if self._test_bank is not None else [])]

    def fit(self, labelled: Labelled, round: int, *, final: bool = False) -> FitReport:
        """Train a network on the current labels, or the networks of the final fit.

        Raises:
            TrainingDiverged: the loss or a weight is NaN or infinite.
        """
        if self._fitted is not None and self._restored_round == round:
            return self._fitted
        self._round, self._is_final, self._restored_round = round, final, None
        if not final or self._final is None:
            newest = self._networks[-1] if self._warm_start and self._networks else None
            self._fitted = self._fit(labelled, round, start_from=newest)
        else:
            self._fitted = self._fit_last(labelled, round, self._final)
        return self._fitted

    def _fit_last(self, labelled: Labelled, round: int, last: FinalFit) -> FitReport:
        newest = self._networks[-1] if self._networks else None
        self._networks = deque(self._networks, maxlen=len(self._networks) + last.networks)
        reports = [
            self._fit(
                labelled,
                round,
                member=k,
                steps=last.steps,
                start_from=newest if k < last.warm else None,
            )
            for k in range(last.networks)
        ]
        return FitReport(
            samples=reports[-1].samples,
            steps=sum(report.steps for report in reports),
            epochs=None,
            loss=reports[-1].loss,
            seconds=sum(report.seconds for report in reports),
        )

    def _fit(
        self,
        labelled: Labelled,
        round: int,
        *,
        start_from: nn.Module | None,
        member: int = 0,
        steps: int | None = None,
    ) -> FitReport:
        start = time.perf_counter()
        of = f"/{member}" if member else ""
        with self._compute.seeded(derive_seed(self._seed, round, f"weights{of}")):
            network = self._new_network()
            if start_from is not None:
                network.load_state_dict(start_from.state_dict())
            inputs = FitInputs(
                bank=self._bank,
                normalize=self._scorer.normalize,
                labelled=labelled,
                round=round,
                batches_seed=derive_seed(self._seed, round, f"batches{of}"),
                augment_seed=derive_seed(self._seed, round, f"augment{of}"),
                steps=steps,
            )
            job = self._recipe.job(network, inputs)
            try:
                result = self._engine.fit(job, self._progress)
            except NotFiniteError as error:
                raise TrainingDiverged(round, str(error)) from error
        self._networks.append(job.module.scoring_network)
        if self._cache is not None:
            self._cache.drop_others(self._networks)
        return FitReport(
            samples=job.n_labelled,
            steps=result.steps,
            epochs=result.epochs if job.patience is not None else None,
            loss=result.loss,
            seconds=time.perf_counter() - start,
        )

    def _new_network(self) -> nn.Module:
        network = self._network(
            in_channels=self._bank.image_shape[0],
            image_size=self._bank.image_shape[1:],
            n_classes=self._n_classes,
        )
        return network.to(self._compute.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def score(self, index_P: Tensor, needs: frozenset[str]) -> PoolScores:
        """Return the scores of `index_P`; see `score_pool` and `score_details`."""
        networks = list(self._networks)
        scores = self._scorer.score(networks, self._bank, index_P, needs - DETAILS, self._progress)
        if self._is_final and self._final is not None and self._final.views is not None:
            alter = self._alter(self._final.views)
            scores = self._scorer.rescore(scores, networks, self._bank, alter, self._final.views)
        if not needs & DETAILS:
            return scores
        seed = derive_seed(self._seed, self._round, "committee")
        return self._scorer.with_details(scores, networks, self._bank, needs, seed)

    def _alter(self, views: Views) -> Callable[[Tensor], Tensor]:
        alter = getattr(self._recipe, "alter", None)
        if alter is None:
            raise ConfigError("learner.final.views.n", "1 with a recipe that alters no images", views.n)
        seed = derive_seed(self._seed, self._round, "views")
        altered: Callable[[Tensor], Tensor] = alter(self._bank, self._scorer.normalize, seed, views.strength)
        return altered

    def predict_test(self) -> Tensor | None:
        """Return the predicted class of each test image: (T,) int64, CPU; None without a test set."""
        if self._test_bank is None:
            return None
        index_T = torch.arange(len(self._test_bank))
        networks = list(self._networks)
        return self._scorer.score(networks, self._test_bank, index_T, frozenset(), None).predicted_P
