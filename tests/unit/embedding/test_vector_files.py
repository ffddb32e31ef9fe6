"""Vectors that the user has."""

from pathlib import Path

import numpy as np
import pytest
import torch

from alframe.core.errors import ConfigError, DataError
from alframe.embedding import GivenVectors, given_vectors, vectors

VALUES = np.random.default_rng(0).normal(size=(6, 3))


def given(folder: Path, values: np.ndarray = VALUES, **others: str) -> GivenVectors:
    np.save(folder / "emb.npy", values)
    paths = {"test_path": None, "names": None} | {key: str(folder / name) for key, name in others.items()}
    return given_vectors(path=str(folder / "emb.npy"), **paths)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f2", ">f4", ">f8"])
@pytest.mark.parametrize("in_memory", [True, False])
def test_vectors_are_read_as_float16(
    dtype: str, in_memory: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "IN_MEMORY_BYTES", 10**6 if in_memory else 0)
    encoder = given(tmp_path, VALUES.astype(dtype))
    assert encoder.n_features == 3
    read = encoder.vectors(6, is_test=False)
    assert read.in_memory == in_memory
    assert torch.equal(read.take(torch.tensor([4, 1])), torch.tensor(VALUES[[4, 1]]).half())


def test_the_identity_is_that_of_the_values(tmp_path: Path) -> None:
    before = given(tmp_path).identity
    assert given(tmp_path).identity == before
    assert given(tmp_path, VALUES + 1e-3).identity != before


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (VALUES[:, :, None], r"expected \(images, features\) .*6 x 3 x 1 float64"),
        (VALUES.astype(int), "6 x 3 int64"),
        (VALUES[:0], "0 x 3"),
        (VALUES.astype(object), "encoder.path: expected a .npy file of vectors"),
    ],
)
def test_other_arrays_are_refused(values: np.ndarray, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        given(tmp_path, values)


def test_a_missing_file_is_told() -> None:
    with pytest.raises(ConfigError, match=r"encoder.path: expected a .npy file of vectors: .*nowhere.npy"):
        given_vectors(path="nowhere.npy", test_path=None, names=None)


@pytest.mark.parametrize(("content", "why"), [(b"", "got 0"), (b"0.5,0.25\n", "magic string is not correct")])
def test_a_file_of_another_kind_is_told_as_such(content: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "emb.npy").write_bytes(content)
    with pytest.raises(ConfigError, match=f"encoder.path: expected a .npy file of vectors: .*{why}"):
        given_vectors(path=str(tmp_path / "emb.npy"), test_path=None, names=None)


def test_vectors_of_another_data_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected 7 vectors, one for each image, got '6'"):
        given(tmp_path).vectors(7, is_test=False)
    with pytest.raises(ConfigError, match=r"encoder.test_path: expected the vectors of the 2 test images"):
        given(tmp_path).vectors(2, is_test=True)
    np.save(tmp_path / "test.npy", VALUES[:2, :2])
    with pytest.raises(ConfigError, match=r"expected 3 features, as in encoder.path, got 2"):
        given(tmp_path, test_path="test.npy")
    files = [f"{n}.png" for n in range(6)]
    (tmp_path / "names.txt").write_text("\ufeff" + "\n".join([files[1], files[0], *files[2:]]))
    with pytest.raises(ConfigError, match=r"encoder.names: expected 0.png in line 1, got '1.png'"):
        given(tmp_path, names="names.txt").vectors(6, is_test=False, files_N=files)
    with pytest.raises(ConfigError, match=r"encoder.names: expected null, since the images .* have no names"):
        given(tmp_path, names="names.txt").vectors(6, is_test=False)


def test_a_value_that_is_not_finite_names_its_image(tmp_path: Path) -> None:
    values = VALUES.copy()
    values[4, 1] = np.nan
    encoder = given(tmp_path, values)
    with pytest.raises(DataError, match=r"cats/4.png: expected finite numbers"):
        encoder.vectors(6, is_test=False, files_N=[f"cats/{n}.png" for n in range(6)])
    with pytest.raises(DataError, match=r"encoder.path, row 4: "):
        encoder.vectors(6, is_test=False)
