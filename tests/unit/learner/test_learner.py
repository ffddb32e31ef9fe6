import math
from functools import partial

import pytest
import torch
from torch import nn

from alframe.core.errors import TrainingDiverged
from alframe.data import ImageBank
from alframe.learner import CNNLearner, FitJob, ReferenceEngine, SupervisedRecipe
from alframe.learner.compute.device import Compute
from alframe.learner.final_fit import FinalFit
from alframe.learner.interfaces import FitResult, NotFiniteError
from alframe.learner.module import Classifier
from alframe.learner.scoring.committee import Committee
from alframe.learner.scoring.pool import EagerForward
from alframe.learner.scoring.test_time_augmentation import Views
from tests.support.helpers import small_recipe

N = 40
NO_CHANGE = ("rotation", "scale", "shear", "shift", "elastic", "flip")


@pytest.fixture
def bank():
    """40 images of 8 x 8 pixels, bright on the left or on the right."""
    images = torch.randint(0, 80, (N, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    images[::2, :, :, :4] += 150
    images[1::2, :, :, 4:] += 150
    return ImageBank(images)


@pytest.fixture
def labelled(make_labelled):
    return make_labelled(list(range(20)), [i % 2 for i in range(20)], list(range(20, N)))


def linear(*, in_channels, image_size, n_classes):
    height, width = image_size
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(in_channels * height * width, n_classes))


class StepsRecipe(SupervisedRecipe):
    """The supervised recipe with a budget of steps and no validation."""

    def job(self, network, inputs):
        job = super().job(network, inputs)
        steps = self.max_epochs * len(job.batches)
        return FitJob(module=job.module, batches=job.batches, max_steps=steps, n_labelled=job.n_labelled)


def recipe(max_epochs=2, kind=StepsRecipe):
    return kind(
        optimizer=partial(torch.optim.SGD, lr=0.1),
        batch_size=4,
        validation_share=0.2,
        patience=5,
        max_epochs=max_epochs,
        auto_labels="train",
        inputs="unit",
    )


def final_fit(**settings):
    return FinalFit(**({"networks": 1, "warm": 0, "steps": None, "views": None} | settings))


@pytest.fixture
def make_learner(bank, cpu):
    def make(seed=0, **options):
        defaults = {
            "bank": bank,
            "test_bank": None,
            "member_N": torch.ones(N, dtype=torch.bool),
            "n_classes": 2,
            "network": linear,
            "recipe": recipe(),
            "engine": ReferenceEngine(cpu),
            "compute": cpu,
            "seed": seed,
            "warm_start": False,
            "ensemble": 1,
            "scoring_batch_size": 512,
            "committee": Committee(kind="last_layer", passes=10, dropout=0.25),
        }
        return CNNLearner(**(defaults | options))

    return make


POOL = torch.arange(20, N)


def scores_of(learner, labelled, rounds=(1,)):
    for round in rounds:
        learner.fit(labelled, round)
    return learner.score(POOL, frozenset()).log_odds_P


def test_the_pool_is_learned(make_learner, labelled):
    learner = make_learner(recipe=recipe(max_epochs=20))
    learner.fit(labelled, 1)
    assert (learner.score(POOL, frozenset()).predicted_P == POOL % 2).all()


def test_the_same_seed_gives_the_same_scores(make_learner, labelled):
    assert torch.equal(scores_of(make_learner(3), labelled), scores_of(make_learner(3), labelled))


def test_another_seed_or_round_gives_other_scores(make_learner, labelled):
    first = scores_of(make_learner(3), labelled)
    assert not torch.equal(first, scores_of(make_learner(4), labelled))
    assert not torch.equal(first, scores_of(make_learner(3), labelled, rounds=[2]))


def test_a_round_does_not_depend_on_the_rounds_before(make_learner, labelled):
    uninterrupted = scores_of(make_learner(3), labelled, rounds=[1, 2])
    assert torch.equal(uninterrupted, scores_of(make_learner(3), labelled, rounds=[2]))


def test_the_global_generator_is_neither_read_nor_left_changed(make_learner, labelled):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = scores_of(make_learner(3), labelled)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert torch.equal(first, scores_of(make_learner(3), labelled))


def test_a_network_scores_in_evaluation_mode(make_learner, labelled):
    learner = make_learner()
    learner.fit(labelled, 1)
    first, second = (learner.score(POOL, frozenset()).log_odds_P for _ in range(2))
    assert torch.equal(first, second)  # dropout would make them differ


class ScoringEagerly:
    def forward(self, normalize):
        return EagerForward(normalize, Compute(device=torch.device("cpu"), precision="float32"))


class ConstantEngine(ScoringEagerly):
    """Instead of training, gives the network weights of zero and the biases of the round."""

    name = "constant"

    def __init__(self, biases=()):
        self.biases = list(biases)
        self.started_from = []

    def fit(self, job, progress):
        layer = job.module.network[-1]
        self.started_from.append((layer.weight.detach().clone(), layer.bias.detach().clone()))
        with torch.no_grad():
            layer.weight.zero_()
            layer.bias.copy_(torch.tensor(self.biases[len(self.started_from) - 1]))
        progress("train", 1, 1)
        return FitResult(steps=1, epochs=1, loss=0.5)


BIASES = [[9.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 6.0]]


@pytest.mark.parametrize(
    ("ensemble", "expected"),
    [
        (1, [9.0, 3.0, -1.0, -6.0]),
        (2, [9.0, 6.0, 1.0, -3.5]),
        (3, [9.0, 6.0, 11 / 3, -4 / 3]),
    ],
)
def test_scores_are_the_mean_of_the_last_networks(make_learner, labelled, ensemble, expected):
    # With two classes the log-odds of a mean log-probability are the mean of the logits' differences.
    learner = make_learner(engine=ConstantEngine(BIASES), ensemble=ensemble)
    for round, odds_of_0 in enumerate(expected, start=1):
        learner.fit(labelled, round)
        scores = learner.score(POOL, frozenset())
        assert scores.predicted_P.tolist() == [int(odds_of_0 < 0)] * 20
        assert scores.log_odds_P.tolist() == pytest.approx([abs(odds_of_0)] * 20, abs=1e-5)


def test_every_round_starts_from_fresh_weights_unless_warm(make_learner, labelled):
    engine = ConstantEngine(BIASES)
    learner = make_learner(engine=engine)
    for round in (1, 2, 3):
        learner.fit(labelled, round)
    weights = [weight for weight, _ in engine.started_from]
    assert all(weight.abs().sum() > 0 for weight in weights)
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])


