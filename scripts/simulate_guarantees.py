"""Compare guarantees on the predictions of finished trials: the hand labels and the failures of each.

    python scripts/simulate_guarantees.py TRIAL... [--audits 200] [--tolerances 0.01 0.05]
                                          [--sizes 300 500 1000 2000 4000] [--methods uniform weighted ...]

A trial must have auto-labelled all samples that it did not ask about (remainder=auto), in a simulation. Its
labels are fixed; an audit is a new random sample of them. At most a share of --tolerances of all samples may
be wrong.

uniform, weighted  alframe's certificate with certificate.reach=true and that method
pac betting        PAC labels as published (arXiv 2506.10908): --sizes draws with replacement, answers for
                   these and for all samples below the lowest confidence at which the betting bound holds
pac clt            the same with the bound of the central limit theorem
pac exact          the same with draws without replacement and the hypergeometric bound
validated          a validation set of --sizes, binomial tests (auto_label=validated), and the rest by hand
conformal          a validation set of --sizes, auto_label=conformal, and the rest by hand. It promises the
                   tolerance in the mean and not for a single data set

asked     mean number of answers, in percent of all samples; without the trial's own hand labels
trial     the same with the trial's own hand labels
kept      mean share of all samples whose label is a prediction at the end
wrong     mean share of all samples that is wrong at the end
false     share of audits after which more samples are wrong than was stated

Axes: A auto-labels, the most confident first; D draws; P the auto-labels outside the validation set.
"""

import argparse
import csv
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from alframe.audit.certificate import CertificateSpec, Method
from alframe.audit.certify import AuditCertifier
from alframe.audit.hypergeometric import most_wrong
from alframe.auto_label.conformal import conformal_cut
from alframe.auto_label.threshold_search import cut_by_tests
from alframe.core.file_names import LABELS
from alframe.core.ledger import LabelLedger, Source
from alframe.oracle import SimulatedOracle
from alframe.trial.assemble import load_data
from alframe.trial.read_finished import read_config
from alframe.trial.settings import read_settings

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
ALPHA = 0.05
NORMAL_QUANTILE = 1.6448536269514722  # of 1 - ALPHA
TRUNCATION = 0.75  # of the bets, as published


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """The auto-labels of a trial, the most confident first.

    Attributes:
        odds_A: float64, log-odds, falling. wrong_A: bool. n: all samples of the trial.
    """

    odds_A: Floats
    wrong_A: Mask
    n: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One simulated audit.

    Attributes:
        asked: answers. left: wrong labels at the end. stated: the most that the method allows for.
    """

    asked: int
    left: int
    stated: int


# Predictions, the most wrong labels K, the number of draws, random numbers.
Guarantee = Callable[[Predictions, int, int, np.random.Generator], Outcome]


def read_predictions(trial: Path) -> Predictions:
    """Return the auto-labels of a finished trial, compared with the truth."""
    truth_N = load_data(read_settings(read_config(trial))).truth_N
    assert truth_N is not None
    with (trial / LABELS).open() as file:
        rows = [
            (row["source"], int(row["index"]), int(row["label"]), row["log_odds"])
            for row in csv.DictReader(file)
        ]
    auto = [
        (float(odds), label != int(truth_N[index])) for source, index, label, odds in rows if source == "auto"
    ]
    odds_A, wrong_A = np.array([each for each, _ in auto]), np.array([each for _, each in auto])
    order_A = np.argsort(-odds_A, kind="stable")
    return Predictions(odds_A=odds_A[order_A], wrong_A=wrong_A[order_A], n=len(rows))


def certificate(method: Method) -> Guarantee:
    """Return alframe's certificate that asks until the tolerance is proven."""

    def audit(found: Predictions, most: int, size: int, generator: np.random.Generator) -> Outcome:
        spec = CertificateSpec(
            tolerance=(most + 0.5) / found.n,
            confidence=1 - ALPHA,
            reach=True,
            max_labels=None,
            method=method,
            oracle_error=None,
        )
        index_A = torch.arange(len(found.wrong_A))
        ledger = LabelLedger.empty(found.n)
        odds_A = torch.from_numpy(found.odds_A).float()
        ledger = ledger.commit(index_A, torch.zeros_like(index_A), Source.AUTO, 1, odds_A)
        hand = torch.arange(len(index_A), found.n)
        ledger = ledger.commit(hand, torch.zeros_like(hand), Source.SEED, 0)
        truth_N = torch.zeros(found.n, dtype=torch.int64)
        truth_N[: len(index_A)] = torch.from_numpy(found.wrong_A)
        draws = torch.Generator().manual_seed(int(generator.integers(2**62)))
        _, stated = AuditCertifier(spec).certify(ledger, SimulatedOracle(truth_N), draws, None, 2)
        left = int(found.wrong_A.sum()) - stated.found_wrong
        return Outcome(asked=stated.asked, left=left, stated=stated.max_wrong)

    return audit


