"""Draw the most suspect labels of an audit, with the given and the predicted class of each.

    python scripts/draw_suspects.py AUDIT PICTURE.png [--num 100] [--columns 20]

AUDIT is the directory of an `alframe-audit` with the stage rank. Its data set is read again.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import yaml

from alframe.report.plots.draw_mistakes import as_rgb
from alframe.trial.assemble import load_data
from alframe.trial.settings import read_settings


def main() -> None:
    """Draw the picture."""
    options = _options()
    settings = read_settings(yaml.safe_load((options.audit / "config.yaml").read_text()))
    with (options.audit / "suspects.csv").open() as file:
        rows = list(csv.DictReader(file))[: options.num]
    images_N = load_data(settings).images_N
    import matplotlib.pyplot as plt

    n_rows = -(-len(rows) // options.columns)
    figure, axes = plt.subplots(
        n_rows, options.columns, figsize=(0.6 * options.columns, 0.78 * n_rows), squeeze=False
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, row in zip(axes.flat, rows, strict=False):
        axis.imshow(as_rgb(np.asarray(images_N[int(row["index"])])), interpolation="none")
        given, predicted = (row[column].split()[0] for column in ("given", "predicted"))
        axis.set_title(f"{given} ({predicted}?)", fontsize=7, pad=2)
    figure.tight_layout(pad=0.3)
    figure.savefig(options.picture, dpi=110)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("audit", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--num", type=int, default=100)
    parser.add_argument("--columns", type=int, default=20)
    return parser.parse_args()


if __name__ == "__main__":
    main()
