import pytest

from alframe.core.answer_times import AnswerTimes, Pace

PACE = Pace(single_seconds=0.6, image_seconds=2 / 60, correction_seconds=0.5, overlooked=0.1, mistyped=0.002)


def test_errors_removed_per_second_by_hand() -> None:
    # alone: 0.3 * 0.998 / 0.6; in a grid: 0.3 * 0.9 * 0.998 / (0.0333 + 0.15)
    assert PACE.removed_alone(0.3) == pytest.approx(0.499)
    assert PACE.removed_in_grid(0.3) == pytest.approx(1.46978, abs=1e-5)


@pytest.mark.parametrize("wrong", [0.0, 0.01, 0.5, 1.0])
def test_a_grid_pays_at_the_usual_pace(wrong: float) -> None:
    assert PACE.prefers_grid(wrong)


def test_a_grid_does_not_pay_where_nearly_all_is_corrected_slowly() -> None:
    # 0.9 / (0.1 + 0.5 w) >= 1 / 0.6 as long as w <= 0.88
    slow = Pace(single_seconds=0.6, image_seconds=0.1, correction_seconds=0.5, overlooked=0.1, mistyped=0.0)
    assert slow.prefers_grid(0.87)
    assert not slow.prefers_grid(0.89)


def test_seconds_saved() -> None:
    times = AnswerTimes(n_single=10, single_seconds=6.0, n_grid=60, n_grids=1, grid_seconds=4.0)
    assert times.seconds == 10.0
    assert times.saved_seconds == pytest.approx(60 * 0.6 - 4.0)
    assert (
        AnswerTimes(n_single=0, single_seconds=0.0, n_grid=5, n_grids=1, grid_seconds=1.0).saved_seconds
        is None
    )
