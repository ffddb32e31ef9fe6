import numpy as np
import pytest

from alframe.audit.second_answers import second_answers


def test_no_answers_say_nothing() -> None:
    assert second_answers(0, 0).error_rate is None
    assert second_answers(0, 0).error_high == 0.5


def test_the_rate_solves_the_least_favourable_case() -> None:
    found = second_answers(1000, 180)
    assert found.error_rate == pytest.approx(0.1)


@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_the_bound_holds_for_people_who_err_alike(rate: float) -> None:
    """Both name the same wrong class when they err: the case in which errors hide best."""
    rng = np.random.default_rng(0)
    misses = 0
    for _ in range(2000):
        differ = int((rng.random(200) < rate).__xor__(rng.random(200) < rate).sum())
        misses += second_answers(200, differ, confidence=0.9).error_high < rate
    assert misses / 2000 <= 0.1 + 3 * (0.1 * 0.9 / 2000) ** 0.5
