"""The samples that are part of a trial: a limited number, or classes of unequal size.

The test set does not change.

Axes: N the samples of the file, C the classes.

Source: Cui et al., Class-balanced loss based on effective number of samples, CVPR 2019 (long tail).
"""

import math
import warnings
from typing import Any

import torch
from torch import Tensor

from alframe.core.errors import ConfigError, DataWarning
from alframe.core.seeds import derive_generator
from alframe.core.selection import rank_within
from alframe.data.dataset import ImageDataset


def thinned_members(
    dataset: ImageDataset, member_N: Tensor, settings: dict[str, Any] | None, seed: int
) -> Tensor:
    """Return (N,) bool, `member_N` with classes reduced according to `data.imbalance`; None changes nothing.

    Raises:
        ConfigError: the true classes are unknown.
    """
    if settings is None or settings["kind"] == "none":
        return member_N
    if dataset.truth_N is None:
        raise ConfigError(
            "data.imbalance.kind",
            f"none for {dataset.name}, which has no true labels",
            settings["kind"],
        )
    generator = derive_generator(seed, 0, "imbalance")
    share_C = kept_shares(dataset.n_classes, settings["kind"], settings["ratio"])
    if settings["shuffle_classes"]:
        share_C = share_C[torch.randperm(dataset.n_classes, generator=generator)]
    return imbalanced(dataset.truth_N, member_N, share_C, generator)


def kept_shares(n_classes: int, kind: str, ratio: float) -> Tensor:
    """Return (C,) float64 in (0, 1], the share of its samples that each class keeps.

    Args:
        n_classes: C, at least 2.
        kind: "long_tail": ratio ** (-c / (C - 1)); "step": 1 for the first half of the classes (the larger
            half of an odd number), 1 / ratio for the others.
        ratio: at least 1, between the largest and the smallest share.

    >>> kept_shares(3, "long_tail", 100.0).tolist()
    [1.0, 0.1, 0.01]
    >>> kept_shares(4, "step", 10.0).tolist()
    [1.0, 1.0, 0.1, 0.1]
    """
    class_C = torch.arange(n_classes, dtype=torch.float64)
    if kind == "long_tail":
        return torch.as_tensor(float(ratio), dtype=torch.float64) ** (-class_C / (n_classes - 1))
    share_C = torch.ones_like(class_C)
    share_C[math.ceil(n_classes / 2) :] = 1.0 / ratio
    return share_C


def imbalanced(truth_N: Tensor, member_N: Tensor, share_C: Tensor, generator: torch.Generator) -> Tensor:
    """Return (N,) bool: of each class, floor(share * size) random members of `member_N`, at least one.

    Args:
        truth_N: (N,) int64 in [0, C). member_N: (N,) bool.
        share_C: (C,) float64 in (0, 1]. generator: draws the samples that stay.
    """
    size_C = torch.bincount(truth_N[member_N], minlength=len(share_C))
    # 5000 * 0.01 may be slightly less than 50 in floating point.
    keep_C = (size_C * share_C + 1e-9).floor().long()
    _warn_of_empty_classes(size_C, keep_C)
    keep_C = torch.maximum(keep_C, size_C.clamp(max=1))
    index_M = member_N.nonzero().flatten()
    shuffled_M = index_M[torch.randperm(len(index_M), generator=generator)]
    class_M = truth_N[shuffled_M]
    kept = shuffled_M[rank_within(class_M) < keep_C[class_M]]
    return torch.zeros_like(member_N).index_fill_(0, kept, True)


def _warn_of_empty_classes(size_C: Tensor, keep_C: Tensor) -> None:
    vanishing = ((keep_C == 0) & (size_C > 0)).nonzero().flatten().tolist()
    if vanishing:
        classes = ", ".join(map(str, vanishing))
        warnings.warn(
            f"data.imbalance.ratio: no sample of class {classes} (counted from 0) would be left; one is "
            "kept. Write a smaller ratio or a larger data.limit.",
            DataWarning,
            stacklevel=3,
        )


def choose_members(size: int, limit: int | None, seed: int) -> Tensor:
    """Return (size,) bool, the samples that are part of the trial: `limit` random ones, or all.

    Raises:
        ConfigError: `limit` is larger than `size`.
    """
    if limit is None:
        return torch.ones(size, dtype=torch.bool)
    if limit > size:
        raise ConfigError("data.limit", f"at most the data set's {size} samples", limit)
    chosen = torch.randperm(size, generator=derive_generator(seed, 0, "limit"))[:limit]
    return torch.zeros(size, dtype=torch.bool).index_fill_(0, chosen, True)
