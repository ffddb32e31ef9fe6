"""The jobs of `make peers` in the settings of two publications, and those who do them."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alframe.config.compose import composed
from alframe.config.overrides import value_text
from peers import child, plan, vectors, with_torch_colander, with_torch_head
from peers.centres import nearest_to_centres
from peers.data import data_of, vector_folder
from peers.job import Data, Job, Labels

N_CLASSES = 10
Scores = with_torch_colander.Scores


def job(name: str, **changes: Any) -> Job:
    (found,) = plan.jobs([name], [3], ["lenet5", "head"], ["float32"])
    return Job(**{**vars(found), **changes})


@pytest.mark.parametrize("name", ["Colander, 6,000", "Colander, 60,000"])
def test_colander_has_1000_labels(name: str) -> None:
    for found in plan.jobs([name], [3], plan.ALL_NETWORKS, plan.PRECISIONS):
        assert found.n_seed + found.n_query * found.n_questions == 500
        assert found.n_validation == 500


def test_colander_asks_for_20_a_round_as_published() -> None:
    full = job("Colander, 60,000")
    assert (full.n_seed, full.n_query, full.n_questions, full.epochs) == (200, 20, 15, 50)


def test_vectors_begin_with_a_label_a_class() -> None:
    full, short = job(f"{plan.DROPQUERY}, 10,000"), job(f"{plan.MARGIN}, 1,500")
    assert (full.n_seed, full.n_query, full.n_questions) == (10, 10, 19)
    assert (full.data, full.query, full.learning_rate) == ("cifar10", "dropquery", 1e-3)
    assert (short.data, short.query, short.learning_rate) == ("digits", "margin", 1e-2)


def test_shares_of_labels() -> None:
    """Of five images, two have hand labels, two auto-labels, of which one is wrong, and one has none."""
    labels = Labels(
        label_N=np.array([0, 1, 1, 0, -1]),
        hand_N=np.array([True, True, False, False, False]),
        test_accuracies=[],
        n_rounds=1,
    )
    truth_N = np.array([0, 1, 1, 1, 1])
    empty = np.zeros((5, 1, 1), np.uint8)
    data = Data(images_N=empty, truth_N=truth_N, test_images_T=empty, test_truth_T=truth_N)
    assert child.shares(labels, data) == {
        "hand_share": 0.4,
        "mislabelled_share": 0.2,
        "coverage": 0.4,
        "auto_label_error": 0.5,
    }


def test_nearest_to_centres_takes_one_of_each_cluster() -> None:
    """Three directions; the middle one of each is nearest to the centre."""
    angles = np.array([0.0, 0.1, 0.2, 2.0, 2.1, 2.2, 4.0, 4.1, 4.2])
    x_ND = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert sorted(nearest_to_centres(5 * x_ND, 3, seed=0)) == [1, 4, 7]


def given(probs_P: list[float], predicted_P: list[int]) -> tuple[torch.nn.Sequential, Any]:
    """Return a function g with these probabilities of the predicted class, and the scores of the images."""
    n = len(probs_P)
    logit_P = torch.tensor(probs_P).logit() + np.log(N_CLASSES - 1)
    inputs_PX = torch.zeros(n, N_CLASSES)
    inputs_PX[torch.arange(n), torch.tensor(predicted_P)] = logit_P
    scores = Scores(inputs_PX=inputs_PX, predicted_P=torch.tensor(predicted_P), margin_P=torch.zeros(n))
    return torch.nn.Sequential(torch.nn.Identity()), scores


def test_a_cut_is_the_lowest_threshold_within_the_tolerance() -> None:
    """Class 0: the 21st of 21 is wrong, so that error and deviation are 0.048 + 0.053; 20 are right.

    Class 1 has only 10 samples, too few. The thresholds are the confidences of all classes.
    """
    probs_P = [0.99 - 0.01 * k for k in range(21)] + [0.9] * 10
    function, scores = given(probs_P, [0] * 21 + [1] * 10)
    wrong_J = torch.zeros(31, dtype=torch.bool)
    wrong_J[20] = True
    cut_C = with_torch_colander.cuts(function, scores, wrong_J, 0.05)
    assert float(cut_C[0]) == pytest.approx(0.80)
    assert cut_C[1:].isinf().all()
    accepted_P = with_torch_colander.accepted(function, cut_C, scores)
    assert accepted_P.tolist() == [True] * 20 + [False] * 11
    loose_C = with_torch_colander.cuts(function, scores, wrong_J, 0.11)
    assert float(loose_C[0]) == pytest.approx(0.79)


def test_the_objective_by_hand() -> None:
    """Scores of 0.5 each: -0.5 + 10 x 1 / 4."""
    found = with_torch_colander.objective(torch.zeros(4), torch.tensor([True, False, False, False]))
    assert float(found) == pytest.approx(2.0)


def bars(n: int, generator: np.random.Generator) -> tuple[Any, Any]:
    """Return images of ten classes, bright in two rows of their own."""
    truth_N = generator.integers(N_CLASSES, size=n)
    images_N = generator.integers(60, size=(n, 28, 28)).astype(np.uint8)
    for row in (4, 5):
        images_N[np.arange(n), 2 * truth_N + row] += 180
    return images_N, truth_N


def test_colander_in_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hand labels are those of the job, and it labels most of an easy data set without many errors."""
    monkeypatch.setattr(with_torch_colander, "EPOCHS", 1)
    generator = np.random.default_rng(0)
    (images_N, truth_N), (test_images_T, test_truth_T) = bars(600, generator), bars(50, generator)
    data = Data(images_N=images_N, truth_N=truth_N, test_images_T=test_images_T, test_truth_T=test_truth_T)
    few = {"n_seed": 100, "n_query": 10, "n_questions": 1, "n_validation": 300}
    short = job("Colander, 6,000", **few, epochs=8, learning_rate=0.05)
    found = with_torch_colander.label(data, short)
    assert found.hand_N[:400].all()
    assert found.hand_N.sum() in (400, 410)
    shares = child.shares(found, data)
    assert shares["coverage"] is not None
    assert shares["coverage"] > 0.2
    assert shares["auto_label_error"] is not None
    assert shares["auto_label_error"] <= short.tolerance


