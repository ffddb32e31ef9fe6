"""The oddities of a data set: neighbours in an encoder's vectors, or else in the pixels.

Axes: N the samples of the data set's file; P the samples that take part; D the features.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from alframe.audit.oddities import (
    Oddity,
    OddityLimits,
    blank_samples,
    copies_with_other_labels,
    near_copies_with_other_labels,
    samples_of_no_class,
)
from alframe.data import Bank
from alframe.data.copies import find_copies
from alframe.query.approximate_neighbours import approximate_neighbours
from alframe.query.distances import unit_rows, unit_scale

NEIGHBOURS = 10
SIDE = 32  # larger images are averaged to this many pixels a side
ROWS = 1024  # images that are read at once


def find_oddities(
    bank: Bank,
    index_P: Tensor,
    given_N: Tensor,
    class_names: tuple[str, ...],
    limits: OddityLimits,
    generator: torch.Generator,
) -> list[Oddity]:
    """Return the samples to look at, whatever the ranking of their labels says.

    Args:
        bank: the images, or the vectors of an encoder, which tell more. Blank images are found in images.
        index_P: (P,) int64, ascending, the samples that take part.
        given_N: (N,) int64 labels, negative without one. class_names: of the classes.
        limits: what counts as odd.
        generator: of the approximate search for neighbours.
    """
    first_N, blank_N = find_copies(bank, index_P)
    copies = copies_with_other_labels(first_N, given_N, class_names)
    blank = list(blank_samples(blank_N))
    # Of equal images one is compared, so that the neighbours of a copy are not its copies.
    searched_P = index_P[(first_N[index_P] == index_P) & ~blank_N[index_P]]
    position_PK, squared_PK = approximate_neighbours(_compared(bank, searched_P), NEIGHBOURS, generator)
    near = near_copies_with_other_labels(
        searched_P, position_PK, squared_PK, given_N, class_names, limits.near
    )
    return [*copies, *near, *samples_of_no_class(searched_P, squared_PK, limits.far), *blank]


def _compared(bank: Bank, index_P: Tensor) -> Tensor:
    """Return (P, D) float32, what the samples are compared by: directions of vectors, or pixels."""
    is_vector = bank.image_shape[1:] == (1, 1)
    parts = []
    for image_B in bank.stream(index_P, ROWS):
        x_B = image_B.float()
        if not is_vector and max(x_B.shape[2:]) > SIDE:
            x_B = F.adaptive_avg_pool2d(x_B, SIDE)
        parts.append(x_B.flatten(1).cpu())
    x_PD = torch.cat(parts) if parts else torch.empty(0, 1)
    return unit_rows(x_PD - x_PD.mean(dim=0)) if is_vector else unit_scale(x_PD)
