"""Pools that are smaller than a seed set, by `label` with all defaults."""

import numpy as np
import pytest

from alframe import label
from alframe.core.errors import TrialNotice


@pytest.mark.parametrize("n", [2, 20, 60])
def test_a_pool_up_to_the_default_seed_set_is_labelled_by_hand(n: int) -> None:
    images, truth = np.random.default_rng(0).integers(0, 255, (n, 8, 8), np.uint8), np.arange(n) % 2
    with pytest.warns(TrialNotice, match=f"the seed set takes all {n} samples"):
        result = label(images, truth, settings={"suspects": 5})
    assert (result.labels == truth).all()
    assert result.is_hand.all()
    assert (result.summary["rounds"], result.summary["test_accuracy"]) == (0, None)
    assert result.summary["stopped_because"] == "every sample was labelled by hand"


def test_a_person_who_gives_one_class_to_all_of_a_small_pool_is_done() -> None:
    images = np.zeros((20, 8, 8), np.uint8)
    with pytest.warns(TrialNotice):
        result = label(images, oracle=lambda index_Q: index_Q * 0, class_names=["a", "b"])
    assert result.labels.tolist() == [0] * 20
