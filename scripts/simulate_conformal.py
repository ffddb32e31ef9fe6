"""Simulate auto-labelling with a promise in the mean: how many auto-labels are wrong, and how often too many?

    python scripts/simulate_conformal.py [--runs 2000] [--pool 5000] [--validation 500] [--tolerance 0.05]

Each sample has a hardness that all classifiers share. A classifier's confidence is higher for easy samples,
and a prediction is wrong with a probability that falls with the confidence.

wrong     mean share of wrong auto-labels, and the half width of its 95 % interval
above     share of runs in which more than the tolerance is wrong
accepted  mean share of the pool that is auto-labelled

conformal  auto_label=conformal
validated  auto_label=validated with bound=clopper_pearson and delta=0.05

once          one classifier, one use of the validation set
last round    six rounds; each withdraws all auto-labels, and the last one counts (keep=rejudge)
added up      six rounds of permanent auto-labels; validation samples leave with the pool (keep=permanent)
set kept      the same, but no sample leaves the validation set
chosen        the classifier of ten that accepts most of the pool is used
easy asked    half of the easiest third of the pool was asked before; the validation set has lost none of them
hard asked    half of the hardest third of the pool was asked before; the validation set has lost none of them
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from alframe.auto_label import ConformalPolicy, ValidatedPolicy
from alframe.core.records import Accepted, PoolScores, Validation

N_ROUNDS, N_CLASSIFIERS = 6, 10


class Samples(NamedTuple):
    """Hardness of samples, higher is harder: (N,) float64."""

    pool_P: Tensor
    set_V: Tensor


class Labels(NamedTuple):
    """Wrong auto-labels, all auto-labels, and the size of the pool."""

    wrong: int
    accepted: int
    pool: int


Policy = ConformalPolicy | ValidatedPolicy
Case = Callable[[Policy, Samples, torch.Generator], Labels]


def predictions(hardness: Tensor, skill: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return log-odds and which predictions are wrong, both (N,), of one classifier."""
    noise = 0.7 * torch.randn(len(hardness), generator=generator, dtype=torch.float64)
    odds = 2.0 + skill - 1.5 * hardness + noise
    wrong = torch.rand(len(hardness), generator=generator, dtype=torch.float64) < (-1.2 * odds).sigmoid()
    return odds, wrong


def judge(
    policy: Policy, samples: Samples, skill: float, generator: torch.Generator
) -> tuple[Accepted, Tensor]:
    """Return what a policy accepts of one classifier's predictions, and which of the pool are wrong."""
    odds_P, wrong_P = predictions(samples.pool_P, skill, generator)
    odds_V, wrong_V = predictions(samples.set_V, skill, generator)
    return policy.accept(
        scores(odds_P), Validation(scores=scores(odds_V), label_V=wrong_V.long()), generator
    ), wrong_P


def scores(odds: Tensor) -> PoolScores:
    """Return scores of samples that are all predicted as class 0, with their position as index."""
    index = torch.arange(len(odds))
    return PoolScores(index_P=index, predicted_P=torch.zeros_like(index), log_odds_P=odds)


def once(policy: Policy, samples: Samples, generator: torch.Generator) -> Labels:
    """One classifier, one use."""
    accepted, wrong_P = judge(policy, samples, 0.0, generator)
    return Labels(int(wrong_P[accepted.index_A].sum()), len(accepted.index_A), len(samples.pool_P))


def last_round(policy: Policy, samples: Samples, generator: torch.Generator) -> Labels:
    """Six classifiers, the last one counts: the earlier uses of the set change nothing."""
    for round in range(N_ROUNDS):
        accepted, wrong_P = judge(policy, samples, 0.2 * round, generator)
    return Labels(int(wrong_P[accepted.index_A].sum()), len(accepted.index_A), len(samples.pool_P))


