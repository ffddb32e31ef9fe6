"""The learner's face to the loop: fit on a ledger's labels, score indices."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from alframe.core.errors import ConfigError, TrainingDiverged
from alframe.core.records import FitReport, Labelled, PoolScores
from alframe.core.seeds import derive_seed
from alframe.data.bank import Bank
from alframe.learner.compute.device import Compute
from alframe.learner.interfaces import Engine, FitInputs, NotFiniteError, Progress, Recipe
from alframe.learner.scoring.committee import DETAILS, Committee, score_details
from alframe.learner.scoring.logit_cache import BatchSize, ScoreMemory
from alframe.learner.scoring.pool import score_pool
from alframe.learner.scoring.test_time_augmentation import Views, rescore_with_tta

NetworkFactory = Callable[..., nn.Module]


@dataclass(frozen=True, kw_only=True)
class FinalFit:
    """The last fit of a trial, after the last question.

    Attributes:
        networks: how many are trained, each from other random numbers; they score together with the networks
            of the last rounds.
        warm: how many of them start from the newest network of the rounds, the others from fresh weights.
        steps: optimizer steps of each; None takes the recipe's own.
        views: how the least confident are looked at when all are trained; None once, like the others.
    """

    networks: int
    warm: int = 0
    steps: int | None = None
    views: Views | None = None


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
        committee: who the members are, where a strategy or policy asks for a committee.
        final: what the last fit of a trial does otherwise; None for no such fit.
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
        committee: Committee | None = None,
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
        self._scoring_batch_size = BatchSize(scoring_batch_size)
        self._committee = committee or Committee()
        self._final = final
        self._round, self._is_final = 0, False
        self._progress = progress
        self._normalize = recipe.normalize(bank, member_N.nonzero().flatten()).to(compute.device)
        self._networks: deque[nn.Module] = deque(maxlen=ensemble)
        n_scoring = max(ensemble, final.networks + ensemble if final else 0)
        self._memory = ScoreMemory() if n_scoring > 1 else None
        self._forward = engine.forward(self._normalize)
        self._fitted: FitReport | None = None  # what the newest fit reported
        self._restored_round: int | None = None  # whose fit another process has done

    def state_dict(self) -> dict[str, Any]:
        """Return what later rounds build on, as tensors and plain containers: networks and what they said.

        What a network said of an image is kept as it is: said again in another batch, its last bits differ.
        """
        banks = [self._bank, *([self._test_bank] if self._test_bank is not None else [])]
        return {
            "round": self._round,
            "is_final": self._is_final,
            "fit": None if self._fitted is None else asdict(self._fitted),
            "scoring_batch_size": self._scoring_batch_size.n,
            "networks": [
                {name: value.cpu() for name, value in network.state_dict().items()}
                for network in self._networks
            ],
            "said": [] if self._memory is None else self._memory.export(list(self._networks), banks),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off; the round that it fitted last is not fitted again.

        Raises:
            RuntimeError: the state is of another network.
        """
        self._round, self._is_final = state["round"], state["is_final"]
        self._restored_round = state["round"]
        self._fitted = None if state["fit"] is None else FitReport(**state["fit"])
        self._scoring_batch_size.n = state["scoring_batch_size"]
        n_networks = len(state["networks"])
        self._networks = deque(maxlen=max(self._networks.maxlen or 1, n_networks))
        for weights in state["networks"]:
            with self._compute.seeded(0):  # weights that are overwritten, from nobody else's random numbers
                network = self._new_network()
            network.load_state_dict(weights)
            self._networks.append(network.eval().requires_grad_(False))
        if self._memory is not None:
            banks = [self._bank, *([self._test_bank] if self._test_bank is not None else [])]
            self._memory.take_in(state["said"], list(self._networks), banks)

    def fit(self, labelled: Labelled, round: int, *, final: bool = False) -> FitReport:
        """Train a network on the labels held, or the several of the final fit.

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
            lesson = FitInputs(
                bank=self._bank,
                normalize=self._normalize,
                labelled=labelled,
                round=round,
                batches_seed=derive_seed(self._seed, round, f"batches{of}"),
                augment_seed=derive_seed(self._seed, round, f"augment{of}"),
                steps=steps,
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

    def _new_network(self) -> nn.Module:
        network = self._network(
            in_channels=self._bank.image_shape[0],
            image_size=self._bank.image_shape[1:],
            n_classes=self._n_classes,
        )
        return network.to(self._compute.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def score(self, index_P: Tensor, needs: frozenset[str]) -> PoolScores:
        """Return the scores of `index_P`; see `score_pool` and `score_details`."""
        scores = self._score(self._bank, index_P, needs - DETAILS, self._progress)
        if self._is_final and self._final is not None and self._final.views is not None:
            scores = self._look_again(scores, self._final.views)
        if not needs & DETAILS:
            return scores
        details = score_details(
            list(self._networks),
            self._normalize,
            self._bank,
            index_P,
            compute=self._compute,
            batch_size=self._scoring_batch_size,
            needs=needs,
            committee=self._committee,
            seed=derive_seed(self._seed, self._round, "committee"),
        )
        return replace(scores, **details._asdict())

    def _look_again(self, scores: PoolScores, views: Views) -> PoolScores:
        alter = getattr(self._recipe, "alter", None)
        if alter is None:
            raise ConfigError("learner.final.views.n", "1 with a recipe that alters no images", views.n)
        seed = derive_seed(self._seed, self._round, "views")
        return rescore_with_tta(
            scores,
            list(self._networks),
            self._normalize,
            alter(self._bank, self._normalize, seed, views.strength),
            self._bank,
            compute=self._compute,
            batch_size=self._scoring_batch_size,
            views=views,
        )

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
