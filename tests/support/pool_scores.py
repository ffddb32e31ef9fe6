"""Scores of small made-up pools for tests of query strategies."""

import torch

from alframe.core.records import Labelled, PoolScores

EMPTY = torch.empty(0, dtype=torch.int64)
NO_LABELS = Labelled(index_L=EMPTY, label_L=EMPTY, hand_L=EMPTY.bool(), pool_P=torch.arange(3))


def generator(seed: int = 0) -> torch.Generator:
    """Return a generator with this seed."""
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Return standard normal numbers."""
    return torch.randn(*shape, generator=generator(seed))


def pool(n: int, **fields: torch.Tensor) -> PoolScores:
    """Return scores of the samples 10 to n + 9: class 0 and log-odds 0 unless `fields` sets others."""
    zeros = torch.zeros(n)
    return PoolScores(
        **{"index_P": torch.arange(n) + 10, "predicted_P": zeros.long(), "log_odds_P": zeros} | fields
    )


def labelled(features_LD: torch.Tensor) -> Labelled:
    """Return hand labels of samples with these features, classes 0 and 1 in turns."""
    n = len(features_LD)
    return Labelled(
        index_L=torch.arange(n),
        label_L=torch.arange(n) % 2,
        hand_L=torch.ones(n, dtype=torch.bool),
        pool_P=torch.arange(10),
        features_LD=features_LD,
    )


def members(*votes: tuple[int, ...], n_classes: int = 3) -> torch.Tensor:
    """Return log-probabilities (P, K, C) of members that give 0.9 to the class they vote for."""
    probs = torch.full((len(votes), len(votes[0]), n_classes), 0.1 / (n_classes - 1))
    return probs.scatter_(2, torch.tensor(votes)[:, :, None], 0.9).log()
