"""Colander: a confidence function that is learned for auto-labelling, on the classifier's features.

Axes: D features; C classes; X inputs, C + D; H hidden units; B a batch of the half that g learns from.

Source: Vishwakarma et al., Pearls from pebbles: improved confidence functions for auto-labeling, NeurIPS
2024, arXiv 2404.16188, section 3.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from alframe.auto_label.accept import check_finite, check_needed
from alframe.auto_label.calibrated import log_odds_of
from alframe.auto_label.validated import Learned, ValidatedPolicy, above, random_mask
from alframe.core.records import PoolScores, Validation

CHUNK = 2**14  # samples whose hidden units are in memory at once


class Weights(NamedTuple):
    """The weights of g(x) = softmax(W2 tanh(W1 x)), and a threshold for each class; float64.

    Attributes:
        first_HX: (H, C + D), W1. second_CH: (C, H), W2. threshold_C: (C,).
    """

    first_HX: Tensor
    second_CH: Tensor
    threshold_C: Tensor


@dataclass(frozen=True, kw_only=True)
class ColanderPolicy(ValidatedPolicy):
    """Accepts as `ValidatedPolicy` does, but with a learned confidence g(x)[y] of the predicted class y.

    g is learned in each round for a large coverage with few errors. It learns from one half of the validation
    set, and the other half sets the thresholds; the thresholds learned with g are not used. With
    `choose_every`, that other half also chooses between the states of g during its training, as in the
    authors' code. It is then not a fresh sample: the accepted predictions have more errors than it shows, and
    the bound "clopper_pearson" does not hold. x are the classifier's log-probabilities, which are its logits
    up to a constant for each sample, and its features. The labels are recorded with the log-odds of the
    classifier. The other settings are those of `ValidatedPolicy`.

    Attributes:
        penalty: at least 0, lambda, the weight of the error against the coverage.
        steepness: above 0, alpha, of the smooth step.
        learning_rate: above 0. weight_decay: at least 0. epochs, batch_size: at least 1. All of Adam.
        start_threshold: in [0, 1], the threshold of each class before learning.
        choose_every: at least 1, the epochs between two states of g of which the one is used that accepts
            most of the half that sets the thresholds; None uses the last state.

    Source: Vishwakarma et al., Pearls from pebbles, NeurIPS 2024, arXiv 2404.16188, section 3.
    """

    penalty: float
    steepness: float
    learning_rate: float
    weight_decay: float
    epochs: int
    batch_size: int
    start_threshold: float
    choose_every: int | None
    needs: frozenset[str] = field(default=frozenset({"log_probs", "features"}), init=False)

    def learn(self, validation: Validation, generator: torch.Generator) -> Learned:
        """Return the log-odds of g(x)[y], learned on a random half of the validation set."""
        learns_V = random_mask(len(validation), 0.5, generator)
        scores_V = validation.scores
        wrong_V = scores_V.predicted_P != validation.label_V
        states = self._states(
            self._inputs(scores_V)[learns_V],
            scores_V.predicted_P[learns_V],
            wrong_V[learns_V],
            n_classes=self._n_classes(scores_V),
            generator=generator,
        )
        weights = self._chosen(states, validation.at(~learns_V))
        return Learned(lambda scores: self._confidence(weights, scores), ~learns_V, is_probability=False)

    def _chosen(self, states: Iterable[Weights], judges: Validation) -> Weights:
        """Return the state that accepts most of the judging samples, the first of equals; or the last one."""
        if self.choose_every is None:
            *_, weights = states
            return weights
        return max(states, key=lambda weights: self._n_accepted(weights, judges))

    def _n_accepted(self, weights: Weights, judges: Validation) -> int:
        confidence_V = self._confidence(weights, judges.scores)
        cuts = self.cuts(confidence_V, judges)
        return int(above(cuts, confidence_V, judges.scores.predicted_P).sum())

    def _states(
        self,
        inputs_VX: Tensor,
        predicted_V: Tensor,
        wrong_V: Tensor,
        *,
        n_classes: int,
        generator: torch.Generator,
    ) -> Iterator[Weights]:
        """Yield g after the epochs 1, 1 + choose_every and so on, or after the last epoch only."""
        weights = _start(inputs_VX.shape[1], n_classes, self.start_threshold, generator)
        if len(inputs_VX) == 0:
            yield weights
            return
        for weight in weights:
            weight.requires_grad_(True)
        adam = torch.optim.Adam(list(weights), lr=self.learning_rate, weight_decay=self.weight_decay)
        for epoch in range(self.epochs):
            for position_B in torch.randperm(len(inputs_VX), generator=generator).split(self.batch_size):
                self._step(adam, weights, inputs_VX[position_B], predicted_V[position_B], wrong_V[position_B])
            last = epoch == self.epochs - 1
            if last if self.choose_every is None else epoch % self.choose_every == 0:
                yield Weights(*(weight.detach().clone() for weight in weights))

    def _step(
        self,
        adam: torch.optim.Optimizer,
        weights: Weights,
        inputs_BX: Tensor,
        predicted_B: Tensor,
        wrong_B: Tensor,
    ) -> None:
        adam.zero_grad()
        with torch.enable_grad():
            loss = surrogate_objective(
                weights, inputs_BX, predicted_B, wrong_B, penalty=self.penalty, steepness=self.steepness
            )
            loss.backward()
        adam.step()

    def _confidence(self, weights: Weights, scores: PoolScores) -> Tensor:
        """Return (P,) float32, the log-odds of g(x)[y], computed in chunks."""
        parts = [
            log_odds_of(_logits(weights, self._inputs(chunk)), chunk.predicted_P)
            for start in range(0, len(scores), CHUNK)
            for chunk in [scores.at(slice(start, start + CHUNK))]
        ]
        # A matrix product rounds differently with the number of rows. float32 hides that, so that a sample
        # has the same confidence in any chunk.
        return torch.cat(parts).float() if parts else torch.empty(0)

    def _inputs(self, scores: PoolScores) -> Tensor:
        """Return (P, C + D) float64: log-probabilities and features."""
        check_needed(self, log_probs=scores.log_probs_PC, features=scores.features_PD)
        assert scores.log_probs_PC is not None
        assert scores.features_PD is not None
        check_finite("log-probabilities", scores.log_probs_PC, scores.index_P)
        check_finite("features", scores.features_PD, scores.index_P)
        return torch.cat([scores.log_probs_PC.double(), scores.features_PD.double()], dim=1)

    def _n_classes(self, scores: PoolScores) -> int:
        assert scores.log_probs_PC is not None
        return scores.log_probs_PC.shape[1]


def surrogate_objective(
    weights: Weights,
    inputs_BX: Tensor,
    predicted_B: Tensor,
    wrong_B: Tensor,
    *,
    penalty: float,
    steepness: float,
) -> Tensor:
    """Return -P + penalty * E of a batch, smooth in the weights: the source's surrogate objective.

    With s = sigmoid(steepness * (g(x)[y] - t[y])), a smooth form of "is accepted", P = mean s is the coverage
    and E = sum(wrong * s) / sum(s) is the error among the accepted.

    Args:
        weights: of g, with t. inputs_BX: (B, C + D) float64, x. predicted_B: (B,) int64, y.
        wrong_B: (B,) bool.
        penalty: lambda. steepness: alpha.
    """
    g_B = _logits(weights, inputs_BX).softmax(dim=1).gather(1, predicted_B[:, None]).squeeze(1)
    accepted_B = (steepness * (g_B - weights.threshold_C[predicted_B])).sigmoid()
    error = (wrong_B * accepted_B).sum() / accepted_B.sum()
    return -accepted_B.mean() + penalty * error


def _logits(weights: Weights, inputs_BX: Tensor) -> Tensor:
    return (inputs_BX @ weights.first_HX.T).tanh() @ weights.second_CH.T


def _start(n_inputs: int, n_classes: int, threshold: float, generator: torch.Generator) -> Weights:
    """Return weights with the initialisation of torch's linear layers: uniform within 1 / sqrt(inputs)."""
    n_hidden = 2 * n_inputs
    return Weights(
        first_HX=_uniform((n_hidden, n_inputs), generator),
        second_CH=_uniform((n_classes, n_hidden), generator),
        threshold_C=torch.full((n_classes,), threshold, dtype=torch.float64),
    )


def _uniform(shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    drawn = torch.rand(shape, generator=generator, dtype=torch.float64)
    return (2 * drawn - 1) / shape[1] ** 0.5
