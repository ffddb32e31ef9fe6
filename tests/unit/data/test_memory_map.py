import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from alframe.core.errors import DataError
from alframe.data import ImageBank, ImageDataset, MappedBank, MappedImages, make_bank, map_images, mapped_rows
from alframe.data import memory_map as mapped

N = 100
LAYOUTS = {
    "grey": (N, 7, 9),
    "grey, channels last": (N, 7, 9, 1),
    "colour, channels last": (N, 7, 9, 3),
    "colour, channels first": (N, 3, 7, 9),
}


@pytest.fixture(params=LAYOUTS)
def stored(request, tmp_path):
    """A read-only map of a file in each layout."""
    images = np.random.default_rng(0).integers(0, 256, LAYOUTS[request.param], dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    return np.load(tmp_path / "images.npy", mmap_mode="r")


@pytest.fixture
def banks(stored):
    """The bank of the file and the one that holds the same images."""
    dataset = ImageDataset.from_arrays("toy", stored, np.arange(N) % 2)
    return MappedBank(map_images("toy", "images", stored), torch.device("cpu")), ImageBank(dataset.images_N)


@pytest.fixture(params=[False, True], ids=["in a window", "scattered"])
def window(request, monkeypatch):
    """With and without a window so small that images are read a few at a time and let go at once."""
    if request.param:
        monkeypatch.setattr(mapped_rows, "WINDOW", 200)


@pytest.fixture
def grey_bank(tmp_path):
    np.save(tmp_path / "images.npy", np.arange(N * 16, dtype=np.uint8).reshape(N, 4, 4))
    stored = np.load(tmp_path / "images.npy", mmap_mode="r")
    return MappedBank(MappedImages(stored), torch.device("cpu"))


def readers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("alframe-reader")]


@pytest.mark.usefixtures("window")
@pytest.mark.parametrize("pixels", [0, 1])
def test_take_returns_the_images_of_a_bank_in_memory(banks, pixels):
    mapped_bank, held = (bank.cropped(pixels) for bank in banks)
    assert mapped_bank.image_shape == held.image_shape
    assert len(mapped_bank) == len(held) == N
    for index in ([7, 0, 7], [99], [], list(range(99, -1, -1))):
        index_B = torch.tensor(index, dtype=torch.int64)
        taken = mapped_bank.take(index_B)
        assert torch.equal(taken, held.take(index_B))
        assert (taken.dtype, taken.is_contiguous()) == (torch.uint8, True)


@pytest.mark.usefixtures("window")
@pytest.mark.parametrize("batch_size", [1, 16, 17, 99, 100, 500])
def test_stream_returns_the_batches_of_a_bank_in_memory(banks, batch_size):
    mapped_bank, held = (bank.cropped(1) for bank in banks)
    for index_P in (torch.arange(N), torch.randperm(N), torch.arange(0, N, 7), torch.tensor([3])):
        ours, theirs = (list(bank.stream(index_P, batch_size)) for bank in (mapped_bank, held))
        assert len(ours) == len(theirs)
        assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert readers() == []


def test_its_statistics_are_those_of_a_bank_in_memory(banks, monkeypatch):
    monkeypatch.setattr(mapped, "CHUNK", 1000)
    mapped_bank, held = (bank.cropped(1) for bank in banks)
    for index_N in (None, torch.tensor([3, 11, 40])):
        ours, theirs = mapped_bank.channel_statistics(index_N), held.channel_statistics(index_N)
        assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_cropping_twice_adds_up_and_zero_pixels_returns_the_same_bank(banks):
    bank, held = banks
    assert bank.cropped(0) is bank
    index_B = torch.arange(5)
    assert torch.equal(bank.cropped(1).cropped(1).take(index_B), held.cropped(2).take(index_B))


def test_one_image_is_read_as_a_tensor_of_its_own(banks):
    mapped_bank, held = banks
    image = mapped_bank.images[42]
    assert torch.equal(image, held.images_N[42])
    image.zero_()  # does not reach the file
    assert torch.equal(mapped_bank.images[42], held.images_N[42])


def test_it_is_not_resident_and_takes_indices_on_the_cpu(grey_bank):
    assert not grey_bank.resident
    assert grey_bank.index_device == grey_bank.device == torch.device("cpu")


def test_an_empty_stream_has_no_batch_and_no_thread(grey_bank):
    assert list(grey_bank.stream(torch.empty(0, dtype=torch.int64), 8)) == []
    assert readers() == []


def test_an_index_beyond_the_file_is_an_error(grey_bank):
    with pytest.raises(IndexError):
        grey_bank.take(torch.tensor([N]))


@pytest.mark.parametrize("taken", [1, 2, 5])
def test_the_reader_ends_when_the_consumer_stops_early(grey_bank, taken):
    stream = grey_bank.stream(torch.arange(N), 4)
    for _ in range(taken):
        next(stream)
    assert len(readers()) == 1
    stream.close()
    assert readers() == []


def test_the_reader_ends_when_the_consumer_fails(grey_bank):
    def consume():
        for _ in grey_bank.stream(torch.arange(N), 4):
            raise RuntimeError("of the consumer")

    with pytest.raises(RuntimeError, match="of the consumer"):
        consume()
    deadline = time.monotonic() + 5
    while readers() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert readers() == []


