import pytest
import torch

from alframe.query import approximate_neighbours as module
from alframe.query.approximate_neighbours import approximate_neighbours
from alframe.query.neighbours import float32_distances


def search(x_PD, k=4, seed=0):
    return approximate_neighbours(x_PD, k, torch.Generator().manual_seed(seed))


def clustered(n=600, features=5):
    generator = torch.Generator().manual_seed(3)
    centre_P = 4 * torch.randn(12, features, generator=generator)[torch.arange(n) % 12]
    return centre_P + torch.randn(n, features, generator=generator)


def test_one_part_gives_the_exact_neighbours():
    x_PD = clustered(100)
    found = search(x_PD)
    distances_PP = float32_distances(x_PD, x_PD).fill_diagonal_(torch.inf)
    exact = distances_PP.topk(4, dim=1, largest=False)
    assert torch.equal(found.squared_PK, exact.values)
    assert torch.equal(found.position_PK, exact.indices)


@pytest.mark.parametrize("largest", [4096, 30])
def test_parts_give_true_distances_and_most_neighbours(monkeypatch, largest):
    monkeypatch.setattr(module, "MEAN_PART", 50)
    monkeypatch.setattr(module, "LARGEST", largest)
    x_PD = clustered()
    found = search(x_PD)
    rows = torch.arange(len(x_PD))[:, None].expand_as(found.position_PK)
    valid = found.position_PK >= 0
    distances_PP = float32_distances(x_PD, x_PD)
    assert torch.allclose(
        found.squared_PK[valid], distances_PP[rows[valid], found.position_PK[valid]], rtol=1e-4, atol=1e-4
    )
    assert not bool((found.position_PK == rows).any())
    for row in found.position_PK.tolist():
        assert len(set(row)) == len(row)
    nearest = distances_PP.fill_diagonal_(torch.inf).argmin(dim=1)
    share = float((found.position_PK == nearest[:, None]).any(dim=1).double().mean())
    assert share > (0.85 if largest == 4096 else 0.4)


def test_copies_are_always_found():
    x_PD = clustered()
    x_PD[[5, 100]] = x_PD[[300, 411]]
    found = search(x_PD)
    assert found.position_PK[[5, 300, 100, 411], 0].tolist() == [300, 5, 411, 100]
    assert found.squared_PK[[5, 300, 100, 411], 0].tolist() == [0] * 4


def test_the_same_generator_gives_the_same_neighbours():
    one, two = search(clustered(), seed=1), search(clustered(), seed=1)
    assert torch.equal(one.position_PK, two.position_PK)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_fewer_samples_than_neighbours(n):
    found = search(clustered()[:n])
    assert found.position_PK.shape == (n, 4)
    assert (found.position_PK >= 0).sum(dim=1).tolist() == [max(0, n - 1)] * n
    assert bool(found.squared_PK[found.position_PK < 0].isinf().all())
