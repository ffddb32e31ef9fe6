"""The images that a fit of the encoder gets are those that its vectors were made of."""

from pathlib import Path

import pytest
import torch

from alframe.core.errors import ConfigError
from alframe.data.decoded import DecodedImages, UnreadableImages
from alframe.embedding import InputBank
from alframe.embedding.file_source import FileSource
from alframe.embedding.prepare import normalise, scale
from alframe.embedding.store import Store
from alframe.embedding.store_writer import writing
from tests.support.encoders import CPU, D, preprocessing, random_images, write_images

PREPROCESSING = preprocessing()


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_an_array_are_scaled_and_cropped_in_any_order(channels: int) -> None:
    images_N = random_images(7, channels=channels)
    bank = InputBank(images_N, PREPROCESSING, CPU)
    expected = scale(images_N, PREPROCESSING)
    index = torch.tensor([5, 0, 5, 2])
    assert torch.equal(bank.take(index), expected[index])
    assert torch.equal(bank.take(torch.tensor([2, 6])), expected[[2, 6]])
    assert torch.equal(torch.cat(list(bank.stream(index, 3))), expected[index])
    assert list(bank.stream(index[:0], 3)) == []
    assert (len(bank), bank.image_shape, bank.resident) == (7, (3, 16, 16), False)
    mean, std = bank.channel_statistics()
    torch.testing.assert_close(mean, expected.double().mean((0, 2, 3)).float())
    torch.testing.assert_close(std, expected.double().std((0, 2, 3), correction=0).float())


def test_image_files_are_read_as_for_their_vectors(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "images", 5, size=(50, 33))
    images = DecodedImages(paths, (8, 8), 3)
    store = Store(tmp_path / "store", D)
    source = FileSource(images, torch.arange(5), PREPROCESSING, CPU, store)
    with writing(store, None) as writer:
        encoded = torch.cat([batch.input_B for batch in source.batches(range(5), 2, writer)])
    bank = InputBank(images, PREPROCESSING, CPU)
    taken = bank.take(torch.tensor([3, 1]))
    assert torch.equal(normalise(taken, PREPROCESSING), encoded[[3, 1]])
    streamed = torch.cat(list(bank.stream(torch.arange(5), 2)))
    assert torch.equal(normalise(streamed, PREPROCESSING), encoded)


def test_images_of_a_fit_are_read_once_and_others_each_time(tmp_path: Path) -> None:
    paths = write_images(tmp_path / "images", 4)
    bank = InputBank(DecodedImages(paths, (8, 8), 3), PREPROCESSING, CPU)
    first = bank.take(torch.tensor([0, 1]))
    for path in paths[:3]:
        path.unlink()
    assert torch.equal(bank.take(torch.tensor([1, 0, 3]))[:2], first[[1, 0]])
    with pytest.raises(UnreadableImages, match=r"002\.png"):
        bank.take(torch.tensor([0, 2]))
    with pytest.raises(UnreadableImages, match=r"000\.png"):
        list(bank.stream(torch.tensor([0]), 2))


def test_no_more_images_are_kept_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alframe.embedding.input_bank.IN_MEMORY_BYTES", 3 * 3 * 16 * 16)
    bank = InputBank(random_images(6), PREPROCESSING, CPU)
    read = list[int]()
    before = bank._read
    monkeypatch.setattr(bank, "_read", lambda index_B: read.extend(index_B.tolist()) or before(index_B))
    for index in ([0, 1], [1, 2, 3, 4], [4, 5, 0]):
        bank.take(torch.tensor(index))
    assert read == [0, 1, 2, 3, 4, 4, 5]


def test_an_image_that_is_gone_is_black_and_nothing_is_cropped(tmp_path: Path) -> None:
    bank = InputBank(DecodedImages([None], (8, 8), 3), PREPROCESSING, CPU)
    assert bank.take(torch.tensor([0])).sum() == 0
    assert bank.cropped(0) is bank
    with pytest.raises(ConfigError, match=r"learner\.crop: expected 0"):
        bank.cropped(2)
