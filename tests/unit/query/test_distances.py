"""Distances in blocks against `torch.cdist`."""

import torch

from alframe.query.distances import nearest, squared_distances
from tests.support.pool_scores import normal


def test_distances_are_those_of_cdist_and_nearest_is_their_minimum() -> None:
    a, b = normal(30, 5), normal(9000, 5, seed=1)
    assert torch.allclose(squared_distances(a, b), torch.cdist(a, b) ** 2, atol=1e-4)
    assert torch.allclose(nearest(a, b), (torch.cdist(a, b) ** 2).amin(dim=1), atol=1e-4)
    assert nearest(a, b[:0]).isinf().all()
