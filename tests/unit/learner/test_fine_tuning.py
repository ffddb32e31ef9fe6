"""The last fit of a trial on vectors: it starts where the head is, and trains the encoder's last block."""

import copy
from dataclasses import replace
from functools import partial

import pytest
import torch

from alframe.core.log_odds import temperature
from alframe.embedding import InputBank, VectorBank, Vectors
from alframe.learner import CNNLearner, FineTuningLearner, FineTuningRecipe, LinearHead, ReferenceEngine
from alframe.learner.encoder_network import FineTunedNetwork, check_trainable
from alframe.learner.scoring.committee import Committee
from tests.support.encoders import CPU, network_input
from tests.unit.learner.recipes.test_head import recipe as head_recipe
from tests.unit.learner.test_encoder_network import encoder

N, C = 60, 3


def make_images():
    """Return images of three classes, each brighter in one channel."""
    images = torch.randint(0, 120, (N, 3, 12, 12), generator=torch.Generator().manual_seed(0))
    label_N = torch.arange(N) % C
    images[torch.arange(N), label_N] += 12
    return images.to(torch.uint8), label_N


IMAGES, LABELS = make_images()
NEEDS = frozenset({"log_probs"})


def recipe(**changes):
    settings = {
        "optimizer": partial(torch.optim.AdamW, lr=0.003),
        "one_cycle": {"pct_start": 0.3, "div_factor": 25, "final_div_factor": 100},
        "steps": 2,
        "batch_size": 8,
        "weak": {"shift": 0.1, "flip": 0.5},
    }
    return FineTuningRecipe(**(settings | changes))


@pytest.fixture
def make_learner(cpu):
    def make(held_out=0.0, mirrored=False, **changes):
        made = replace(encoder(), mirrored=mirrored)
        inputs = network_input(IMAGES, made.preprocessing)
        with torch.inference_mode():
            vector_ND = made.load()(inputs)
            if mirrored:
                vector_ND = (vector_ND + made.load()(inputs.flip(3))) / 2
        heads = CNNLearner(
            bank=VectorBank(lambda: Vectors(vector_ND.numpy()), N, 8, CPU),
            test_bank=None,
            member_N=torch.ones(N, dtype=torch.bool),
            n_classes=C,
            network=LinearHead,
            recipe=head_recipe(),
            engine=ReferenceEngine(cpu),
            compute=cpu,
            seed=1,
            warm_start=False,
            ensemble=1,
            scoring_batch_size=16,
            committee=Committee(kind="last_layer", passes=3, dropout=0.25),
        )
        images = replace(
            heads,
            bank=InputBank(IMAGES, made.preprocessing, CPU),
            network=partial(FineTunedNetwork, encoder=made, unfrozen=1, head=heads.classifier),
            recipe=recipe(**changes),
        )
        return FineTuningLearner(heads=heads, images=images, held_out=held_out, seed=1)

    return make


@pytest.fixture(autouse=True)
def one_encoder(monkeypatch):
    """Give every network the same random weights: the tests' encoder draws new ones each time."""
    load = encoder().load
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = load()
    monkeypatch.setattr("tests.unit.learner.test_encoder_network.Loads.__call__", lambda self: network)


@pytest.fixture
def labelled(make_labelled):
    return make_labelled(range(40), LABELS[:40].tolist(), range(40, N))


POOL = torch.arange(40, N)


@pytest.mark.parametrize("mirrored", [False, True])
def test_before_a_step_the_network_predicts_as_the_head(make_learner, labelled, mirrored):
    learner = make_learner(mirrored=mirrored)
    learner.fit(labelled, 1)
    network = learner.images._new_network().eval()
    with torch.inference_mode():
        logits = network(learner.images.bank.take(POOL) / 255)
    expected = learner.score(POOL, NEEDS).log_probs_PC
    # The stored vectors are rounded to float16.
    torch.testing.assert_close(logits.log_softmax(1), expected, atol=0.02, rtol=0)