def test_a_warm_start_starts_from_the_last_network(make_learner, labelled):
    engine = ConstantEngine(BIASES)
    learner = make_learner(engine=engine, warm_start=True, ensemble=3)
    for round in (1, 2, 3):
        learner.fit(labelled, round)
    assert engine.started_from[0][0].abs().sum() > 0  # the first round has none to go on from
    for (weight, bias), before in zip(engine.started_from[1:], BIASES, strict=False):
        assert (weight == 0).all()
        assert bias.tolist() == before


def test_a_warm_start_leaves_the_networks_of_the_ensemble_alone(make_learner, labelled):
    engine = ConstantEngine([[4.0, 0.0], [0.0, 2.0]])
    learner = make_learner(engine=engine, warm_start=True, ensemble=2)
    learner.fit(labelled, 1)
    learner.fit(labelled, 2)
    assert learner.score(POOL, frozenset()).log_odds_P[0].item() == pytest.approx(1.0, abs=1e-6)


class DivergingEngine(ScoringEagerly):
    name = "diverging"

    def fit(self, job, progress):
        raise NotFiniteError("the training loss is NaN or infinite")


def test_divergence_names_the_round(make_learner, labelled):
    with pytest.raises(TrainingDiverged, match=r"diverged in round 7: the training loss is NaN") as caught:
        make_learner(engine=DivergingEngine()).fit(labelled, 7)
    assert caught.value.round == 7


def test_a_learning_rate_beyond_reason_diverges(make_learner, labelled):
    class Exploding(Classifier):
        def training_step(self, batch, batch_idx):
            return super().training_step(batch, batch_idx) * math.inf

    class ExplodingRecipe(StepsRecipe):
        def job(self, network, inputs):
            job = super().job(network, inputs)
            module = Exploding(network, inputs.normalize, self.optimizer)
            return FitJob(module=module, batches=job.batches, max_steps=job.max_steps)

    exploding = recipe(max_epochs=1, kind=ExplodingRecipe)
    with pytest.raises(TrainingDiverged, match="round 2"):
        make_learner(recipe=exploding).fit(labelled, 2)


def test_the_report_counts_samples_steps_and_epochs(make_learner, labelled):
    report = make_learner(recipe=recipe(max_epochs=3)).fit(labelled, 1)
    assert report.samples == 20
    assert report.steps == 3 * 4  # 16 train, four a step
    assert report.epochs is None  # the budget was in steps
    assert 0 < report.loss < 5
    assert 0 < report.seconds < 60


def test_test_images_are_predicted(make_learner, labelled, bank):
    test_bank = ImageBank(bank.images_N[[21, 20, 23, 22, 25]])
    learner = make_learner(recipe=recipe(max_epochs=20), test_bank=test_bank)
    learner.fit(labelled, 1)
    assert learner.predict_test().tolist() == [1, 0, 1, 0, 1]


