import math
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from alframe.core.errors import ConfigError
from alframe.core.records import Labelled, PoolScores
from alframe.trial.out_of_sample import CrossValidation, folds_of, out_of_sample
from tests.support.helpers import small_recipe

N, C = 23, 2
PLAN = CrossValidation(folds=4, networks=2, passes=3.0, batch_size=5, label_smoothing=0.2)


@dataclass(kw_only=True)
class Memory:
    """A learner that remembers the samples of its last fits, and finds their first class improbable."""

    member_N: Tensor
    recipe: object
    n_classes: int = C
    seed: int = 0
    warm_start: bool = True
    ensemble: int = 3
    final: object = "a final fit"
    views: object = "views in each round"
    fits: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    settings: list[object] = field(default_factory=list)

    def fit(self, labelled: Labelled, round: int) -> None:
        assert bool(labelled.hand_L.all())
        self.fits.append((labelled.index_L, labelled.label_L))
        self.settings.append((self.recipe, self.seed, self.warm_start, self.ensemble, self.final, round))

    def score(self, index_P: Tensor, needs: frozenset[str]) -> PoolScores:
        assert needs == {"log_probs"}
        seen_N = torch.zeros(len(self.member_N), dtype=torch.bool)
        for index_L, _ in self.fits[-self.ensemble :]:
            seen_N[index_L] = True
        second_P = torch.where(seen_N[index_P], 0.9, 0.2)
        return PoolScores(
            index_P=index_P,
            predicted_P=torch.zeros_like(index_P),
            log_odds_P=torch.zeros(len(index_P)),
            log_probs_PC=torch.stack([1 - second_P, second_P], dim=1).log(),
        )


@pytest.fixture
def learner():
    member_N = torch.ones(N, dtype=torch.bool)
    member_N[[3, 7]] = False
    return Memory(member_N=member_N, recipe=small_recipe())


def labels() -> Tensor:
    given_N = torch.arange(N) % C
    given_N[[5, 6]] = -1
    return given_N


def test_no_sample_is_predicted_by_a_network_that_learned_its_label(learner):
    log_probs_NC = out_of_sample(learner, labels(), torch.zeros(N, dtype=torch.bool), PLAN, seed=1)
    assert log_probs_NC.dtype == torch.float32
    assert log_probs_NC[learner.member_N, 1].exp().tolist() == pytest.approx([0.2] * (N - 2))
    assert bool(log_probs_NC[~learner.member_N].isnan().all())
    taught = torch.cat([index_L for index_L, _ in learner.fits])
    counts_N = taught.bincount(minlength=N)
    taught_N = learner.member_N & (labels() >= 0)
    assert counts_N[taught_N].tolist() == [(PLAN.folds - 1) * PLAN.networks] * int(taught_N.sum())
    assert counts_N[~taught_N].tolist() == [0] * 4
    assert all(torch.equal(label_L, labels()[index_L]) for index_L, label_L in learner.fits)


def test_known_labels_teach_the_networks_of_all_folds(learner):
    known_N = torch.zeros(N, dtype=torch.bool)
    known_N[[0, 5, 9]] = True  # sample 5 has no label
    out_of_sample(learner, labels(), known_N, PLAN, seed=1)
    for index_L, _ in learner.fits:
        assert {0, 9} <= set(index_L.tolist())
        assert 5 not in index_L


def test_fits_begin_anew_without_a_pool_and_take_the_steps_of_the_plan(learner):
    before = vars(learner).copy()
    out_of_sample(learner, labels(), torch.zeros(N, dtype=torch.bool), PLAN, seed=1)
    assert {name: vars(learner)[name] for name in before} == before
    recipes, seeds, warm, ensemble, final, rounds = zip(*learner.settings, strict=True)
    assert len(set(map(id, recipes))) == len(set(seeds)) == 1
    assert (set(warm), set(ensemble), set(final)) == ({False}, {PLAN.networks}, {None})
    assert rounds == tuple(range(1, 9))
    recipe = recipes[0]
    assert (recipe.batch_size, recipe.pool_batch_size, recipe.steps_growth) == (5, 0, 0)
    assert recipe.label_smoothing == 0.2
    assert recipe.steps == math.ceil(3 * 19 * 0.75 / 5)


def test_more_folds_than_labels_are_refused(learner):
    given_N = torch.full((N,), -1)
    given_N[:3] = 0
    with pytest.raises(ConfigError, match=r"rank\.folds: expected at most 3"):
        out_of_sample(learner, given_N, torch.zeros(N, dtype=torch.bool), PLAN, seed=1)


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_have_equal_sizes_in_every_class(folds):
    given_M = torch.tensor([0] * 7 + [1] * 2 + [2] * 11)
    fold_M = folds_of(given_M, folds, torch.Generator().manual_seed(0))
    for label in (None, 0, 1, 2):
        counts = fold_M[given_M == label if label is not None else slice(None)].bincount(minlength=folds)
        assert int(counts.max() - counts.min()) <= 1
    assert not torch.equal(fold_M, folds_of(given_M, folds, torch.Generator().manual_seed(1)))
