"""The style of pictures: a colour, marker and line for each name, the same in every report.

Pictures are as wide as a phone (`WIDTH`), where a point of text is about a pixel; wider pages put two
side by side. Colours differ for people with colour blindness, markers and lines in grey print (both tested).
"""

import io
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alframe.core.optional_package import require
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
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p", "d")
DASHES = ("-", "--", "-.", ":")
GREY, FAINT, PALE = "#6B6B6B", "#BDBDBD", "#D9D9D9"
HAND, AUTO = BLUE, ORANGE
# A name's position decides its look, so new names go to the end. The first seven, which are compared most
# often, differ in colour.
KNOWN = (
    *("random", "margin", "entropy", "least_confidence", "bald", "badge", "coreset"),
    *("none", "power_margin", "power_entropy", "power_least_confidence", "power_bald", "cluster_margin"),
    *("kcentergreedy", "typiclust", "breaking_ties", "vote_entropy", "variation_ratio", "batchbald"),
    *("probcover", "threshold", "top_k", "per_class", "validated", "calibrated", "colander", "consensus"),
    *("variationratios", "threshold_rejudge", "threshold_permanent", "validated_sigma"),
    *("validated_clopper_pearson", "no_query", "probability_margin", "checked"),
    *("alfamix", "bait", "maxherding", "uherding", "dropquery", "tcm", "galaxy", "direct", "refine"),
    "conformal",
)
STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],  # the first ships with matplotlib
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
# Text stays text: it can be searched, read aloud and shown in scripts that DejaVu lacks.
SAVING: Any = {"svg.fonttype": "none", "svg.hashsalt": "alframe"}
PNG_DPI = 200


@dataclass(frozen=True, kw_only=True)
class Look:
    """The look of a name: colour ("#rrggbb"), marker and line style in matplotlib's notation."""

    colour: str
    marker: str
    dash: str


GREY_LOOK = Look(colour=GREY, marker=".", dash="-")


def looks(names: Sequence[str]) -> dict[str, Look]:
    """Return the look of each name; no two names share a marker, and names beyond the markers are grey.

    Names that ship with alframe (`KNOWN`) prefer the same look in every report; other names prefer a look
    that depends on their letters. If its marker is taken, a name gets a free one.

    >>> looks(["margin"]) == {"margin": looks(["random", "margin", "mine"])["margin"]}
    True
    """
    positions = {name: KNOWN.index(name) for name in names if name in KNOWN}
    chosen: dict[str, Look] = {}
    free = list(MARKERS)
    for name in [*sorted(positions, key=positions.__getitem__), *sorted(set(names) - positions.keys())]:
        wanted = _look(positions.get(name, zlib.crc32(name.encode())))
        if not free:
            chosen[name] = GREY_LOOK
            continue
        marker = wanted.marker if wanted.marker in free else free[0]
        free.remove(marker)
        colour = wanted.colour
        if name not in positions:
            used = {each.colour for each in chosen.values()}
            colour = next((each for each in (colour, *COLOURS) if each not in used), colour)
        chosen[name] = Look(colour=colour, marker=marker, dash=wanted.dash)
    return {name: chosen[name] for name in names}


def _look(position: int) -> Look:
    shape = position % 40  # 10 markers and 4 lines; no pair repeats within 40
    return Look(
        colour=COLOURS[position % len(COLOURS)],
        marker=MARKERS[shape % 10],
        dash=DASHES[(shape + shape // 20) % len(DASHES)],
    )


@contextmanager
def in_style() -> Iterator[None]:
    """Draw in the report's style, without the user's matplotlibrc; as a decorator or in a `with`.

    Raises:
        ConfigError: matplotlib is not installed or cannot be imported.
    """
    _require_matplotlib()
    from matplotlib import style

    with style.context(["default", STYLE]):
        yield


def figure(width: float = WIDTH, height: float = 3.2) -> "Figure":
    """Return an empty figure of a size in inches with automatic layout, without a window or pyplot.

    Text of 9 points is readable on a phone at `WIDTH`.

    Raises:
        ConfigError: matplotlib is not installed or cannot be imported.
    """
    _require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(drawn)
    return drawn


def picture(figure: "Figure", *, name: str, title: str, description: str, note: str = "") -> Picture:
    """Return a figure as a picture; equal figures give equal bytes."""
    import matplotlib

    svg, png = io.BytesIO(), io.BytesIO()
    with matplotlib.rc_context(SAVING), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)  # only the PNG then has an empty box
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


def _require_matplotlib() -> None:
    require("matplotlib", key="pictures", use="pictures", install="alframe[report]")
