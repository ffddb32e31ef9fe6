import gzip
import socket
import urllib.error
import urllib.request

import numpy as np
import pytest
from torchvision.datasets import CIFAR10, MNIST

from alframe.core.errors import DataError
from alframe.data import digits, torchvision_dataset


def write_idx(path, array):
    """Write a file as MNIST's authors do: two zeros, the type (8 is uint8), the axes, big-endian lengths."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def raw(tmp_path):
    """A folder MNIST/raw with six images to label and four to test."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for split, n in (("train", 6), ("t10k", 4)):
        write_idx(folder / f"{split}-images-idx3-ubyte", generator.integers(0, 256, (n, 28, 28)))
        write_idx(folder / f"{split}-labels-idx1-ubyte", np.arange(n) % 3)
    return folder


@pytest.fixture
def no_network(monkeypatch):
    """Every download fails; yields the addresses that were tried."""
    tried = []

    def urlopen(request, *args, **kwargs):
        tried.append(request.full_url)
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return tried


def mnist(data_dir, download=False):
    return torchvision_dataset(name="mnist", dataset=MNIST, data_dir=str(data_dir), download=download)


def test_digits_are_1797_real_images_of_ten_classes():
    dataset = digits(name="digits", data_dir="nowhere", download=False)
    assert dataset.images_N.shape == (1797, 1, 8, 8)
    assert dataset.n_classes == 10
    assert sorted(dataset.truth_N.unique().tolist()) == list(range(10))
    assert dataset.images_N.max() == 255  # 16 grey levels, spread over a byte
    assert dataset.test_images_T is None


def test_digits_are_sklearns_grey_levels_in_its_order():
    from sklearn.datasets import load_digits

    bundle = load_digits()
    dataset = digits(name="digits", data_dir="nowhere", download=False)
    levels = dataset.images_N[:, 0].numpy() * (16 / 255)
    assert np.abs(levels - bundle.images).max() < 0.04
    assert dataset.truth_N.tolist() == bundle.target.tolist()


def test_mnist_files_are_read_without_the_network(raw, tmp_path, no_network):
    dataset = mnist(tmp_path, download=True)
    images = np.frombuffer((raw / "train-images-idx3-ubyte").read_bytes()[16:], np.uint8)
    assert (dataset.images_N.numpy() == images.reshape(6, 1, 28, 28)).all()
    assert dataset.truth_N.tolist() == [0, 1, 2, 0, 1, 2]
    assert dataset.test_images_T.shape == (4, 1, 28, 28)
    assert dataset.test_truth_T.tolist() == [0, 1, 2, 0]
    assert dataset.n_classes == 10
    assert dataset.class_names[3] == "3 - three"
    assert no_network == []


def test_a_tilde_in_data_dir_is_the_home_folder(raw, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(mnist("~")) == 6


def test_missing_data_without_download_names_the_folder_and_the_way_out(tmp_path, no_network):
    with pytest.raises(DataError) as refusal:
        mnist(tmp_path / "nothing")
    message = str(refusal.value)
    assert message.startswith(f"data_dir: expected mnist under {tmp_path / 'nothing'}, found none")
    assert "data_dir=FOLDER" in message
    assert "ALFRAME_DATA_DIR" in message
    assert "data.download=true" in message
    assert no_network == []
    assert not (tmp_path / "nothing").exists()


def test_an_empty_folder_counts_as_absent(tmp_path):
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    with pytest.raises(DataError, match="found none"):
        mnist(tmp_path)


def test_missing_cifar_gives_the_same_error(tmp_path):
    with pytest.raises(DataError, match=r"expected cifar10 under .*, found none.*data\.download=true"):
        torchvision_dataset(name="cifar10", dataset=CIFAR10, data_dir=str(tmp_path), download=False)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


def garbage(path):
    path.write_bytes(bytes(range(256)) * 20)


def compressed(path):
    path.write_bytes(gzip.compress(path.read_bytes()))


@pytest.mark.parametrize("damage", [cut, empty, garbage, compressed])
@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"])
@pytest.mark.parametrize("download", [False, True])
def test_a_damaged_file_is_refused_with_the_way_out(raw, tmp_path, no_network, damage, file, download):
    damage(raw / file)
    with pytest.raises(DataError) as refusal:
        mnist(tmp_path, download)
    message = str(refusal.value)
    assert message.startswith(f"data_dir: expected the files of mnist under {tmp_path} to be whole")
    assert "Delete them" in message
    assert len(message.splitlines()) == 1
    assert no_network == []


def test_missing_labels_at_the_end_are_refused(raw, tmp_path):
    write_idx(raw / "train-labels-idx1-ubyte", np.arange(5) % 3)
    with pytest.raises(DataError, match=r"labels of shape \(6,\), one per image, got \(5,\)"):
        mnist(tmp_path)


def test_a_failed_download_is_refused_with_the_way_out(tmp_path, no_network):
    with pytest.raises(DataError) as refusal:
        mnist(tmp_path, download=True)
    message = str(refusal.value)
    assert message.startswith(f"data.download: mnist is not under {tmp_path} and could not be downloaded")
    assert "data_dir=FOLDER" in message
    assert len(message.splitlines()) == 1
    assert len(no_network) >= 2  # every mirror was tried


class Pictures:
    """What torchvision's CIFAR classes are like, with made-up pictures."""

    classes = ("cat", "dog")
    timeouts = ()

    def __init__(self, root, train, download):
        Pictures.timeouts = (*Pictures.timeouts, socket.getdefaulttimeout())
        n = 5 if train else 3
        self.data = np.random.default_rng(n).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
        self.targets = [i % 2 for i in range(n)]


def test_colour_images_with_lists_of_labels_are_accepted(tmp_path):
    dataset = torchvision_dataset(name="pets", dataset=Pictures, data_dir=str(tmp_path), download=False)
    expected = Pictures("", True, False).data
    assert dataset.images_N.shape == (5, 3, 32, 32)
    assert (dataset.images_N[4, 2].numpy() == expected[4, :, :, 2]).all()
    assert dataset.truth_N.tolist() == [0, 1, 0, 1, 0]
    assert dataset.test_truth_T.tolist() == [0, 1, 0]
    assert dataset.class_names == ("cat", "dog")


def test_a_hanging_socket_times_out_and_the_old_timeout_is_restored(tmp_path, monkeypatch):
    monkeypatch.setattr(Pictures, "timeouts", ())
    before = socket.getdefaulttimeout()
    torchvision_dataset(name="pets", dataset=Pictures, data_dir=str(tmp_path), download=False)
    assert Pictures.timeouts == (20.0, 20.0)
    assert socket.getdefaulttimeout() == before


def test_missing_data_is_downloaded_if_allowed(tmp_path):
    asked = []

    class Remote(Pictures):
        def __init__(self, root, train, download):
            asked.append((train, download))
            if not download:
                raise RuntimeError("Dataset not found. You can use download=True to download it")
            super().__init__(root, train, download)

    dataset = torchvision_dataset(name="pets", dataset=Remote, data_dir=str(tmp_path), download=True)
    assert len(dataset) == 5
    assert asked == [(True, False), (True, True), (False, False), (False, True)]


def test_files_without_read_permission_are_refused(tmp_path):
    class Locked:
        def __init__(self, root, train, download):
            raise PermissionError(13, "Permission denied", f"{root}/pets")

    with pytest.raises(DataError, match=r"readable pets under .*Permission denied \(.*/pets\)"):
        torchvision_dataset(name="pets", dataset=Locked, data_dir=str(tmp_path), download=True)
