"""How pictures look: a colour, marker and line for each name, the same in every report.

Pictures are drawn as wide as a phone (`WIDTH`), where a point of text is about a pixel; wider pages set two
side by side. Who lacks a kind of cone can tell the colours apart, who prints in grey the markers and lines
(both tested).
"""

import io
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alframe.core.errors import UserError
from alframe.report.document import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 4.8  # inches; 346 points on a phone's 390 pixels
# Okabe and Ito's palette (Color universal design, 2008) without its yellow, darkened until each has a
# contrast of 3 against white.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE = COLOURS = (
    "#1A1A1A",
    "#CB8400",
    "#3A9AD4",
    "#00845F",
    "#0A4F8F",
    "#C2410C",
    "#B55A8E",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
DASHES = ("-", "--", "-.", ":")
GREY, FAINT, PALE = "#6B6B6B", "#BDBDBD", "#D9D9D9"
HAND, AUTO = BLUE, ORANGE  # labels by hand, by prediction
# A name's place here decides its look, so new names go to the end. The first seven, the most often compared,
# differ in colour; names of the same rule or family share one.
KNOWN = (
    *("random", "margin", "entropy", "least_confidence", "bald", "badge", "coreset"),
    *("none", "power_margin", "power_entropy", "power_least_confidence", "power_bald", "cluster_margin"),
    *("kcentergreedy", "typiclust", "breaking_ties", "vote_entropy", "variation_ratio", "batchbald"),
    *("probcover", "threshold", "top_k", "per_class", "validated", "calibrated", "colander", "consensus"),
    *("variationratios", "threshold_rejudge", "threshold_permanent", "validated_sigma"),
    *("validated_clopper_pearson", "no_query"),
)
N_LOOKS = 280  # after as many all come again: lcm(7, N_SHAPES)
N_SHAPES = 40  # of marker and line

STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],  # ships with matplotlib; others where it is shown
    "font.size": 9.5,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.fontsize": 9.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "image.composite_image": False,
    "axes.unicode_minus": True,
}
# Text stays text: it can be found, read aloud and shown in scripts that DejaVu lacks.
SAVING: Any = {"svg.fonttype": "none", "svg.hashsalt": "alframe"}
PNG_DPI = 200


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a name is drawn: its colour ("#rrggbb"), marker and line style as matplotlib names them."""

    colour: str
    marker: str
    dash: str


def looks(names: Sequence[str]) -> dict[str, Look]:
    """Return the look of each name.

    What ships with alframe has its own (`KNOWN`), the same in every report. Any other name starts from one
    that its letters give, and moves on only where another name of this report has it. All differ for up to
    280 names, for up to 40 in marker or line already.

    >>> looks(["margin"]) == {"margin": looks(["random", "margin", "mine"])["margin"]}
    True
    """
    places = {name: KNOWN.index(name) for name in names if name in KNOWN}
    for name in sorted(set(names) - places.keys()):
        places[name] = _free_place(zlib.crc32(name.encode()) % N_LOOKS, set(places.values()))
    return {name: _look(places[name]) for name in names}


def _free_place(wanted: int, taken: set[int]) -> int:
    """Return the first place from `wanted` on whose marker and line are free, else one that is free."""
    order = [(wanted + k) % N_LOOKS for k in range(N_LOOKS)]
    shapes = {place % N_SHAPES for place in taken}
    of_own_shape = (place for place in order if place % N_SHAPES not in shapes)
    free = (place for place in order if place not in taken)
    return next(of_own_shape, next(free, wanted))


def _look(place: int) -> Look:
    shape = place % N_SHAPES
    return Look(
        colour=COLOURS[place % len(COLOURS)],
        marker=MARKERS[shape % len(MARKERS)],
        dash=DASHES[(shape + shape // 20) % len(DASHES)],  # neighbours differ, and no pair comes twice in 40
    )


@contextmanager
def in_style() -> Iterator[None]:
    """Draw in the report's style, whatever the user's matplotlibrc says; as a decorator or in a `with`.

    Raises:
        UserError: there is no matplotlib.
    """
    _need_matplotlib()
    from matplotlib import style

    with style.context(["default", STYLE]):
        yield


def figure(width: float = WIDTH, height: float = 3.2) -> "Figure":
    """Return an empty figure of a size in inches, which lays out what is put into it.

    It belongs to no window and no pyplot. Text of 9 points can be read on a phone at `WIDTH`.

    Raises:
        UserError: there is no matplotlib.
    """
    _need_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(drawn)
    return drawn


def picture(figure: "Figure", *, name: str, title: str, description: str, note: str = "") -> Picture:
    """Return a figure as a picture, the same bytes for the same figure."""
    import matplotlib

    svg, png = io.BytesIO(), io.BytesIO()
    with matplotlib.rc_context(SAVING), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)  # an empty box in the PNG alone
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return Picture(
        name=name,
        title=title,
        svg=svg.getvalue().decode(),
        png=png.getvalue(),
        description=description,
        note=note,
    )


def _need_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UserError(
            "Pictures: expected matplotlib, which is not installed. Run pip install 'alframe[report]'."
        ) from None