def added_up(policy: Policy, samples: Samples, generator: torch.Generator, *, lose: bool = True) -> Labels:
    """Permanent auto-labels of six classifiers."""
    wrong = n_accepted = 0
    left = samples
    for round in range(N_ROUNDS):
        accepted, wrong_P = judge(policy, left, 0.2 * round, generator)
        wrong += int(wrong_P[accepted.index_A].sum())
        n_accepted += len(accepted.index_A)
        stays_P = torch.ones(len(left.pool_P), dtype=torch.bool)
        stays_P[accepted.index_A] = False
        assert accepted.inside_V is not None
        set_V = left.set_V[~accepted.inside_V] if lose else left.set_V
        left = Samples(left.pool_P[stays_P], set_V)
        if len(left.set_V) == 0:
            break
    return Labels(wrong, n_accepted, len(samples.pool_P))


def set_kept(policy: Policy, samples: Samples, generator: torch.Generator) -> Labels:
    """As `added_up`, with a validation set that represents the first pool and not what is left of it."""
    return added_up(policy, samples, generator, lose=False)


def chosen(policy: Policy, samples: Samples, generator: torch.Generator) -> Labels:
    """The validation set judges several equally good classifiers, and the most generous verdict is taken."""
    found = [judge(policy, samples, 0.0, generator) for _ in range(N_CLASSIFIERS)]
    accepted, wrong_P = max(found, key=lambda each: len(each[0].index_A))
    return Labels(int(wrong_P[accepted.index_A].sum()), len(accepted.index_A), len(samples.pool_P))


def easy_asked(policy: Policy, samples: Samples, generator: torch.Generator) -> Labels:
    """The pool has lost easy samples, so that the validation set is too easy."""
    return once(policy, _without_half_of(samples, samples.pool_P.quantile(1 / 3), True, generator), generator)


def hard_asked(policy: Policy, samples: Samples, generator: torch.Generator) -> Labels:
    """The pool has lost hard samples, so that the validation set is too hard."""
    return once(
        policy, _without_half_of(samples, samples.pool_P.quantile(2 / 3), False, generator), generator
    )


def _without_half_of(samples: Samples, cut: Tensor, below: bool, generator: torch.Generator) -> Samples:
    aimed_P = (samples.pool_P < cut) == below
    asked_P = aimed_P & (torch.rand(len(aimed_P), generator=generator) < 0.5)
    return Samples(samples.pool_P[~asked_P], samples.set_V)


CASES: dict[str, Case] = {
    "once": once,
    "last round": last_round,
    "added up": added_up,
    "set kept": set_kept,
    "chosen": chosen,
    "easy asked": easy_asked,
    "hard asked": hard_asked,
}


def simulate(case: Case, policy: Policy, options: argparse.Namespace) -> str:
    """Return one line of the table."""
    generator = torch.Generator().manual_seed(0)
    shares, coverage = [], []
    for _ in range(options.runs):
        drawn = torch.randn(options.pool + options.validation, generator=generator, dtype=torch.float64)
        found = case(policy, Samples(drawn[: options.pool], drawn[options.pool :]), generator)
        shares.append(found.wrong / max(1, found.accepted))
        coverage.append(found.accepted / found.pool)
    share = torch.tensor(shares, dtype=torch.float64)
    half = 1.96 * float(share.std()) / options.runs**0.5
    above = float((share > options.tolerance).double().mean())
    mean = sum(coverage) / len(coverage)
    return f"{100 * share.mean():8.2f} +- {100 * half:.2f} {100 * above:8.1f} {100 * mean:9.1f}"


def policies(options: argparse.Namespace) -> dict[str, Policy]:
    """Return the two policies at the same tolerance."""
    size, tolerance = options.validation, options.tolerance
    validated = ValidatedPolicy(
        validation_size=size,
        tolerance=tolerance,
        bound="clopper_pearson",
        group="joint",
        delta=0.05,
        sigma_weight=0.25,
        min_support=25,
        num_cuts=20,
    )
    return {
        "conformal": ConformalPolicy(validation_size=size, tolerance=tolerance),
        "validated": validated,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--pool", type=int, default=5000)
    parser.add_argument("--validation", type=int, default=500)
    parser.add_argument("--tolerance", type=float, default=0.05)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'case':12}{'policy':12}     wrong, %  above, % accepted, %")
    for name in options.cases:
        for policy_name, policy in policies(options).items():
            print(f"{name:12}{policy_name:12}{simulate(CASES[name], policy, options)}", flush=True)


if __name__ == "__main__":
    main()
