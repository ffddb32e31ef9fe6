"""Simulate the first stage of audits: how often its interval covers the true share of wrong labels.

    python scripts/simulate_estimates.py [--audits 2000] [--labels 60000] [--answers 400] [--confidence 0.95]

Each pattern says which labels are wrong. covered: audits whose interval holds the true share, for all labels
and for the labels of one class; expected is at least the confidence, within Monte Carlo error.
exact: the probability that the interval covers, computed from the hypergeometric distribution. width: mean.
"""

import argparse
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from alframe.audit.estimate import estimate_errors, wrong_share
from alframe.audit.hypergeometric import tail

CLASSES = 10
Labels = NDArray[np.int64]
Pattern = Callable[[Labels, np.random.Generator], Labels]


def _shifted(truth: Labels, chosen: NDArray[np.int64], rng: np.random.Generator) -> Labels:
    given = truth.copy()
    given[chosen] = (truth[chosen] + rng.integers(1, CLASSES, len(chosen))) % CLASSES
    return given


def none(truth: Labels, rng: np.random.Generator) -> Labels:
    """Return labels without an error."""
    return truth.copy()


def few(truth: Labels, rng: np.random.Generator) -> Labels:
    """Return labels of which 0.1 % are wrong, anywhere."""
    return _shifted(truth, rng.choice(len(truth), len(truth) // 1000, replace=False), rng)


def symmetric(truth: Labels, rng: np.random.Generator) -> Labels:
    """Return labels of which 5 % are wrong, anywhere."""
    return _shifted(truth, rng.choice(len(truth), len(truth) // 20, replace=False), rng)


def one_class(truth: Labels, rng: np.random.Generator) -> Labels:
    """Return labels of which those of one class are wrong half of the time."""
    of_class = np.flatnonzero(truth == 3)
    return _shifted(truth, rng.choice(of_class, len(of_class) // 2, replace=False), rng)


def confused(truth: Labels, rng: np.random.Generator) -> Labels:
    """Return labels of which 5 % are wrong, all by the confusion of two classes."""
    pair = np.flatnonzero((truth == 4) | (truth == 9))
    chosen = rng.choice(pair, len(truth) // 20, replace=False)
    given = truth.copy()
    given[chosen] = 13 - truth[chosen]
    return given


def in_a_run(truth: Labels, rng: np.random.Generator) -> Labels:
    """Return labels of which a run of neighbours, a fifth of all, is wrong: a shifted file."""
    begin = int(rng.integers(0, len(truth) * 4 // 5))
    return _shifted(truth, np.arange(begin, begin + len(truth) // 5), rng)


PATTERNS: dict[str, Pattern] = {
    "no error": none,
    "0.1 %, anywhere": few,
    "5 %, anywhere": symmetric,
    "half of one class": one_class,
    "5 %, two classes confused": confused,
    "a run of neighbours, 20 %": in_a_run,
}


def exact_coverage(n: int, wrong: int, answers: int, confidence: float) -> float:
    """Return the probability that the interval covers the true number of wrong labels."""
    covered, below = 0.0, 0.0
    for found in range(max(0, answers - (n - wrong)), min(answers, wrong) + 1):
        up_to = tail(n, wrong, answers, found)
        interval = wrong_share(n, answers, found, 0, confidence)
        if round(interval.low * n) <= wrong <= round(interval.high * n):
            covered += up_to - below
        below = up_to
    return covered


def simulate(pattern: Pattern, options: argparse.Namespace, seed: int) -> tuple[float, float, float, float]:
    """Return the covered share of all labels, of the classes, the exact one, and the mean width."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, CLASSES, options.labels)
    given = pattern(truth, rng)
    size_C = torch.bincount(torch.from_numpy(given), minlength=CLASSES)
    wrong_C = np.bincount(given[given != truth], minlength=CLASSES)
    wrong, covered, of_classes, width = int(wrong_C.sum()), 0, [], 0.0
    for _ in range(options.audits):
        drawn = rng.choice(options.labels, options.answers, replace=False)
        found = estimate_errors(
            torch.from_numpy(given[drawn]), torch.from_numpy(truth[drawn]), size_C, options.confidence
        )
        low, high = found.overall.low, found.overall.high
        covered += low <= wrong / options.labels <= high
        width += high - low
        for k, each in enumerate(found.classes):
            if each is not None:
                of_classes.append(each.low <= wrong_C[k] / each.n_labels <= each.high)
    exact = exact_coverage(options.labels, wrong, options.answers, options.confidence)
    return covered / options.audits, float(np.mean(of_classes)), exact, width / options.audits


def main() -> None:
    """Print a line for each pattern."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--audits", type=int, default=2000)
    parser.add_argument("--labels", type=int, default=60_000)
    parser.add_argument("--answers", type=int, default=400)
    parser.add_argument("--confidence", type=float, default=0.95)
    options = parser.parse_args()
    print(f"{'wrong labels':<28}{'covered':>9}{'classes':>9}{'exact':>9}{'width':>9}")
    for seed, (name, pattern) in enumerate(PATTERNS.items()):
        covered, of_classes, exact, width = simulate(pattern, options, seed)
        print(f"{name:<28}{covered:>9.4f}{of_classes:>9.4f}{exact:>9.4f}{width:>9.4f}", flush=True)


if __name__ == "__main__":
    main()
