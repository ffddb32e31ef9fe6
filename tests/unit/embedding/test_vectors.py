"""Vectors from memory and from files, and the bank over them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from alframe.core.errors import ConfigError, DataError
from alframe.embedding import vector_bank, vectors
from alframe.embedding.vector_bank import VectorBank
from alframe.embedding.vectors import Vectors

CPU = torch.device("cpu")


def stored(folder: Path, n: int, dtype: type = np.float16, name: str = "a.npy") -> np.ndarray:
    values = np.random.default_rng(n).normal(3, 2, (n, 5)).astype(dtype)
    np.save(folder / name, values)
    return np.load(folder / name, mmap_mode="r")


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_vectors_of_a_file_are_the_same_mapped_and_in_memory(
    tmp_path: Path, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = stored(tmp_path, 40, dtype)
    in_memory = Vectors(array)
    monkeypatch.setattr(vectors, "IN_MEMORY_BYTES", 0)
    in_file = Vectors(array)
    index_B = torch.tensor([39, 0, 7, 7, 20])
    expected = torch.from_numpy(np.array(array))[index_B].half()
    assert in_memory.in_memory
    assert not in_file.in_memory
    for each in (in_memory, in_file):
        assert (len(each), each.n_features, each.shape) == (40, 5, (40, 5, 1, 1))
        assert each.take(index_B).dtype == torch.float16
        assert torch.equal(each.take(index_B), expected)
        assert each.take(index_B[:0]).shape == (0, 5)


@pytest.mark.parametrize("in_memory", [True, False])
def test_several_files_are_one_table_and_samples_without_a_row_are_zeros(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.setattr(vectors, "IN_MEMORY_BYTES", 0)
    one, two = stored(tmp_path, 8), np.array(stored(tmp_path, 6, name="b.npy"))
    row_N = torch.tensor([13, -1, 0, 8, 7, 13])
    found = Vectors([one, two], row_N).take(torch.arange(6))
    expected = np.stack([two[5], np.zeros(5), one[0], two[0], one[7], two[5]])
    assert np.array_equal(found.numpy(), expected.astype(np.float16))


@pytest.mark.parametrize(("value", "what"), [(np.nan, "NaN"), (np.inf, "infinity"), (1e6, "infinity, or")])
@pytest.mark.parametrize("in_memory", [True, False])
def test_a_value_that_is_not_finite_names_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float, what: str, in_memory: bool
) -> None:
    array = np.array(stored(tmp_path, 30, np.float32))
    array[17, 2] = value
    np.save(tmp_path / "a.npy", array)
    if not in_memory:
        monkeypatch.setattr(vectors, "IN_MEMORY_BYTES", 0)

    def read() -> None:
        given = np.load(tmp_path / "a.npy", mmap_mode="r")
        found = Vectors(given, named=lambda row: f"a.npy, row {row}")
        found.take(torch.arange(10))
        found.take(torch.arange(10, 30))

    with pytest.raises(DataError, match=rf"a\.npy, row 17: expected finite numbers .* got {what}"):
        read()


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_bank_gives_vectors_as_images_of_one_pixel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.setattr(vectors, "IN_MEMORY_BYTES", 0)
    array = stored(tmp_path, 40)
    made: list[Vectors] = []

    def make() -> Vectors:
        made.append(Vectors(array))
        return made[-1]

    bank = VectorBank(make, 40, 5, CPU)
    assert (len(bank), bank.image_shape, bank.resident, bank.cropped(0)) == (40, (5, 1, 1), in_memory, bank)
    assert not made
    with pytest.raises(ConfigError, match=r"learner\.crop"):
        bank.cropped(2)
    index_P = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    expected = torch.from_numpy(np.array(array))[index_P, :, None, None]
    assert torch.equal(bank.take(index_P), expected)
    assert torch.equal(torch.cat(list(bank.stream(index_P, 7))), expected)
    assert sum(len(batch) for batch in bank.stream(index_P[:0], 7)) == 0
    assert len(made) == 1


@pytest.mark.parametrize("some", [None, torch.arange(0, 40, 3)])
def test_the_statistics_of_a_bank_are_those_of_numpy(tmp_path: Path, some: torch.Tensor | None) -> None:
    array = stored(tmp_path, 40)
    mean, std = VectorBank(lambda: Vectors(array), 40, 5, CPU).channel_statistics(some)
    chosen = np.array(array).astype(np.float64)[slice(None) if some is None else some]
    np.testing.assert_allclose(mean, chosen.mean(0), rtol=1e-6)
    np.testing.assert_allclose(std, chosen.std(0), rtol=1e-6)
    assert mean.dtype == std.dtype == torch.float32


def test_the_statistics_of_many_vectors_are_those_of_evenly_spread_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_bank, "MOST_MEASURED", 4)
    array = stored(tmp_path, 40)
    mean, _ = VectorBank(lambda: Vectors(array), 40, 5, CPU).channel_statistics()
    np.testing.assert_allclose(mean, array[[0, 10, 20, 30]].astype(np.float64).mean(0), rtol=1e-6)
