"""Simulate audits of growing sizes and take the first that passes: how often is its certificate false?

    python scripts/simulate_optional_stopping.py [--audits 20000] [--auto 950] [--tolerated 20]
                                                 [--sizes 125 187 236 276 312 343 371 396]

A fixed audit is planned with one size. Here somebody runs it with a small size, then with larger ones until
one proves that at most `--tolerated` wrong labels are left.

largest  the largest share of false certificates among the sizes, each planned alone; at most 5 %
same     taking the first that passes, if a larger audit goes on with the draws of the smaller ones
fresh    taking the first that passes, if each size has draws of its own, as alframe does
given    with draws of its own: the largest share of false certificates of a size after all smaller failed

Axes: R runs; S sizes; D draws.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alframe.audit.hypergeometric import most_wrong

Found = NDArray[np.int64]
ALPHA = 0.05
# The smallest sizes that pass with 0 to 7 wrong labels found, for 950 labels and 20 tolerated.
SIZES = (125, 187, 236, 276, 312, 343, 371, 396)


def found_with_same_draws(
    n_auto: int, n_wrong: int, sizes: Sequence[int], n_runs: int, generator: np.random.Generator
) -> Found:
    """Return (R, S) int64, wrong labels found if every size takes the first draws of one order."""
    first = max(sizes)
    found_RS = np.zeros((n_runs, len(sizes)), dtype=np.int64)
    for run in range(n_runs):
        wrong_D = generator.permutation(n_auto)[:first] < n_wrong
        found_RS[run] = wrong_D.cumsum()[np.array(sizes) - 1]
    return found_RS


def found_with_fresh_draws(
    n_auto: int, n_wrong: int, sizes: Sequence[int], n_runs: int, generator: np.random.Generator
) -> Found:
    """Return (R, S) int64, wrong labels found if every size has draws of its own."""
    return np.stack(
        [generator.hypergeometric(n_wrong, n_auto - n_wrong, size, n_runs) for size in sizes], axis=1
    )


def verdicts(
    found_RS: Found, n_auto: int, n_wrong: int, tolerated: int, sizes: Sequence[int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return two (R, S) bool: the audit passes, and it passes although more than `tolerated` are left."""
    passes_RS = np.zeros(found_RS.shape, dtype=bool)
    for s, size in enumerate(sizes):
        for found in np.unique(found_RS[:, s]):
            left = most_wrong(n_auto, size, int(found), ALPHA) - int(found)
            passes_RS[found_RS[:, s] == found, s] = left <= tolerated
    return passes_RS, passes_RS & (n_wrong - found_RS > tolerated)


def first_that_passes(passes_RS: NDArray[np.bool_], false_RS: NDArray[np.bool_]) -> float:
    """Return the share of runs whose first passing audit has a false certificate."""
    return float(false_RS[np.arange(len(passes_RS)), passes_RS.argmax(axis=1)].mean())


def after_failures(passes_RS: NDArray[np.bool_], false_RS: NDArray[np.bool_]) -> float:
    """Return the largest share of false certificates of a size, among runs where all smaller ones failed."""
    shares = []
    for s in range(passes_RS.shape[1]):
        open_R = ~passes_RS[:, :s].any(axis=1)
        shares.append(float(false_RS[open_R, s].mean()))
    return max(shares)


def main() -> None:
    """Print a line for each number of wrong labels from one to ten too many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--audits", type=int, default=20_000)
    parser.add_argument("--auto", type=int, default=950)
    parser.add_argument("--tolerated", type=int, default=20)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    print("wrong labels  largest     same    fresh    given")
    for n_wrong in range(options.tolerated + 1, options.tolerated + 11):
        shares = {}
        for name, draw in {"same": found_with_same_draws, "fresh": found_with_fresh_draws}.items():
            found_RS = draw(options.auto, n_wrong, options.sizes, options.audits, generator)
            passes_RS, false_RS = verdicts(found_RS, options.auto, n_wrong, options.tolerated, options.sizes)
            shares["largest"] = float(false_RS.mean(axis=0).max())
            shares[name] = first_that_passes(passes_RS, false_RS)
            shares["given"] = after_failures(passes_RS, false_RS)
        cells = "".join(f"{100 * shares[name]:7.1f} %" for name in ("largest", "same", "fresh", "given"))
        print(f"{n_wrong:12}{cells}", flush=True)


if __name__ == "__main__":
    main()
