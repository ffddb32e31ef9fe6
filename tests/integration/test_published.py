"""The published script's protocol, one round walked by hand on real digits."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from alframe.config.compose import composed
from alframe.core.ledger import LabelLedger
from alframe.core.loop import label_dataset
from alframe.learner.recipes.supervised import split_last
from alframe.trial.assemble import assemble, load_data
from alframe.trial.settings import read_settings


def published(*overrides: str) -> dict[str, Any]:
    return composed(["experiment=published", "data=digits", *overrides])


@pytest.fixture(scope="module")
def walked():
    """A two-round trial, with what the learner was given and what it answered written down."""
    # 1,797 digits are few: 20 % to begin with, a threshold that something passes, short patience.
    config = published(
        "initial.share=0.2",
        "auto_label.threshold=0.6",
        "stopping.max_rounds=2",
        "learner.patience=4",
        "learner.scoring_batch_size=512",
        "device=cpu",
        "precision=float32",
        "engine=reference",
    )
    settings = read_settings(config)
    dataset = load_data(settings)
    member_N = torch.ones(len(dataset), dtype=torch.bool)
    trial = assemble(settings, dataset, member_N, progress=lambda *_: None)
    components = trial.components
    seen: list[tuple[str, Any]] = []
    fit, score = components.learner.fit, components.learner.score

    def spied_fit(labelled, round, **final):
        seen.append(("fit", labelled))
        return fit(labelled, round, **final)

    def spied_score(index_P, needs):
        scores = score(index_P, needs)
        seen.append(("score", scores))
        return scores

    components.learner.fit, components.learner.score = spied_fit, spied_score
    ledger = LabelLedger.empty(len(dataset))
    return dataset, list(label_dataset(components, trial.plan, ledger)), seen


def test_the_first_round_step_by_step(walked) -> None:
    dataset, results, seen = walked
    n = len(dataset)
    truth = dataset.truth_N.numpy()

    # 1. The first 20 % in file order are hand labelled.
    seed_set = np.arange(round(n * 0.2))
    np.testing.assert_array_equal(results[0].ledger.index_hand, seed_set)
    np.testing.assert_array_equal(results[0].ledger.label_N[seed_set], truth[seed_set])

    # 2. Trained on exactly these, in that order; the last fifth validates.
    assert seen[0][0] == "fit"
    np.testing.assert_array_equal(seen[0][1].index_L, seed_set)
    train, validation = split_last(len(seed_set), 0.2)
    assert (train.stop, validation.stop - validation.start) == (287, 72)

    # 3. The whole rest is scored.
    kind, scores = seen[1]
    assert kind == "score"
    np.testing.assert_array_equal(scores.index_P, np.arange(len(seed_set), n))

    # 5 before 4. Hand first: round(0.01 * N) of the whole data set, the least confident of the pool.
    n_asked = round(n * 0.01)
    odds = scores.log_odds_P.numpy()
    asked = scores.index_P.numpy()[np.argsort(odds, kind="stable")[:n_asked]]
    ledger = results[1].ledger
    round_1 = ledger.round_N.numpy() == 1
    source = ledger.source_N.numpy()
    np.testing.assert_array_equal(np.flatnonzero(round_1 & (source == 2)), np.sort(asked))
    np.testing.assert_array_equal(ledger.label_N[asked], truth[asked])

    # 4. Then auto-labels among the rest: probability above 0.6, in float64 from the log-odds.
    probability = 1 / (1 + np.exp(-odds.astype(np.float64)))
    sure = np.setdiff1d(scores.index_P.numpy()[probability > 0.6], asked)
    assert len(sure) > 0
    np.testing.assert_array_equal(np.flatnonzero(round_1 & (source == 6)), sure)
    predicted = dict(zip(scores.index_P.tolist(), scores.predicted_P.tolist(), strict=True))
    assert [predicted[index] for index in sure.tolist()] == ledger.label_N[sure].tolist()

    # Round 2 trains on everything, in the order in which it was added.
    second = seen[2][1]
    np.testing.assert_array_equal(second.index_L[: len(seed_set)], seed_set)
    assert set(second.index_L[len(seed_set) : len(seed_set) + n_asked].tolist()) == set(asked.tolist())
    assert set(second.index_L[len(seed_set) + n_asked :].tolist()) == set(sure.tolist())

    # 7. The remainder counts as auto-labelled, by the last classifier, without another fit.
    closing = results[-1]
    assert [kind for kind, _ in seen] == ["fit", "score", "fit", "score"]
    assert closing.report.counts.unlabelled == 0
    assert closing.report.hand_new == 0
    assert closing.report.auto_new == results[-2].report.counts.unlabelled
    last = dict(zip(seen[3][1].index_P.tolist(), seen[3][1].predicted_P.tolist(), strict=True))
    left = results[-2].ledger.index_unlabelled.tolist()
    assert [last[index] for index in left] == closing.ledger.label_N[left].tolist()


def test_new_weights_each_round_and_no_trust_in_saturated_probabilities(walked) -> None:
    _, results, seen = walked
    odds = seen[3][1].log_odds_P
    assert bool(torch.isfinite(odds).all())
    # Where float32 probabilities are exactly 1, the log-odds still differ.
    saturated = odds[torch.sigmoid(odds) == 1]
    assert len(saturated) == 0 or len(saturated.unique()) > 1
    assert results[1].report.fit.epochs is not None
    assert math.isfinite(results[1].report.fit.loss)
