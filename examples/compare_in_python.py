"""Compare two query strategies over seeds, without the command line.

    python examples/compare_in_python.py [--seeds 1 2 3] [--limit 600]

Each seed runs once with each strategy, so the difference is taken within a seed: the same seed set, the same
weights to start from. The line at the end gives the mean difference with a 95 % interval.
"""

import argparse

import numpy as np
from scipy import stats
from sklearn.datasets import load_digits

from alframe import label


def mislabelled_percent(query: str, seed: int, limit: int) -> float:
    """Return how many labels are wrong after a tenth of the data set is hand labelled, in per cent."""
    digits = load_digits()
    settings = {
        "data.limit": limit,
        "learner.steps": 60,
        "query.num": max(1, limit // 50),
        "stopping.max_hand_labels": max(60, limit // 10),
        "remainder": "auto",
    }
    images = (digits.images * 15.9).astype("uint8")
    result = label(images, digits.target, query=query, seed=seed, settings=settings)
    return 100 * float(result.summary["mislabelled_share"])


def main() -> None:
    """Run the trials and print a row for each seed."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--limit", type=int, default=600, help="images that take part")
    options = parser.parse_args()
    print("seed   margin   random   difference (per cent of the data set mislabelled)")
    differences = []
    for seed in options.seeds:
        margin, random = (mislabelled_percent(query, seed, options.limit) for query in ("margin", "random"))
        differences.append(margin - random)
        print(f"{seed:4} {margin:8.2f} {random:8.2f} {margin - random:12.2f}")
    if len(differences) > 1:
        low, high = stats.t.interval(
            0.95, len(differences) - 1, loc=np.mean(differences), scale=stats.sem(differences)
        )
        print(f"mean {np.mean(differences):+.2f} (95 % interval {low:+.2f} to {high:+.2f})")


if __name__ == "__main__":
    main()