def test_without_test_images_there_is_nothing_to_predict(make_learner, labelled):
    learner = make_learner()
    learner.fit(labelled, 1)
    assert learner.predict_test() is None


def test_progress_is_reported_in_training_and_scoring_but_not_on_the_test_set(make_learner, labelled, bank):
    reported = []
    learner = make_learner(
        engine=ConstantEngine(BIASES),
        test_bank=bank,
        scoring_batch_size=8,
        progress=lambda *args: reported.append(args),
    )
    learner.fit(labelled, 1)
    learner.score(POOL, frozenset())
    learner.predict_test()
    assert reported == [("train", 1, 1), ("score", 8, 20), ("score", 16, 20), ("score", 20, 20)]


def test_needs_are_passed_on(make_learner, labelled):
    learner = make_learner(engine=ConstantEngine(BIASES))
    learner.fit(labelled, 1)
    assert learner.score(POOL, frozenset({"margin"})).margin_P.tolist() == [9.0] * 20
    with pytest.raises(ValueError, match="gradients"):
        learner.score(POOL, frozenset({"gradients"}))


def test_normalisation_is_fitted_on_the_samples_that_take_part(make_learner, labelled):
    seen = []

    class Watched(StepsRecipe):
        def normalize(self, bank, index_N):
            seen.append(index_N.tolist())
            return super().normalize(bank, index_N)

    watched = recipe(max_epochs=1, kind=Watched)
    member_N = torch.zeros(N, dtype=torch.bool)
    member_N[[3, 5, 8]] = True
    learner = make_learner(recipe=watched, member_N=member_N)
    assert seen == []  # no image is read before the first fit
    learner.fit(labelled, 1)
    assert seen == [[3, 5, 8]]


def test_the_final_networks_score_with_those_of_the_last_rounds(make_learner, labelled):
    engine = ConstantEngine([[9.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 6.0]])
    learner = make_learner(engine=engine, ensemble=2, final=final_fit(networks=2, warm=1))
    for round in (1, 2):
        learner.fit(labelled, round)
    report = learner.fit(labelled, 3, final=True)
    assert report.steps == 2
    # (9 + 3 - 1 - 6) / 4
    assert learner.score(POOL, frozenset()).log_odds_P.tolist() == pytest.approx([1.25] * 20, abs=1e-5)
    warm, fresh = engine.started_from[2:]
    assert (warm[0] == 0).all()
    assert warm[1].tolist() == [3.0, 0.0]
    assert fresh[0].abs().sum() > 0


def test_final_networks_differ_and_take_their_own_number_of_steps(make_learner, labelled):
    jobs = []

    class Watching(ReferenceEngine):
        def fit(self, job, progress):
            jobs.append(job)
            return super().fit(job, progress)

    learner = make_learner(
        engine=Watching(make_learner().compute),
        recipe=small_recipe(augment=dict.fromkeys(NO_CHANGE, 0.0), steps=2),
        final=final_fit(networks=2, steps=3),
    )
    learner.fit(labelled, 1)
    learner.fit(labelled, 2, final=True)
    assert [job.max_steps for job in jobs] == [2, 3, 3]
    one, other = (dict(job.module.scoring_network.named_parameters()) for job in jobs[1:])
    assert all(not torch.equal(one[name], other[name]) for name in one)


def test_views_of_the_final_fit_and_of_the_rounds_are_their_own_and_need_a_recipe_that_alters(
    make_learner, labelled
):
    views = Views(n=3, share=1.0, strength=1.0)
    augment = {**dict.fromkeys(NO_CHANGE, 0.0), "shift": 0.2}

    def log_odds(*, rounds: Views | None, final: Views | None) -> list[torch.Tensor]:
        recipe = small_recipe(augment=augment, steps=3)
        learner = make_learner(recipe=recipe, views=rounds, final=final_fit(networks=1, views=final))
        found = []
        for round, is_final in ((1, False), (2, True)):
            learner.fit(labelled, round, final=is_final)
            found.append(learner.score(POOL, frozenset()).log_odds_P)
            assert torch.equal(found[-1], learner.score(POOL, frozenset()).log_odds_P)
        return found

    plain, of_final, of_rounds = (
        log_odds(rounds=rounds, final=final) for rounds, final in ((None, None), (None, views), (views, None))
    )
    assert torch.equal(plain[0], of_final[0])
    assert torch.equal(plain[1], of_rounds[1])
    assert not torch.equal(plain[0], of_rounds[0])
    assert not torch.equal(plain[1], of_final[1])
    cannot = make_learner(final=final_fit(networks=1, views=views))
    cannot.fit(labelled, 1, final=True)
    with pytest.raises(ValueError, match="a recipe that alters images"):
        cannot.score(POOL, frozenset())
