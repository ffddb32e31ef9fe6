"""Random sequences of what people do; `make people` runs 300 of them."""

import pytest

from tests.support.human_acts import sequence


@pytest.mark.parametrize("seed", [0, 4])
def test_every_answer_stays_on_its_image_and_none_is_lost(seed):
    assert sequence(seed).finished