@pytest.mark.parametrize("query", ["margin", "dropquery"])
def test_a_head_in_torch(query: str, tmp_path: Path) -> None:
    """Ten clusters far apart are labelled without an error by one label each and ten more."""
    generator = np.random.default_rng(1)
    centre_CD = 6 * generator.standard_normal((N_CLASSES, 32))
    truth_N = np.arange(300) % N_CLASSES
    x_ND = (centre_CD[truth_N] + generator.standard_normal((300, 32))).astype(np.float32)
    files = (tmp_path / "vectors.npy", tmp_path / "test_vectors.npy")
    for file, part_ND in zip(files, (x_ND[:250], x_ND[250:]), strict=True):
        np.save(file, part_ND)
    empty = np.zeros((250, 1, 1), np.uint8)
    data = Data(
        images_N=empty,
        truth_N=truth_N[:250],
        test_images_T=empty[:50],
        test_truth_T=truth_N[250:],
        vectors=files[0],
        test_vectors=files[1],
    )
    found = with_torch_head.label(data, job(f"{plan.MARGIN}, 1,500", query=query, n_questions=1))
    assert found.hand_N.sum() == 20
    assert (found.label_N == data.truth_N).all()
    assert found.test_accuracies == [1.0, 1.0]


def test_digits_and_their_pixels_as_vectors(tmp_path: Path) -> None:
    short = job(f"{plan.DROPQUERY}, 1,500")
    vectors.main(short.data, str(short.n_images), str(vector_folder(short, tmp_path)))
    data = data_of(short, tmp_path)
    assert data.images_N.shape == (1500, 8, 8)
    assert data.vectors is not None
    assert data.test_vectors is not None
    np.testing.assert_array_equal(np.load(data.vectors), data.images_N.reshape(1500, 64))
    assert len(np.load(data.test_vectors)) == len(data.test_truth_T) == 297


@pytest.mark.parametrize(
    ("peer", "name", "network"),
    [
        ("alframe", "same training, 6,000", "fast"),
        ("alframe_default", "own training, 6,000", "fast"),
        ("alframe_published", "published protocol, 6,000", "published"),
        ("alframe_colander", "Colander, 60,000", "lenet5"),
        ("alframe_colander", "Colander, 60,000", "fast"),
        ("alframe_head", f"{plan.DROPQUERY}, 10,000", "head"),
        ("alframe_head", f"{plan.MARGIN}, 10,000", "head"),
    ],
)
def test_the_settings_of_alframe_are_in_its_config(
    peer: str, name: str, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is renamed would otherwise end a measurement after hours."""

    class Asked(Exception):
        pass

    def fake(*_: Any, settings: dict[str, Any], **given: Any) -> None:
        for key in ("test_images", "test_labels"):
            given.pop(key)
        typed = {**given, **settings}
        composed([f"{key}={value_text(value)}" for key, value in typed.items()])
        raise Asked

    contestant = importlib.import_module(f"peers.with_{peer}")
    monkeypatch.setattr(contestant, "label_images", fake)
    empty = np.zeros((1, 1, 1), np.uint8)
    data = Data(images_N=empty, truth_N=empty, test_images_T=empty, test_truth_T=empty)
    (found,) = plan.jobs([name], [0], [network], ["float32"])
    with pytest.raises(Asked):
        contestant.label(data, found)