def betting_bound_holds(wrong_D: Mask, share: float) -> bool:
    """Return whether the published betting bound on the mean of `wrong_D` is at most `share`.

    Source: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B 86
    (2024), theorem 3, one-sided, in the order of the draws and with the best moment.
    """
    value_D, n = wrong_D.astype(np.float64), len(wrong_D)
    t_D = np.arange(1, n + 1)
    mean_D = (0.5 + value_D.cumsum()) / (1 + t_D)
    variance_D = (0.25 + ((value_D - mean_D) ** 2).cumsum()) / (1 + t_D)
    before_D = np.concatenate([[0.25], variance_D[:-1]])
    bet_D = np.minimum(np.sqrt(2 * math.log(2 / ALPHA) / (n * before_D)), TRUNCATION / (1 - share))
    log_wealth_D = np.log1p(-bet_D * (value_D - share)).cumsum()
    return bool(log_wealth_D.max() >= -math.log(ALPHA))


def normal_bound_holds(wrong_D: Mask, share: float) -> bool:
    """Return whether the bound of the central limit theorem on the mean of `wrong_D` is at most `share`."""
    value_D = wrong_D.astype(np.float64)
    return bool(value_D.mean() + NORMAL_QUANTILE * value_D.std() / math.sqrt(len(value_D)) <= share)


def pac_published(holds: Callable[[Mask, float], bool]) -> Guarantee:
    """Return PAC labels with a bound on the mean loss, as in the authors' code with equal probabilities."""

    def label(found: Predictions, most: int, size: int, generator: np.random.Generator) -> Outcome:
        n_auto = len(found.wrong_A)
        drawn_D = generator.integers(n_auto, size=size)
        wrong_D, low, high = found.wrong_A[drawn_D], 0, n_auto
        while low < high:  # the longest prefix whose bound holds
            middle = (low + high + 1) // 2
            if holds(wrong_D & (drawn_D < middle), most / n_auto):
                low = middle
            else:
                high = middle - 1
        return outcome(found, drawn_D, low, most)

    return label


@cache
def most_allowed(n_auto: int, size: int, most: int) -> int:
    """Return how many wrong labels the draws may find in a prefix with at most `most` wrong ones, or -1."""
    allowed = -1
    while most_wrong(n_auto, size, allowed + 1, ALPHA) <= most:
        allowed += 1
    return allowed


def pac_exact(found: Predictions, most: int, size: int, generator: np.random.Generator) -> Outcome:
    """PAC labels with the exact bound of draws without replacement."""
    n_auto = len(found.wrong_A)
    drawn_D = generator.permutation(n_auto)[:size]
    allowed = most_allowed(n_auto, size, most)
    wrong_at = np.sort(drawn_D[found.wrong_A[drawn_D]])
    prefix = 0 if allowed < 0 else n_auto if len(wrong_at) <= allowed else int(wrong_at[allowed])
    return outcome(found, drawn_D, prefix, most)


def validated(found: Predictions, most: int, size: int, generator: np.random.Generator) -> Outcome:
    """A validation set with binomial tests; what they do not allow is labelled by hand."""
    drawn_D = generator.permutation(len(found.wrong_A))[:size]
    cut = cut_by_tests(
        torch.from_numpy(found.odds_A[drawn_D]),
        torch.from_numpy(found.wrong_A[drawn_D]),
        tolerance=most / len(found.wrong_A),
        delta=ALPHA,
        min_support=25,
        num_cuts=20,
    )
    return outcome(found, drawn_D, int((found.odds_A > cut.above).sum()), most)


