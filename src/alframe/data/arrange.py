"""Images and true classes in another order, with samples in between that are no longer there."""

from collections.abc import Sequence

import torch
from torch import Tensor

from alframe.data.banks import Images


def arranged_images(images_N: Images, position_N: Sequence[int]) -> Images:
    """Return the images of some positions; -1 stands for an image of zeros."""
    if list(position_N) == list(range(len(images_N))):
        return images_N
    if not isinstance(images_N, Tensor):
        return images_N.arranged(position_N)
    at_N = torch.tensor(position_N, dtype=torch.int64)
    taken_N = images_N[at_N.clamp(min=0)]
    taken_N[at_N < 0] = 0
    return taken_N


def arranged_truth(
    truth_N: Tensor | None, position_N: Sequence[int] | None, before: Sequence[str], after: Sequence[str]
) -> Tensor | None:
    """Return the true classes of some positions, or of all, numbered by other class names; -1 for a lost one.

    Args:
        truth_N: int64. position_N: as in `arranged_images`, or None for all.
        before, after: the class names that number the classes before and after.
    """
    if truth_N is None:
        return None
    number = {name: k for k, name in enumerate(after)}
    new_C = torch.tensor([*(number[name] for name in before), -1])  # the last one is for -1
    at_N = torch.arange(len(truth_N)) if position_N is None else torch.tensor(position_N, dtype=torch.int64)
    return torch.where(at_N < 0, -1, new_C[truth_N[at_N.clamp(min=0)]])
