"""The picture of a certificate: the tolerated, the proven and the true share of wrong labels."""

from alframe._text import percent
from alframe.core.reports import Certificate
from alframe.report.document import Picture
from alframe.report.plots.axes import in_percent, legend_above
from alframe.report.plots.style import BLACK, BLUE, GREEN, PALE, figure, in_style, picture


@in_style()
def draw_certificate(certificate: Certificate, mislabelled_share: float | None) -> Picture:
    """Return the tolerated, the proven and (if known) the true share of wrong labels on one axis.

    Args:
        certificate: of the trial.
        mislabelled_share: of the data set, None if unknown.
    """
    from matplotlib.ticker import MaxNLocator

    tolerance, proven = certificate.tolerance, certificate.max_wrong_share
    drawn = figure(height=1.7)
    axes = drawn.subplots()
    axes.barh([0], [proven], color=PALE, height=0.5)
    axes.plot([proven] * 2, [-0.35, 0.35], color=BLUE, linewidth=3, label=f"proven {percent(proven)}")
    axes.axvline(tolerance, color=BLACK, linestyle="--", label=f"tolerated {percent(tolerance)}")
    if mislabelled_share is not None:
        label = f"true {percent(mislabelled_share)}"
        axes.plot([mislabelled_share], [0], "D", color=GREEN, clip_on=False, label=label)
    axes.set_ylim(-0.6, 0.6)
    axes.set_xlim(0, 1.15 * max(tolerance, proven, mislabelled_share or 0.0))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    in_percent(axes.xaxis)
    axes.set_xlabel("wrong labels, share of the data set")
    legend_above(axes, 3, handletextpad=0.4, columnspacing=1.0)
    return picture(
        drawn,
        name="certificate",
        title="Proven share of wrong labels",
        description=(
            f"With {percent(certificate.confidence, 0)} confidence at most {percent(proven)} of the data "
            f"set is mislabelled; {percent(tolerance)} was tolerated."
        ),
    )