def test_the_last_fit_trains_the_last_block_and_the_head_and_then_scores(make_learner, labelled):
    learner = make_learner()
    learner.fit(labelled, 1)
    before = learner.score(POOL, NEEDS).log_probs_PC
    start = copy.deepcopy(learner.images._new_network().state_dict())
    report = learner.fit(labelled, 2, final=True)
    assert (report.samples, report.steps) == (40, 2)
    network = learner.images._networks[-1]
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, start[name])}
    assert changed == {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert changed >= {"encoder.1.1.0.weight", "head.1.weight"}
    assert not any(name.startswith(("encoder.0", "encoder.1.0", "head.0")) for name in changed)
    after = learner.score(POOL, NEEDS).log_probs_PC
    assert torch.equal(after, learner.images.score(POOL, NEEDS).log_probs_PC)
    assert not torch.allclose(after, before, atol=1e-3)


def test_more_steps_fit_the_labels_better(make_learner, labelled):
    def loss(steps):
        learner = make_learner(steps=steps)
        learner.fit(labelled, 1)
        learner.fit(labelled, 2, final=True)
        log_probs_PC = learner.score(labelled.index_L, NEEDS).log_probs_PC
        return float(torch.nn.functional.nll_loss(log_probs_PC, labelled.label_L))

    assert loss(40) < 0.8 * loss(1)


def test_labels_held_out_are_not_learned_and_set_the_temperature(make_learner, labelled, monkeypatch):
    labelled = replace(labelled, hand_L=torch.arange(40) >= 5)
    learner = make_learner(held_out=0.3)
    learner.fit(labelled, 1)
    seen = []
    fit = learner.images.fit
    monkeypatch.setattr(learner.images, "fit", lambda *given: seen.append(given[0]) or fit(*given))
    report = learner.fit(labelled, 2, final=True)
    learned = set(seen[0].index_L[seen[0].hand_L].tolist())
    out = torch.tensor(sorted(set(range(5, 40)) - learned))
    assert (len(out), report.samples) == (10, 25)
    assert torch.equal(seen[0].label_L, LABELS[seen[0].index_L])
    log_probs_VC = learner.score(out, NEEDS).log_probs_PC
    assert temperature(log_probs_VC.double(), LABELS[out], most=10.0) == pytest.approx(1, abs=1e-3)


def test_too_few_labels_are_not_held_out(make_learner, labelled):
    learner = make_learner(held_out=0.2)  # 8 of 40
    learner.fit(labelled, 1)
    assert learner.fit(labelled, 2, final=True).samples == 40


@pytest.mark.parametrize("final", [False, True])
def test_a_restored_learner_goes_on_as_the_saved_one(make_learner, labelled, final):
    saved, restored = make_learner(held_out=0.3), make_learner(held_out=0.3)
    saved.fit(labelled, 1)
    if final:
        saved.fit(labelled, 2, final=True)
    restored.load_state_dict(copy.deepcopy(saved.state_dict()))
    for learner in (saved, restored) if not final else (restored,):
        learner.fit(labelled, 2, final=True)
    one, other = (learner.score(POOL, NEEDS).log_probs_PC for learner in (saved, restored))
    assert torch.equal(one, other)


def test_a_test_set_is_predicted_by_the_network_that_scores(make_learner, labelled):
    learner = make_learner()
    learner.heads.test_bank, learner.images.test_bank = learner.heads.bank, learner.images.bank
    everything = torch.arange(N)
    learner.fit(labelled, 1)
    assert torch.equal(learner.predict_test(), learner.heads.score(everything, NEEDS).predicted_P)
    learner.fit(labelled, 2, final=True)
    assert torch.equal(learner.predict_test(), learner.images.score(everything, NEEDS).predicted_P)


def test_an_encoder_without_weights_or_with_fewer_blocks_cannot_be_trained():
    with pytest.raises(ValueError, match="it has 2 blocks, of which 3 cannot be unfrozen"):
        check_trainable(encoder(), 3)
    with pytest.raises(ValueError, match="no weights that torch can train"):
        check_trainable(encoder(torch.nn.Flatten), None)
