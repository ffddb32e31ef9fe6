"""Samples that look wrong whatever their label is, and copies whose labels contradict each other.

They are listed beside the suspects. Nothing is removed because it is in the list.

Axes: N the samples of the data set's file; P the samples that take part; K neighbours.

Sources: a sample far from its nearest neighbours belongs to no class (Kuan & Mueller, Back to the basics:
revisiting out-of-distribution detection baselines, ICML workshop 2022), by Tukey's rule of quartiles. Near
copies are those that are much closer than neighbours usually are, as in cleanlab's Datalab, whose share is
the default.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["copy", "near_copy", "no_class", "blank", "unreadable"]
MOST = 1000  # samples listed of a kind


@dataclass(frozen=True, kw_only=True)
class OddityLimits:
    """What counts as odd; as the keys `oddities.*` of the same names.

    Attributes:
        near: near copies are closer than this share of the median distance to the nearest neighbour.
        far: the mean distance of a sample of no class is above the third quartile by more than this many
            times the distance between the quartiles.
    """

    near: float
    far: float


@dataclass(frozen=True, kw_only=True)
class Oddity:
    """A sample to look at.

    Attributes:
        kind: "copy" and "near_copy" of a sample with another label; "no_class": far from all others; "blank":
            of one colour; "unreadable": its file cannot be read.
        index: of the sample; None for a file that is no sample, because it cannot be read.
        other: of the sample that it is a copy of, or None.
        detail: a short text for people.
    """

    kind: Kind
    index: int | None
    other: int | None
    detail: str


def copies_with_other_labels(first_N: Tensor, given_N: Tensor, class_names: Sequence[str]) -> list[Oddity]:
    """Return the exact copies whose label differs from the first label of their group.

    Args:
        first_N: (N,) int64, for each sample the first one with an equal image (`alframe.data.copies`).
        given_N: (N,) int64, negative without a label. class_names: of the C classes.
    """
    labelled = (given_N >= 0).nonzero().flatten()
    # The first sample with a label of each group.
    start_N = torch.full_like(first_N, len(first_N)).scatter_reduce(0, first_N[labelled], labelled, "amin")
    other = start_N[first_N[labelled]]
    differs = given_N[labelled] != given_N[other]
    pairs = zip(labelled[differs].tolist(), other[differs].tolist(), strict=True)
    return [_pair("copy", index, other, given_N, class_names) for index, other in list(pairs)[:MOST]]


def near_copies_with_other_labels(
    index_P: Tensor,
    position_PK: Tensor,
    squared_PK: Tensor,
    given_N: Tensor,
    class_names: Sequence[str],
    near: float,
) -> list[Oddity]:
    """Return pairs of almost equal samples with different labels, the closest first, each pair once.

    Exact copies of vectors are among them, also if the images differ.

    Args:
        index_P: (P,) int64, the samples. position_PK: (P, K) int64, positions in it of their neighbours, -1
            without one. squared_PK: (P, K) float, their squared distances.
        given_N, class_names: as in `copies_with_other_labels`. near: as in `OddityLimits`.
    """
    nearest_P = squared_PK[:, 0].sqrt()
    found_P = nearest_P[nearest_P.isfinite()]
    if len(found_P) == 0:
        return []
    usual = float(found_P.median())
    row, column = (squared_PK.sqrt() < near * usual).nonzero().T
    one, two = index_P[row], index_P[position_PK[row, column]]
    differs = (given_N[one] != given_N[two]) & (given_N[one] >= 0) & (given_N[two] >= 0)
    order = squared_PK[row, column][differs].argsort(stable=True)
    pairs = torch.stack([one, two], dim=1)[differs][order].sort(dim=1).values.tolist()
    return [
        _pair("near_copy", index, other, given_N, class_names)
        for other, index in list(dict.fromkeys(map(tuple, pairs)))[:MOST]
    ]


def samples_of_no_class(index_P: Tensor, squared_PK: Tensor, far_ranges: float) -> list[Oddity]:
    """Return the samples that are much farther from their neighbours than others, the farthest first.

    Args:
        index_P: (P,) int64. squared_PK: (P, K) float, squared distances to neighbours, infinite without one.
        far_ranges: `OddityLimits.far`.
    """
    mean_P = squared_PK.sqrt().mean(dim=1)
    known_P = mean_P[mean_P.isfinite()]
    if len(known_P) == 0:
        return []
    lower, usual, upper = known_P.sort().values[torch.arange(1, 4) * len(known_P) // 4].tolist()
    far = (mean_P.isfinite() & (mean_P > upper + far_ranges * (upper - lower))).nonzero().flatten()
    far = far[mean_P[far].argsort(descending=True, stable=True)][:MOST]
    return [
        Oddity(
            kind="no_class", index=index, other=None, detail=f"{ratio:.1f} times as far from its neighbours"
        )
        for index, ratio in zip(index_P[far].tolist(), (mean_P[far] / usual).tolist(), strict=True)
    ]


def blank_samples(blank_N: Tensor) -> Iterator[Oddity]:
    """Yield the samples with a single colour; `blank_N` is (N,) bool."""
    for index in blank_N.nonzero().flatten()[:MOST].tolist():
        yield Oddity(kind="blank", index=index, other=None, detail="all pixels are equal")


def unreadable_files(reasons: Mapping[Path, str]) -> list[Oddity]:
    """Return the files that cannot be read, with the reasons; they are no samples."""
    return [
        Oddity(kind="unreadable", index=None, other=None, detail=f"{file}: {reason}")
        for file, reason in list(reasons.items())[:MOST]
    ]


def _pair(kind: Kind, index: int, other: int, given_N: Tensor, class_names: Sequence[str]) -> Oddity:
    names = [class_names[int(given_N[each])] for each in (index, other)]
    return Oddity(kind=kind, index=index, other=other, detail=f"labels {names[0]} and {names[1]}")
