"""Compare the rankings of given labels of which a known part is wrong, and print a Markdown table.

    python scripts/benchmarks/rank_labels.py --seeds 1,2,3 data=mnist data.limit=6000
    python scripts/benchmarks/rank_labels.py --share 0.1 --partners 8,9,4,5,7,3,2,4,0,1 data=cifar10

All rankings of a seed use the same log-probabilities: the networks are trained once. The seed draws the wrong
labels, the folds and the networks. `--partners` names for each class the one that it is mistaken for; without
it, each other class has the same probability. Each cell is the average precision, and after it the share of
the wrong labels that is among the first 1.5 times as many labels. self_confidence and normalised_margin give
the same order as cleanlab's scores (tests/unit/audit/test_cleanlab_agreement.py). The last line has the mean
average precision of each ranking, and its mean difference from the first ranking with a 95 % interval
(Student's t).

The other arguments are those of `alframe-audit`.
"""

import argparse
import math
import statistics
import time
from dataclasses import dataclass
from typing import Any

import torch
from scipy import stats  # type: ignore[import-untyped]
from torch import Tensor

from alframe.audit.label_noise import noisy_labels
from alframe.audit.label_ranking import METHODS, label_quality, rank_suspects
from alframe.auditing.audit_settings import read_audit_settings
from alframe.config.by_data import chosen_by_data, with_choices
from alframe.config.compose import composed
from alframe.learner import CNNLearner
from alframe.learner.compute.threads import keep_large_blocks, limited_threads
from alframe.trial.assemble import Trial, assemble, load_data, members
from alframe.trial.encoding import encode_now
from alframe.trial.learner_choice import with_chosen_learner
from alframe.trial.out_of_sample import out_of_sample
from alframe.trial.settings import read_settings

ANSWERS = 1.5  # times the number of wrong labels


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """What one ranking reaches: average precision, and the share of the wrong labels that is found."""

    precision: float
    found: float


def main() -> None:
    """Print the table."""
    options, overrides = _options()
    config = composed(["+hydra/command=audit", *overrides])
    keep_large_blocks()
    with limited_threads(config["threads"]):
        trial = _trial(config)
        encode_now(*trial.banks)
        print("| Seed | " + " | ".join(METHODS) + " | CPU s |")
        print("|---" * (len(METHODS) + 2) + "|", flush=True)
        rows = [_measured(trial, config, options, seed) for seed in options.seeds]
    print(f"| mean | {' | '.join(_mean(rows, method) for method in METHODS)} | |")


def _trial(config: dict[str, Any]) -> Trial:
    settings = read_settings(config)
    dataset = load_data(settings)
    member_N = members(settings, dataset)
    config = with_chosen_learner(config, dataset, None)
    n_channels = dataset.images_N.shape[1]
    keys = chosen_by_data(config, n_samples=int(member_N.sum()), n_channels=n_channels)
    settings = read_settings(with_choices(config, keys))
    return assemble(settings, dataset, member_N, progress=lambda stage, done, total: None)


def _measured(
    trial: Trial, config: dict[str, Any], options: argparse.Namespace, seed: int
) -> dict[str, Ranked]:
    dataset, member_N = trial.dataset, trial.member_N
    truth_N = dataset.truth_N
    assert truth_N is not None
    partner_C = None if options.partners is None else torch.tensor(options.partners)
    generator = torch.Generator().manual_seed(seed)
    given_N = noisy_labels(truth_N, member_N, dataset.n_classes, options.share, generator, partner_C)
    learner = trial.components.learner
    assert isinstance(learner, CNNLearner)
    begun = time.process_time()
    plan = read_audit_settings(config).folds
    labelled_N = given_N.masked_fill(~member_N, -1)
    log_probs_NC = out_of_sample(learner, labelled_N, torch.zeros_like(member_N), plan, seed=seed)
    seconds = time.process_time() - begun
    given_M, wrong_M = given_N[member_N], (given_N != truth_N)[member_N]
    row = {method: _ranked(log_probs_NC[member_N], given_M, wrong_M, method) for method in METHODS}
    cells = (f"{each.precision:.4f}, {each.found:.1%}" for each in row.values())
    print(f"| {seed} | {' | '.join(cells)} | {seconds:.1f} |", flush=True)
    return row


def _ranked(log_probs_MC: Tensor, given_M: Tensor, wrong_M: Tensor, method: str) -> Ranked:
    wrong_M = wrong_M[rank_suspects(label_quality(log_probs_MC, given_M, method))].double()
    n_wrong = float(wrong_M.sum())
    precision_M = wrong_M.cumsum(0) / torch.arange(1, len(wrong_M) + 1)
    return Ranked(
        precision=float((precision_M * wrong_M).sum()) / n_wrong,
        found=float(wrong_M[: round(ANSWERS * n_wrong)].sum()) / n_wrong,
    )


def _mean(rows: list[dict[str, Ranked]], method: str) -> str:
    first = next(iter(METHODS))
    own = [row[method].precision for row in rows]
    more = [row[method].precision - row[first].precision for row in rows]
    half = math.nan
    if len(rows) > 1:
        half = stats.t.ppf(0.975, len(rows) - 1) * statistics.stdev(more) / math.sqrt(len(rows))
    return f"{statistics.mean(own):.4f}; {statistics.mean(more):+.4f} ± {half:.4f}"


def _options() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=_numbers, default=[1, 2, 3], help="such as 1,2,3")
    parser.add_argument("--share", type=float, default=0.05, help="of the labels that are made wrong")
    parser.add_argument("--partners", type=_numbers, help="the class that each is mistaken for")
    return parser.parse_known_args()


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


if __name__ == "__main__":
    main()