@pytest.mark.parametrize("bad", [0, 9, N - 1])
def test_an_error_of_the_reader_is_raised_at_its_batch(grey_bank, bad):
    index_P = torch.arange(N)
    index_P[bad] = N  # beyond the file
    delivered = []
    with pytest.raises(IndexError):
        delivered += grey_bank.stream(index_P, 4)
    stream, n_good = grey_bank.stream(index_P, 4), bad // 4
    assert len([next(stream) for _ in range(n_good)]) == n_good
    with pytest.raises(IndexError):
        next(stream)
    assert readers() == []


def test_one_batch_is_read_ahead_and_no_more(grey_bank, monkeypatch):
    read, started = [], threading.Event()
    original = MappedImages.read_into

    def watched(self, out_B, index_B, pixels=0):
        original(self, out_B, index_B, pixels)
        read.append(int(index_B[0]))
        if len(read) == 2:
            started.set()

    monkeypatch.setattr(MappedImages, "read_into", watched)
    stream = grey_bank.stream(torch.arange(N), 10)
    next(stream)
    assert started.wait(5)
    time.sleep(0.05)
    assert read == [0, 10]
    next(stream)
    stream.close()
    assert read == [0, 10, 20]


def test_batches_on_the_cpu_are_not_overwritten_by_those_that_follow(grey_bank):
    batches = list(grey_bank.stream(torch.arange(N), 10))
    assert torch.equal(torch.cat(batches), grey_bank.take(torch.arange(N)))


@pytest.fixture
def slow_copies(monkeypatch):
    """Stands in for CUDA: a copy is made when somebody waits for the event recorded after it, no sooner."""
    queued, events = [], []

    def to(self, device, non_blocking):
        assert (device.type, non_blocking) == ("cuda", True)
        copy = torch.empty_like(self)
        queued.append((copy, self))
        return copy

    class Event:
        def __init__(self):
            self.copies = []
            events.append(self)

        def record(self, stream):
            self.copies, queued[:] = list(queued), []

        def synchronize(self):
            for copy, source in self.copies:
                copy.copy_(source)
            self.copies = []

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    monkeypatch.setattr(torch.Tensor, "to", to)
    monkeypatch.setattr(MappedBank, "_empty", lambda bank, n: torch.empty((n, *bank.image_shape)).byte())
    return events


@pytest.mark.parametrize("batch_size", [1, 7, 33, 50, 99, 100])
def test_a_buffer_is_filled_again_only_when_its_copy_is_made(grey_bank, slow_copies, batch_size):
    expected = grey_bank.images._rows.stored[:, None]
    bank = MappedBank(grey_bank.images, torch.device("cuda", 0))
    delivered = list(bank.stream(torch.arange(N), batch_size))
    assert len(slow_copies) == 2  # one event a buffer
    for event in slow_copies:
        event.synchronize()
    assert (torch.cat(delivered).numpy() == expected).all()


def test_a_data_set_holds_mapped_images(stored, banks):
    images = map_images("toy", "images", stored)
    dataset = ImageDataset.from_arrays(
        "toy", images, np.arange(N) % 2, test_images=images, test_labels=[1] * N
    )
    assert dataset.images_N is dataset.test_images_T is images
    bank = make_bank(dataset.images_N, torch.device("cpu"))
    assert isinstance(bank, MappedBank)
    assert torch.equal(bank.take(torch.arange(N)), banks[1].images_N)
    assert isinstance(make_bank(banks[1].images_N, torch.device("cpu")), ImageBank)


def test_labels_must_fit_mapped_images(stored):
    with pytest.raises(DataError, match=r"labels of shape \(100,\)"):
        ImageDataset.from_arrays("toy", map_images("toy", "images", stored), np.arange(N - 1) % 2)


def test_an_array_in_memory_is_refused_as_a_map():
    with pytest.raises(TypeError, match="memory map, but got one over NoneType"):
        MappedImages(np.zeros((4, 5, 5), np.uint8))


MEASURE = """
import sys, numpy as np, torch
from torch import nn
from alframe.data import MappedBank, map_images
from alframe.learner.compute.device import Compute
from alframe.learner.module import Normalize
from alframe.learner.scoring.pool import score_pool

def resident(key):
    [line] = [line for line in open("/proc/self/status") if line.startswith(key)]
    return int(line.split()[1]) * 1024

stored = np.load(sys.argv[1], mmap_mode="r")
bank = MappedBank(map_images("toy", "images", stored), torch.device("cpu")).cropped(2)
index_P = torch.arange(len(bank))
network = nn.Sequential(nn.Flatten(), nn.Linear(24 * 24, 10)).eval()
normalize = Normalize(torch.tensor([128.0]), torch.tensor([64.0]))
compute = Compute(device=torch.device("cpu"), precision="float32")
generator = torch.Generator().manual_seed(0)
order = torch.randperm(len(bank), generator=generator)
def read(share):  # scored in file order, then trained on
    some_P = index_P[: len(index_P) // share]
    score_pool([network], normalize, bank, some_P, compute=compute, batch_size=512)
    for index_B in order[: 8192 // share].split(128):
        bank.take(index_B)
read(64)  # what torch and NumPy load on first use
before = resident("VmHWM")
read(1)
print(resident("VmHWM") - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_pool_is_read_with_bounded_memory(tmp_path):
    n = 240_000  # 188 MB
    images = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (n, 28, 28))
    noise = np.random.default_rng(0).integers(0, 256, (20_000, 28, 28), dtype=np.uint8)
    for start in range(0, n, len(noise)):
        images[start : start + len(noise)] = noise
    del images
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "images.npy")]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    (tmp_path / "images.npy").unlink()
    assert grown < 120 * 2**20
