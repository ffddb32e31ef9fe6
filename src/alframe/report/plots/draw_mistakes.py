"""Pictures of wrong labels: confused classes, results by class, mislabelled samples."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alframe._text import count, percent
from alframe.report.document import Picture
from alframe.report.formatting import confidence_text, shortened
from alframe.report.load.trial_records import DiagnosisFile, Mislabelled
from alframe.report.plots.axes import in_percent
from alframe.report.plots.style import BLACK, GREY, HAND, PALE, VERMILLION, WIDTH, figure, in_style, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar

MOST_WRITTEN = 12  # classes whose counts fit into their cells
MOST_NAMED = 20  # classes whose names fit along an axis
MOST_COMPARED = 20  # classes with a bar of their own
COLUMNS, ROWS = 4, 6  # tiles of a gallery picture; captions of more would be too small on a phone
TILE, CAPTION, LINE = 1.02, 0.75, 0.165  # inches
LARGEST = 96  # pixels of a tile's longer side, about the resolution on a phone


@in_style()
def draw_confusion(diagnosis: DiagnosisFile) -> Picture:
    """Return the confusion matrix of the auto-labels, with colour off its diagonal; it must be known."""
    assert diagnosis.confusion_CC is not None
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    confusion_CC, names = diagnosis.confusion_CC, diagnosis.class_names
    drawn = figure(height=WIDTH if len(names) <= MOST_WRITTEN else WIDTH + 0.8)
    axes = drawn.subplots()
    wrong_CC = confusion_CC.astype(float)
    np.fill_diagonal(wrong_CC, 0)
    shades = LinearSegmentedColormap.from_list("wrong", ["#FBE3D6", VERMILLION, "#5A1D06"])
    most = max(2.0, float(wrong_CC.max()))
    shown = axes.imshow(np.ma.masked_equal(wrong_CC, 0), cmap=shades, norm=LogNorm(1, most))
    _grey_diagonal(axes, len(names))
    if len(names) <= MOST_WRITTEN:
        _write_counts(axes, confusion_CC, most)
    else:
        _scale(drawn.colorbar(shown, ax=axes, location="bottom", shrink=0.8, aspect=40), most)
    _class_axes(axes, names)
    axes.grid(visible=False)
    axes.set_xlabel("label given")
    axes.set_ylabel("true class")
    wrong, total = int(wrong_CC.sum()), int(confusion_CC.sum())
    return picture(
        drawn,
        name="confusion",
        title="Confusion matrix of the auto-labels",
        description=(
            f"Confusion matrix of {count(total)} auto-labels of {len(names)} classes; {count(wrong)} are "
            "wrong (off the diagonal)."
        ),
        note="Rows: true class. Columns: label given. Grey: right. Red: wrong, darker for more (log scale).",
    )


def _scale(bar: "Colorbar", most: float) -> None:
    ticks = [tick for k in range(9) for tick in (10**k, 3 * 10**k) if tick < 0.7 * most] + [round(most)]
    bar.set_ticks(ticks, labels=[count(tick) for tick in ticks])
    bar.minorticks_off()
    bar.set_label("wrong auto-labels")


def _grey_diagonal(axes: "Axes", n: int) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    cells = [Rectangle((k - 0.5, k - 0.5), 1, 1) for k in range(n)]
    axes.add_collection(PatchCollection(cells, facecolor=PALE, linewidth=0))


def _write_counts(axes: "Axes", confusion_CC: NDArray[np.int64], most: float) -> None:
    for (row, column), n in np.ndenumerate(confusion_CC):
        if n:
            dark = row != column and np.log(n) > 0.4 * np.log(most)
            axes.text(
                column, row, _in_cell(int(n)), ha="center", va="center", fontsize=8,
                color="white" if dark else BLACK,
            )  # fmt: skip


def _in_cell(n: int) -> str:
    """Return a count of at most five letters.

    >>> [_in_cell(n) for n in (999, 5923, 12672, 99950, 123456)]
    ['999', '5,923', '12.7k', '100k', '123k']
    """
    if n < 10_000:
        return f"{n:,}"
    if n < 99_950:
        return f"{n / 1000:.1f}k"
    return f"{n / 1000:.0f}k" if n < 10_000_000 else f"{n / 1e6:.0f}M"


def _class_axes(axes: "Axes", names: Sequence[str]) -> None:
    if len(names) > MOST_NAMED:
        axes.set_ylabel("true class, by number")
        return
    size = 8.5 if len(names) <= MOST_WRITTEN else 7.5
    labels = [shortened(name, 12) for name in names]
    upright = max(map(len, labels)) <= 2
    positions = range(len(names))
    plain: dict[str, Any] = {"fontsize": size, "parse_math": False}
    axes.set_xticks(positions, labels, rotation=0 if upright else 90, **plain)
    axes.set_yticks(positions, labels, **plain)


@in_style()
def draw_classes(per_class: Sequence[Mapping[str, Any]]) -> Picture:
    """Return each class's share of hand labels beside its mislabelled share.

    Args:
        per_class: as in summary.json; at least one class has a sample.
    """
    shown = [each for each in per_class if each["n_samples"]]
    shown.sort(key=lambda each: -each["mislabelled_share"])
    left_out, shown = len(shown[MOST_COMPARED:]), shown[:MOST_COMPARED]
    drawn = figure(height=1.0 + 0.24 * len(shown))
    hands, wrongs = drawn.subplots(1, 2, sharey=True)
    y = range(len(shown))
    hands.barh(y, [each["hand_labels"] / each["n_samples"] for each in shown], color=HAND)
    wrongs.barh(y, [each["mislabelled_share"] for each in shown], color=VERMILLION)
    hands.set_yticks(y, [shortened(each["class"], 16) for each in shown], parse_math=False)
    hands.invert_yaxis()
    for axes, title in ((hands, "labelled by hand"), (wrongs, "mislabelled")):
        _percent_axis(axes)
        axes.set_title(title)
        axes.grid(visible=False, axis="y")
    worst = shown[0]
    return picture(
        drawn,
        name="classes",
        title="Results by class",
        description=(
            f"Share of hand labels and mislabelled share of each class, sorted by mislabelled share: "
            f"{worst['class']} with {percent(worst['mislabelled_share'])}."
        ),
        note="Shares of the samples of each true class."
        + (f" {left_out} classes with a smaller mislabelled share are left out." if left_out else ""),
    )


def _percent_axis(axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(0, max(1e-6, axes.get_xlim()[1]))
    axes.xaxis.set_major_locator(MaxNLocator(3))
    in_percent(axes.xaxis)


def draw_gallery(mislabelled: Mislabelled, class_names: Sequence[str]) -> list[Picture]:
    """Return pictures of up to 24 mislabelled samples, with index, label given, true class and confidence."""
    n = len(mislabelled.index_M)
    pages = [range(first, min(n, first + COLUMNS * ROWS)) for first in range(0, n, COLUMNS * ROWS)]
    return [_gallery_page(mislabelled, class_names, number, page) for number, page in enumerate(pages, 1)]


@in_style()
def _gallery_page(mislabelled: Mislabelled, class_names: Sequence[str], number: int, page: range) -> Picture:
    rows = -(-len(page) // COLUMNS)
    drawn = figure(height=rows * (TILE + CAPTION))
    drawn.set_layout_engine("none")
    axes = drawn.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(rows * (TILE + CAPTION), 0)
    for position, sample in enumerate(page):
        row, column = divmod(position, COLUMNS)
        _draw_tile(axes, mislabelled, sample, class_names, column * WIDTH / COLUMNS, row * (TILE + CAPTION))
    first, last = page[0] + 1, page[-1] + 1
    return picture(
        drawn,
        name=f"mislabelled_{number}",
        title=f"Mislabelled samples {first} to {last}" if last > first else f"Mislabelled sample {first}",
        description="; ".join(_in_words(mislabelled, sample, class_names) for sample in page) + ".",
        note="Index of the sample (#), ✗ label given, ✓ true class, confidence of the label.",
    )


def _in_words(mislabelled: Mislabelled, sample: int, names: Sequence[str]) -> str:
    given, truth = names[mislabelled.label_M[sample]], names[mislabelled.truth_M[sample]]
    confidence = confidence_text(float(mislabelled.confidence_M[sample]))
    return f"sample {mislabelled.index_M[sample]}: {given} given, {truth} true, {confidence}"


def _draw_tile(
    axes: "Axes", mislabelled: Mislabelled, sample: int, names: Sequence[str], left: float, top: float
) -> None:
    image = as_rgb(mislabelled.images_M[sample])
    height, width = image.shape[:2]
    scale = TILE / max(height, width)
    middle, bottom = left + WIDTH / COLUMNS / 2, top + TILE + 0.03
    half = width * scale / 2
    axes.imshow(
        image,
        extent=(middle - half, middle + half, bottom, bottom - height * scale),
        interpolation="none",
        aspect="auto",
    )
    for line, (text, colour) in enumerate(_caption(mislabelled, sample, names)):
        axes.text(
            middle, bottom + 0.03 + LINE * line, text, fontsize=10, color=colour, ha="center", va="top",
            parse_math=False,
        )  # fmt: skip


def _caption(mislabelled: Mislabelled, sample: int, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield f"#{mislabelled.index_M[sample]}", GREY
    yield f"✗ {shortened(names[mislabelled.label_M[sample]], 11)}", VERMILLION
    yield f"✓ {shortened(names[mislabelled.truth_M[sample]], 11)}", BLACK
    yield confidence_text(float(mislabelled.confidence_M[sample])), GREY


def as_rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image as (height, width, 3) uint8, scaled down to `LARGEST` pixels.

    Args:
        image: (channels, height, width) uint8. With one or two channels, the first is shown in grey; with
            three or more, the first three as colour.
    """
    from PIL import Image

    channels = image[:3] if len(image) >= 3 else image[:1].repeat(3, axis=0)
    whole = Image.fromarray(np.ascontiguousarray(channels.transpose(1, 2, 0)))
    whole.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
    return np.asarray(whole)
