"""Pictures of an audit: found wrong labels against answers, precision by rank, and the changes."""

from collections.abc import Sequence

import numpy as np

from alframe._text import count, percent
from alframe.report.audits.read_audits import ChangedImages, FinishedAudit
from alframe.report.document import Picture
from alframe.report.formatting import shortened
from alframe.report.plots.axes import in_percent
from alframe.report.plots.draw_mistakes import COLUMNS, ROWS, as_rgb
from alframe.report.plots.style import BLUE, GREEN, GREY, VERMILLION, WIDTH, figure, in_style, picture

WINDOW = 20  # suspects of a point of the precision
MOST_CLASSES = 25  # with more, the cells of the confusion would be too small


@in_style()
def draw_found(audit: FinishedAudit) -> Picture:
    """Return the wrong labels found against the answers, with the ideal line and the one of random questions.

    Without the truth, the random line uses the estimate; without an estimate there is none.
    """
    summary, found_at = audit.summary, audit.found_at
    answers, n = summary["answers"], summary["n_samples"]
    known, estimate = summary["simulated"], summary["estimate"]
    drawn = figure()
    axes = drawn.subplots()
    axes.step(
        [0, *found_at, answers],
        [0, *range(1, len(found_at) + 1), len(found_at)],
        where="post",
        color=BLUE,
        label="found",
    )
    most = known["wrong_before"] if known else None
    share = most / n if most is not None else estimate["wrong_share"] if estimate else None
    top = most if most is not None else len(found_at)
    axes.plot(
        [0, min(top, answers), answers],
        [0, min(top, answers), min(top, answers)],
        color=GREEN,
        linestyle="--",
        label="every answer finds one",
    )
    if share:
        axes.plot([0, answers], [0, share * answers], color=GREY, linestyle=":", label="random questions")
    axes.set_xlim(0, max(1, answers))
    axes.set_ylim(0, None)
    axes.set_xlabel("answers")
    axes.set_ylabel("wrong labels found")
    axes.legend(loc="lower right")
    return picture(
        drawn,
        name="found",
        title="Wrong labels found against answers",
        description=f"{count(answers)} answers found {count(len(found_at))} wrong labels.",
        note="Dashed: the best that is possible. Dotted: what random questions find on average.",
    )


@in_style()
def draw_precision(audit: FinishedAudit) -> Picture:
    """Return the share of wrong labels among suspects, in the order in which mending asked about them."""
    mended = [row for row in audit.rows if row["stage"] == "mend"]
    first = int(mended[0]["answers"]) - int(mended[0]["asked"]) if mended else 0
    last = int(mended[-1]["answers"]) if mended else 0
    wrong = np.zeros(max(0, last - first))
    for at in audit.found_at:
        if first < at <= last:
            wrong[at - first - 1] = 1
    window = min(WINDOW, max(1, len(wrong)))
    shares = np.convolve(wrong, np.ones(window) / window, mode="valid") if len(wrong) else np.zeros(1)
    drawn = figure()
    axes = drawn.subplots()
    axes.plot(np.arange(len(shares)) + window, shares, color=VERMILLION)
    axes.set_ylim(0, 1.02)
    in_percent(axes.yaxis)
    axes.set_xlabel("rank among the suspects asked")
    axes.set_ylabel("wrong")
    overall = float(wrong.mean()) if len(wrong) else 0.0
    return picture(
        drawn,
        name="precision",
        title="Precision by rank",
        description=f"Of {count(len(wrong))} suspects asked, {percent(overall)} had a wrong label.",
        note=f"Share of wrong labels among {window} suspects in a row.",
    )


@in_style()
def draw_confusion_of_changes(audit: FinishedAudit) -> Picture:
    """Return the number of changes from each given class to each mended one."""
    pairs = audit.confusion
    names = sorted({name for pair in pairs for name in pair}, key=audit.class_names.index)[:MOST_CLASSES]
    counts = np.array([[pairs.get((row, column), 0) for column in names] for row in names], dtype=float)
    drawn = figure(height=WIDTH)
    axes = drawn.subplots()
    axes.imshow(np.ma.masked_equal(counts, 0), cmap="Oranges", vmin=0)
    for (row, column), n in np.ndenumerate(counts):
        if n:
            dark = n > 0.6 * counts.max()
            axes.text(
                column,
                row,
                f"{int(n)}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "black",
            )
    labels = [shortened(name, 12) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=90, parse_math=False)
    axes.set_yticks(range(len(names)), labels, parse_math=False)
    axes.grid(visible=False)
    axes.set_xlabel("mended class")
    axes.set_ylabel("given class")
    most = pairs.most_common(1)
    described = f"; most often {most[0][0][0]} became {most[0][0][1]}" if most else ""
    return picture(
        drawn,
        name="confusion_of_changes",
        title="Given and mended classes",
        description=f"{count(sum(pairs.values()))} labels changed their class{described}.",
        note="Rows: the given class. Columns: the class of the answer.",
    )


def draw_changes(images: ChangedImages, class_names: Sequence[str]) -> list[Picture]:
    """Return a picture of up to 24 changed labels."""
    shown = (
        np.linspace(0, len(images.index_M) - 1, min(COLUMNS * ROWS, len(images.index_M))).round().astype(int)
    )
    return [_gallery(images, class_names, shown.tolist())]


@in_style()
def _gallery(images: ChangedImages, names: Sequence[str], shown: Sequence[int]) -> Picture:
    rows = -(-len(shown) // COLUMNS)
    drawn = figure(height=1.75 * rows)
    grid = drawn.subplots(rows, COLUMNS, squeeze=False).flatten()
    words = []
    for axes, sample in zip(grid, [*shown, *[None] * (len(grid) - len(shown))], strict=True):
        axes.set_axis_off()
        if sample is None:
            continue
        before, after = names[images.before_M[sample]], int(images.after_M[sample])
        mended = names[after] if after >= 0 else "no class"
        axes.imshow(as_rgb(images.images_M[sample]), interpolation="none")
        title = f"#{images.index_M[sample]}\n✗ {shortened(before, 11)}\n✓ {shortened(mended, 11)}"
        axes.set_title(title, fontsize=9, loc="center", parse_math=False)
        words.append(f"sample {images.index_M[sample]}: {before} given, {mended} mended")
    return picture(
        drawn,
        name="changed",
        title="Changed labels",
        description="; ".join(words) + ".",
        note="Index of the sample (#), ✗ given class, ✓ mended class; evenly over the answers.",
    )