def conformal(found: Predictions, most: int, size: int, generator: np.random.Generator) -> Outcome:
    """A validation set with conformal selection; what it does not select is labelled by hand."""
    order_A = generator.permutation(len(found.wrong_A))
    drawn_D, rest_P = order_A[:size], order_A[size:]
    cut = conformal_cut(
        torch.from_numpy(found.odds_A[drawn_D]),
        torch.from_numpy(found.wrong_A[drawn_D]),
        torch.from_numpy(found.odds_A[rest_P]),
        tolerance=most / len(found.wrong_A),
    )
    return outcome(found, drawn_D, int((found.odds_A > cut.above).sum()), most)


def outcome(found: Predictions, drawn_D: NDArray[np.int64], prefix: int, most: int) -> Outcome:
    """Return what is asked and left if the draws and everything after a prefix are labelled by hand."""
    asked_A = np.arange(len(found.wrong_A)) >= prefix
    asked_A[drawn_D] = True
    return Outcome(asked=int(asked_A.sum()), left=int((found.wrong_A & ~asked_A).sum()), stated=most)


SEQUENTIAL: dict[str, Guarantee] = {"uniform": certificate("uniform"), "weighted": certificate("weighted")}
SIZED: dict[str, Guarantee] = {
    "pac betting": pac_published(betting_bound_holds),
    "pac clt": pac_published(normal_bound_holds),
    "pac exact": pac_exact,
    "validated": validated,
    "conformal": conformal,
}


def line(guarantee: Guarantee, trials: list[Predictions], tolerance: float, size: int, audits: int) -> str:
    """Return the means over audits of all trials as the cells of one line."""
    rows, start = [], time.perf_counter()
    for number, found in enumerate(trials):
        generator, most = np.random.default_rng(number), math.floor(tolerance * found.n + 1e-9)
        for _ in range(audits):
            each = guarantee(found, most, min(size, len(found.wrong_A)), generator)
            n_kept, n_hand = len(found.wrong_A) - each.asked, found.n - len(found.wrong_A)
            shares = (each.asked, each.asked + n_hand, n_kept, each.left)
            rows.append([100 * share / found.n for share in shares] + [100.0 * (each.left > each.stated)])
    asked, trial, kept, wrong, false = np.array(rows).mean(axis=0)
    seconds = (time.perf_counter() - start) / len(rows)
    return f"{asked:9.2f}{trial:9.2f}{kept:9.2f}{wrong:9.3f}{false:8.1f}{seconds:9.3f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("trials", type=Path, nargs="+")
    parser.add_argument("--audits", type=int, default=200)
    parser.add_argument("--tolerances", type=float, nargs="+", default=[0.01, 0.05])
    parser.add_argument("--sizes", type=int, nargs="+", default=[300, 500, 1000, 2000, 4000])
    every = [*SEQUENTIAL, *SIZED]
    parser.add_argument("--methods", nargs="+", choices=every, default=every)
    options = parser.parse_args()
    torch.set_num_threads(1)
    trials = [read_predictions(trial) for trial in options.trials]
    for found in trials:
        wrong, n_auto = int(found.wrong_A.sum()), len(found.wrong_A)
        print(
            f"{found.n} samples, {found.n - n_auto} hand labels, {n_auto} auto-labels, {wrong} of them wrong"
        )
    print("tolerance method        size    asked    trial     kept    wrong   false  seconds")
    for tolerance in options.tolerances:
        for name in options.methods:
            guarantee = (SEQUENTIAL | SIZED)[name]
            for size in options.sizes if name in SIZED else [0]:
                shown = f"{size:6}" if size else "      "
                cells = line(guarantee, trials, tolerance, size, options.audits)
                print(f"{tolerance:<10g}{name:12}{shown}{cells}", flush=True)


if __name__ == "__main__":
    main()
