"""A trial's files read back: hand-worked figures, and errors that name the damaged file."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alframe.core.errors import UserError
from alframe.core.ledger import Source
from alframe.report.load.one_trial import (
    HAND_SOURCES,
    diagnosis_of,
    hand_labels_by_source,
    mislabelled_of,
)
from alframe.report.load.trial_records import round_name
from alframe.report.load.trials import FinishedTrial
from alframe.report.plots.draw_rounds import SOURCE_COLOURS
from tests.support.made_trial import DIAGNOSIS, leave_mislabelled, leave_trial, read


@pytest.fixture
def trial(tmp_path: Path) -> FinishedTrial:
    return read(leave_trial(tmp_path / "trial"))


def test_every_source_that_is_a_hand_is_read_and_has_a_colour() -> None:
    hands = [
        source.name.lower() for source in Source if source not in (Source.NONE, Source.AUTO, Source.GIVEN)
    ]
    assert sorted(HAND_SOURCES) == sorted(hands)
    assert set(SOURCE_COLOURS) == set(HAND_SOURCES)


def test_rounds(trial: FinishedTrial) -> None:
    rounds = trial.rounds
    assert [round_name(each) for each in rounds] == ["seed", "1", "2", "end"]
    assert [(each.hand_labels, each.auto_labels, each.unlabelled) for each in rounds] == [
        (4, 0, 16),
        (6, 8, 6),
        (8, 10, 2),
        (10, 10, 0),
    ]
    assert [each.auto_label_error for each in rounds] == [None, 0.25, 0.1, 0.1]
    assert [each.test_accuracy for each in rounds] == [None, 0.8, 0.9, None]
    assert rounds[0].mislabelled == 0  # not None: that no label is wrong is known


def test_hand_labels_by_source(trial: FinishedTrial) -> None:
    expected = {"seed": {0: 4}, "query": {1: 2}, "validation": {2: 2}, "remainder": {3: 2}}
    found = hand_labels_by_source(trial)
    assert found == expected
    assert list(found or ()) == list(expected)


def test_diagnosis(trial: FinishedTrial) -> None:
    found = diagnosis_of(trial)
    assert found is not None
    assert found.confusion_CC is not None
    assert found.confusion_CC.tolist() == DIAGNOSIS["confusion"]
    assert found.bins is not None
    edges = [(round(each.low, 9), round(each.high, 9)) for each in found.bins]
    assert edges == [(0.75, 0.9), (0.99, 1.0)]
    assert [round(each.stated_error, 9) for each in found.bins] == [0.2, 0.004]


def test_mislabelled(trial: FinishedTrial) -> None:
    found = mislabelled_of(trial)
    assert found is not None
    assert (found.index_M.tolist(), found.label_M.tolist(), found.truth_M.tolist()) == ([17], [0], [1])
    assert np.isnan(found.confidence_M[0])
    assert found.images_M.shape == (1, 1, 8, 8)


def test_a_missing_file_is_none(trial: FinishedTrial) -> None:
    for name in ("labels.csv", "diagnosis.json", "mislabelled.npz"):
        (trial.directory / name).unlink()
    assert hand_labels_by_source(trial) is diagnosis_of(trial) is mislabelled_of(trial) is None


def test_without_known_truth_only_the_names_are_known(trial: FinishedTrial) -> None:
    held = DIAGNOSIS | {"confusion": None, "reliability": None}
    (trial.directory / "diagnosis.json").write_text(json.dumps(held))
    found = diagnosis_of(trial)
    assert found is not None
    assert found.confusion_CC is found.bins is None


def changed(**parts: object) -> str:
    return json.dumps(DIAGNOSIS | parts)


BIN = {"low": None, "high": None, "n": 1, "wrong": 0, "confidence": 0.9}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "\x00",
        changed(class_names=["one"]),
        changed(class_names=None),
        changed(confusion=[[1]]),
        changed(confusion=[[1, 2, 3], [4], [5]]),
        changed(confusion=[[-1, 0, 0]] * 3),
        changed(confusion=[["a", 0, 0]] * 3),
        changed(confusion=[[10**30, 0, 0]] * 3),
        changed(reliability=[BIN | {"n": 0}]),
        changed(reliability=[BIN | {"wrong": 2}]),
        changed(reliability=[BIN | {"confidence": None}]),
        changed(reliability=[{}]),
        changed(reliability=3),
    ],
)
def test_a_damaged_diagnosis_is_named(trial: FinishedTrial, text: str) -> None:
    file = trial.directory / "diagnosis.json"
    file.write_text(text)
    with pytest.raises(UserError, match=r"trial/diagnosis\.json: expected"):
        diagnosis_of(trial)


def test_a_diagnosis_that_is_no_text_is_named(trial: FinishedTrial) -> None:
    (trial.directory / "diagnosis.json").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(UserError, match=r"diagnosis\.json"):
        diagnosis_of(trial)


@pytest.mark.parametrize("text", ["", "index,label\n1,2\n", "source,round\nseed\n", "source,round\nseed,x\n"])
def test_damaged_labels_are_named(trial: FinishedTrial, text: str) -> None:
    (trial.directory / "labels.csv").write_text(text)
    with pytest.raises(UserError, match=r"trial/labels\.csv: expected"):
        hand_labels_by_source(trial)


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def empty(_: bytes) -> bytes:
    return b""


def other(_: bytes) -> bytes:
    return b"no zip file"


@pytest.mark.parametrize("damage", [cut, empty, other])
def test_damaged_images_are_named(trial: FinishedTrial, damage: Callable[[bytes], bytes]) -> None:
    file = trial.directory / "mislabelled.npz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(UserError, match=r"trial/mislabelled\.npz: expected"):
        mislabelled_of(trial)


def test_a_flipped_bit_is_found_or_harmless(trial: FinishedTrial) -> None:
    file = trial.directory / "mislabelled.npz"
    whole = file.read_bytes()
    refused = 0
    for place in range(0, len(whole), 7):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            mislabelled_of(trial)
        except UserError as error:
            assert "mislabelled.npz" in str(error)  # noqa: PT017
            refused += 1
    assert refused > len(whole) // 7 // 2


@pytest.mark.parametrize(
    "parts",
    [
        {"index": np.arange(2)},
        {"label": np.array([3])},
        {"truth": np.array([-1])},
        {"images": np.zeros((1, 8, 8))},
    ],
)
def test_images_that_do_not_fit_their_labels_are_refused(
    trial: FinishedTrial, parts: dict[str, np.ndarray]
) -> None:
    file = trial.directory / "mislabelled.npz"
    with np.load(file) as held:
        arrays = dict(held) | parts
    np.savez(file, **arrays)
    with pytest.raises(UserError, match=r"mislabelled\.npz: expected"):
        mislabelled_of(trial)


def test_an_array_that_is_missing_is_named(trial: FinishedTrial) -> None:
    leave_mislabelled(trial.directory, 2)
    file = trial.directory / "mislabelled.npz"
    with np.load(file) as held:
        arrays = dict(held)
    del arrays["truth"]
    np.savez(file, **arrays)
    with pytest.raises(UserError, match="truth"):
        mislabelled_of(trial)
