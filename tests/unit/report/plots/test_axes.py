"""Names of groups fit into a picture: long ones are broken into lines."""

import pytest

from alframe.report.plots.axes import BESIDE, LINE, ROW, broken, legend_below, legend_height
from alframe.report.plots.style import WIDTH, figure, in_style

SWEEP = [
    f"threshold {threshold}, initial.share {initial}, query.share {asked}"
    for threshold in (0.99, 0.999999)
    for initial in (0.01, 0.05)
    for asked in (0.005, 0.01)
]


@pytest.mark.parametrize(
    ("name", "letters", "expected"),
    [
        ("margin", 6, "margin"),
        ("margin, seed 1", 14, "margin, seed 1"),
        ("margin, seed 1", 13, "margin,\nseed 1"),
        ("a key of many words, b", 5, "a key of many words,\nb"),
        ("", 5, ""),
    ],
)
def test_names_are_broken_after_commas_only(name: str, letters: int, expected: str) -> None:
    assert broken(name, letters) == expected


def test_a_legend_of_short_names_has_two_columns() -> None:
    assert legend_height(["x" * BESIDE] * 5) == pytest.approx(3 * ROW)
    assert legend_height(["x" * (BESIDE + 1)] * 5) == pytest.approx(5 * ROW)
    assert legend_height(["x" * LINE, f"{'x' * LINE}, {'y' * LINE}"]) == pytest.approx(3 * ROW)


@pytest.mark.parametrize("names", [SWEEP, [f"{name}, learner.steps 400" for name in SWEEP], ["margin"]])
def test_a_legend_below_lies_within_the_picture(names: list[str]) -> None:
    with in_style():
        canvas = figure(WIDTH, 3.2 + legend_height(names))
        axes = canvas.subplots()
        for at, name in enumerate(names):
            axes.plot([0, at], label=name)
        legend = legend_below(canvas)
        canvas.draw_without_rendering()
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= canvas.bbox.width
    assert box.y1 <= canvas.bbox.height
    assert axes.get_window_extent().height > 0.5 * canvas.dpi
