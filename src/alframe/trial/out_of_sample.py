"""Predictions for samples with a label, by networks that have not learned from it (cross-validation).

Axes: N the samples of the data set's file; L labelled samples; C the classes.
"""

import math
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from alframe.core.errors import ConfigError
from alframe.core.records import Labelled
from alframe.core.seeds import derive_generator, derive_seed
from alframe.learner import CNNLearner


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """How the networks are trained.

    Attributes:
        folds: parts of the labels, each predicted by networks that learn from the others; at least 2.
        networks: networks of a fold; their log-probabilities are averaged.
        passes: how often a network sees each label. batch_size: samples of a step.
        label_smoothing: share of a label's probability that is spread evenly over all classes.

    Recipes that lack a setting of this name, or a number of steps, train as in a round of a trial.
    """

    folds: int
    networks: int
    passes: float
    batch_size: int
    label_smoothing: float


def out_of_sample(
    learner: CNNLearner, given_N: Tensor, known_N: Tensor, plan: CrossValidation, *, seed: int
) -> Tensor:
    """Return (N, C) float32 log-probabilities, NaN for samples that are no part of the trial.

    Each fold gets an equal share of the labels of each class. Samples without a label are predicted by the
    networks of one fold too, and teach none. Known labels teach the networks of all folds.

    Args:
        learner: with the images, the recipe and the network; its own networks and state are not used.
        given_N: (N,) int64 labels in [0, C), negative without one.
        known_N: (N,) bool, the labels that a person has confirmed or corrected.
        plan: folds and fits. seed: of folds and networks.

    Raises:
        ConfigError: more folds than labels.
        TrainingDiverged: the loss or a weight is NaN or infinite.
    """
    member_N = learner.member_N
    index_M = member_N.nonzero().flatten()
    given_M, known_M = given_N[index_M], known_N[index_M]
    n_labels = int((given_M >= 0).sum())
    if n_labels < plan.folds:
        raise ConfigError("rank.folds", f"at most {n_labels:,}, the number of labels", plan.folds)
    fold_M = folds_of(given_M, plan.folds, derive_generator(seed, 0, "folds"))
    steps = math.ceil(plan.passes * n_labels * (1 - 1 / plan.folds) / plan.batch_size)
    fresh = _fresh(learner, plan, steps, derive_seed(seed, 0, "cross-validation"))
    log_probs_NC = torch.full((len(member_N), learner.n_classes), math.nan)
    for fold in range(plan.folds):
        held_out = index_M[fold_M == fold]
        learned_M = ((fold_M != fold) | known_M) & (given_M >= 0)
        labelled = _labelled(index_M[learned_M], given_M[learned_M])
        for k in range(plan.networks):
            fresh.fit(labelled, fold * plan.networks + k + 1)
        log_probs_PC = fresh.score(held_out, frozenset({"log_probs"})).log_probs_PC
        assert log_probs_PC is not None
        log_probs_NC[held_out] = log_probs_PC
    return log_probs_NC


def _fresh(learner: CNNLearner, plan: CrossValidation, steps: int, seed: int) -> CNNLearner:
    """Return a learner without networks, whose fits begin with new weights and do not use a pool.

    A ranking needs no calibrated temperature, for which a head would train further heads.
    """
    recipe: Any = learner.recipe
    wanted = {
        "steps": steps,
        "steps_growth": 0,
        "batch_size": plan.batch_size,
        "pool_batch_size": 0,
        "label_smoothing": plan.label_smoothing,
        "folds": 0,
    }
    names = {each.name for each in fields(recipe)} if is_dataclass(recipe) else set()
    if "steps" in names:
        recipe = replace(recipe, **{name: value for name, value in wanted.items() if name in names})
    return replace(
        learner, recipe=recipe, seed=seed, warm_start=False, ensemble=plan.networks, views=None, final=None
    )


def _labelled(index_L: Tensor, label_L: Tensor) -> Labelled:
    hand_L = torch.ones_like(index_L, dtype=torch.bool)
    return Labelled(index_L=index_L, label_L=label_L, hand_L=hand_L, pool_P=torch.empty(0, dtype=torch.int64))


def folds_of(given_M: Tensor, folds: int, generator: torch.Generator) -> Tensor:
    """Return (M,) int64 in [0, folds): random parts of equal size, and of equal size in each class.

    >>> folds_of(torch.tensor([0, 1, 0, 1]), 2, torch.Generator()).tolist() in ([0, 0, 1, 1], [0, 1, 1, 0],
    ... [1, 0, 0, 1], [1, 1, 0, 0])
    True
    """
    shuffled_M = torch.randperm(len(given_M), generator=generator)
    by_class_M = shuffled_M[given_M[shuffled_M].argsort(stable=True)]
    fold_M = torch.empty_like(given_M)
    fold_M[by_class_M] = torch.arange(len(given_M)) % folds
    return fold_M
