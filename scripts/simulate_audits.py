"""Simulate certificates on labels with artificial errors: their cost, and how often they are false.

    python scripts/simulate_audits.py [--audits 200] [--auto 58800] [--hand 1200] [--tolerances 0.01 0.005]
                                      [--wrong 150] [--tail-share 0.15] [--bets 0.5 0.7 0.85 0.95]

asked      mean and median number of questions, hand labels of the least confident included
reached    share of audits that prove the tolerance
false      share of certificates that bound the wrong labels left too low; at most 1 - confidence
"""

import argparse
import importlib
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from alframe.audit.certificate import CertificateSpec
from alframe.audit.certify import AuditCertifier
from alframe.core.ledger import LabelLedger, Source
from alframe.oracle import SimulatedOracle

Wrong = NDArray[np.bool_]
METHODS = {
    "fixed uniform": {"reach": False, "method": "uniform"},
    "reach uniform": {"reach": True, "method": "uniform"},
    "reach weighted": {"reach": True, "method": "weighted"},
}


def spread(n_auto: int, n_wrong: int, generator: np.random.Generator) -> Wrong:
    """Return (A,) bool, least confident first: wrong labels at uniformly random positions."""
    wrong_A = np.zeros(n_auto, dtype=bool)
    wrong_A[generator.choice(n_auto, n_wrong, replace=False)] = True
    return wrong_A


def in_tail(n_auto: int, n_wrong: int, generator: np.random.Generator) -> Wrong:
    """Return (A,) bool: 80 % of the wrong labels are in the least confident 5 %, with falling density."""
    length, n_tail = n_auto // 20, round(0.8 * n_wrong)
    wrong_A = np.zeros(n_auto, dtype=bool)
    density = np.arange(length, 0, -1.0)
    wrong_A[generator.choice(length, n_tail, replace=False, p=density / density.sum())] = True
    wrong_A[length:] = spread(n_auto - length, n_wrong - n_tail, generator)
    return wrong_A


def most_confident(n_auto: int, n_wrong: int, generator: np.random.Generator) -> Wrong:
    """Return (A,) bool: the most confident labels are wrong."""
    return np.arange(n_auto) >= n_auto - n_wrong


def simulate(
    options: argparse.Namespace, draw_wrong: Callable[..., Wrong], n_wrong: int, plan: CertificateSpec
) -> str:
    """Return one line of the table."""
    n_auto, n = options.auto, options.auto + options.hand
    start, rows = time.perf_counter(), []
    index, hand = torch.arange(n_auto), torch.arange(n_auto, n)
    ledger = LabelLedger.empty(n).commit(index, torch.zeros_like(index), Source.AUTO, 1, index.float())
    ledger = ledger.commit(hand, torch.zeros_like(hand), Source.SEED, 0)
    for seed in range(options.audits):
        wrong_A = draw_wrong(n_auto, n_wrong, np.random.default_rng(seed))
        truth_N = torch.zeros(n, dtype=torch.int64)
        truth_N[:n_auto] = torch.from_numpy(wrong_A)
        generator = torch.Generator().manual_seed(seed)
        _, found = AuditCertifier(plan).certify(ledger, SimulatedOracle(truth_N), generator, None, 2)
        rows.append(
            (found.asked, found.audited, found.reached, n_wrong - found.found_wrong > found.max_wrong)
        )
    asked, drawn, reached, false = np.array(rows, dtype=np.float64).T
    seconds = (time.perf_counter() - start) / options.audits
    return (
        f"{asked.mean():8.0f} {np.median(asked):8.0f} {drawn.mean():8.0f} {reached.mean():8.3f} "
        f"{false.mean():8.3f} {seconds:8.2f}"
    )


def set_constant(name: str, value: object, *modules: str) -> None:
    """Replace a constant of the certificate where it is used."""
    for module in modules:
        setattr(importlib.import_module(f"alframe.audit.{module}"), name, value)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--audits", type=int, default=200)
    parser.add_argument("--auto", type=int, default=58_800)
    parser.add_argument("--hand", type=int, default=1_200)
    parser.add_argument("--wrong", type=int, default=150)
    parser.add_argument("--tolerances", type=float, nargs="+", default=[0.01, 0.005])
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--tail-share", type=float)
    parser.add_argument("--bets", type=float, nargs="+")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    options = parser.parse_args()
    if options.tail_share is not None:
        set_constant("TAIL_SHARE", options.tail_share, "certify", "feasibility")
    if options.bets:
        set_constant("BETS_G", np.array(options.bets), "betting", "next_questions")
    torch.set_num_threads(1)
    print(f"{'tolerance':10}{'wrong labels':36}{'method':16}", end="")
    print("   asked   median    drawn  reached    false  seconds")
    for tolerance in options.tolerances:
        beyond = int(tolerance * (options.auto + options.hand)) + 1
        cases: list[tuple[str, Callable[..., Wrong], int]] = [
            ("none", spread, 0),
            ("spread", spread, options.wrong),
            ("in the tail", in_tail, options.wrong),
            ("one too many, spread", spread, beyond),
            ("one too many, most confident", most_confident, beyond),
        ]
        for name, draw_wrong, n_wrong in cases:
            for method in options.methods:
                plan = CertificateSpec(
                    tolerance=tolerance,
                    confidence=options.confidence,
                    max_labels=None,
                    oracle_error=None,
                    **METHODS[method],  # type: ignore[arg-type]
                )
                line = simulate(options, draw_wrong, n_wrong, plan)
                print(f"{tolerance:<10g}{n_wrong:>5} {name:<30}{method:16}{line}", flush=True)


if __name__ == "__main__":
    main()
