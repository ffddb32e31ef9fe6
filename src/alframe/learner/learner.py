"""The learner that a trial uses: fit on a ledger's labels, score images by index."""

import copy
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from alframe.core.errors import TrainingDiverged
from alframe.core.records import Labelled, PoolScores
from alframe.core.reports import FitReport
from alframe.core.seeds import derive_seed
from alframe.data.decoded import Progress
from alframe.data.image_bank import Bank
from alframe.learner.compute.device import Compute
from alframe.learner.final_fit import FinalFit
from alframe.learner.interfaces import Engine, FitInputs, Forward, NotFiniteError, Recipe
from alframe.learner.scoring.batch_size import BatchSize
from alframe.learner.scoring.committee import DETAILS, Committee, divide_logits, score_details
from alframe.learner.scoring.logit_cache import LogitCache
from alframe.learner.scoring.onnx_forward import OnnxForward
from alframe.learner.scoring.pool import score_pool
from alframe.learner.scoring.test_time_augmentation import Views, rescore_with_tta

NetworkFactory = Callable[..., nn.Module]


@dataclass(kw_only=True, eq=False)
class CNNLearner:
    """Trains a network each round and scores with the networks of the last rounds.

    Attributes:
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
        scoring_engine: "torch", or "onnxruntime" for the scores that need no committee and no features.
        committee: its members, for strategies and policies that need a committee.
        views: test-time augmentation of the least confident images, or None. The final fit has its own.
        final: the settings of the last fit of a trial; None trains it like every other fit.
        progress: called with (stage, done, total).
    """

    bank: Bank
    test_bank: Bank | None
    member_N: Tensor
    n_classes: int
    network: NetworkFactory
    recipe: Recipe
    engine: Engine
    compute: Compute
    seed: int
    warm_start: bool
    ensemble: int
    scoring_batch_size: int
    committee: Committee
    views: Views | None = None
    final: FinalFit | None = None
    scoring_engine: str = "torch"
    progress: Progress = lambda stage, done, total: None

    def __post_init__(self) -> None:
        self._round, self._is_final = 0, False
        self._batch_size = BatchSize(self.scoring_batch_size)
        self._networks: deque[nn.Module] = deque(maxlen=self.ensemble)
        n_scoring = max(self.ensemble, self.final.networks + self.ensemble if self.final else 0)
        self._cache = LogitCache() if n_scoring > 1 else None
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
            "scoring_batch_size": self._batch_size.n,
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
        self._batch_size.n = state["scoring_batch_size"]
        n_networks = len(state["networks"])
        self._networks = deque(maxlen=max(self._networks.maxlen or 1, n_networks))
        for weights in state["networks"]:
            with self.compute.seeded(0):  # the initial weights are overwritten; the global state is kept
                network = self._new_network()
            network.load_state_dict(weights)
            self._networks.append(network.eval().requires_grad_(False))
        if self._cache is not None:
            self._cache.restore(state["log_probs"], list(self._networks), self._banks)

    # Both read all images, so they are made when they are first needed: the first question comes before.
    @cached_property
    def _normalize(self) -> nn.Module:
        return self.recipe.normalize(self.bank, self.member_N.nonzero().flatten()).to(self.compute.device)

    @cached_property
    def _forward(self) -> Forward:
        if self.scoring_engine == "onnxruntime":
            return OnnxForward(self._normalize)
        return self.engine.forward(self._normalize)

    @property
    def _banks(self) -> list[Bank]:
        return [self.bank, *([self.test_bank] if self.test_bank is not None else [])]

    def fit(self, labelled: Labelled, round: int, *, final: bool = False) -> FitReport:
        """Train a network on the current labels, or the networks of the final fit.

        Raises:
            TrainingDiverged: the loss or a weight is NaN or infinite.
        """
        if self._fitted is not None and self._restored_round == round:
            return self._fitted
        self._round, self._is_final, self._restored_round = round, final, None
        if not final or self.final is None:
            newest = self._networks[-1] if self.warm_start and self._networks else None
            self._fitted = self._fit(labelled, round, start_from=newest)
        else:
            self._fitted = self._fit_last(labelled, round, self.final)
        return self._fitted

    def _fit_last(self, labelled: Labelled, round: int, last: FinalFit) -> FitReport:
        newest = self._networks[-1] if self._networks else None
        self._networks = deque(self._networks, maxlen=len(self._networks) + last.networks)
        starts = [newest if k < last.warm else None for k in range(last.networks)]
        reports = [
            self._fit(labelled, round, start_from=start, member=k, steps=last.steps)
            for k, start in enumerate(starts)
        ]
        steps = sum(report.steps for report in reports)
        seconds = sum(report.seconds for report in reports)
        return replace(reports[-1], steps=steps, epochs=None, seconds=seconds)

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
        with self.compute.seeded(derive_seed(self.seed, round, f"weights{of}")):
            network = self._new_network()
            if start_from is not None:
                network.load_state_dict(start_from.state_dict())
            inputs = FitInputs(
                bank=self.bank,
                normalize=self._normalize,
                labelled=labelled,
                round=round,
                batches_seed=derive_seed(self.seed, round, f"batches{of}"),
                augment_seed=derive_seed(self.seed, round, f"augment{of}"),
                steps=steps,
            )
            job = self.recipe.job(network, inputs)
            try:
                result = self.engine.fit(job, self.progress)
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

    def classifier(self) -> nn.Module:
        """Return a copy of the newest network that maps samples of the bank to logits."""
        if self._networks:
            network = self._networks[-1]
        else:
            with self.compute.seeded(0):
                network = self._new_network()
        return copy.deepcopy(nn.Sequential(self._normalize, network))

    def divide_logits(self, temperature: float) -> None:
        """Divide the logits of the newest network by a temperature."""
        divide_logits(self._networks[-1], temperature)

    def _new_network(self) -> nn.Module:
        network = self.network(
            in_channels=self.bank.image_shape[0],
            image_size=self.bank.image_shape[1:],
            n_classes=self.n_classes,
        )
        return network.to(self.compute.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def score(self, index_P: Tensor, needs: frozenset[str]) -> PoolScores:
        """Return the scores of `index_P`; see `score_pool`, `rescore_with_tta` and `score_details`."""
        scores = self._score(self.bank, index_P, needs - DETAILS, self.progress)
        views = self.final.views if self._is_final and self.final is not None else self.views
        if views is not None:
            scores = rescore_with_tta(
                scores,
                list(self._networks),
                self._normalize,
                self._alter(views),
                self.bank,
                compute=self.compute,
                batch_size=self._batch_size,
                views=views,
            )
        if not needs & DETAILS:
            return scores
        details = score_details(
            list(self._networks),
            self._normalize,
            self.bank,
            index_P,
            compute=self.compute,
            batch_size=self._batch_size,
            needs=needs,
            committee=self.committee,
            seed=derive_seed(self.seed, self._round, "committee"),
        )
        return replace(scores, **details._asdict())

    def _score(
        self, bank: Bank, index_P: Tensor, needs: frozenset[str], progress: Progress | None
    ) -> PoolScores:
        return score_pool(
            list(self._networks),
            self._normalize,
            bank,
            index_P,
            compute=self.compute,
            batch_size=self._batch_size,
            needs=needs,
            progress=progress,
            cache=self._cache,
            forward=self._forward,
        )

    def _alter(self, views: Views) -> Callable[[Tensor], Tensor]:
        alter = getattr(self.recipe, "alter", None)
        if alter is None:
            raise ValueError("Expected a recipe that alters images, for views.")
        seed = derive_seed(self.seed, self._round, "views")
        altered: Callable[[Tensor], Tensor] = alter(self.bank, self._normalize, seed, views.strength)
        return altered

    def predict_test(self) -> Tensor | None:
        """Return the predicted class of each test image: (T,) int64, CPU; None without a test set."""
        if self.test_bank is None:
            return None
        index_T = torch.arange(len(self.test_bank))
        return self._score(self.test_bank, index_T, frozenset(), None).predicted_P
