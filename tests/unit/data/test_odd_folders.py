"""Generated folders of odd names, links, formats and damage: no wrong label, nothing lost without a word."""

import os
import tempfile
import unicodedata
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from alframe.core.errors import DataError
from alframe.data import content_digest, folder, picture
from alframe.data.decoded import UnreadableImages
from alframe.data.image_files import without_files
from alframe.data.path_text import utf8_name
from alframe.tracking.files import file_lines

N_INPUTS = int(os.environ.get("ALFRAME_ODD_INPUTS", "70"))
NAMES = [
    *["1", "01", "10", "2", "①", "²", "Käse", "a,b", "-", "?", "=1+1", "CON", "日本", "a;b", "train", "0x1"],
    *(unicodedata.normalize("NFD", "Käse"), 'say "x"', "two\nlines", "caf\udce9", "👩\u200d🔬", " lead"),
]
FORMATS = [
    *(("L", "png"), ("RGB", "jpg"), ("1", "png"), ("P", "gif"), ("LA", "png"), ("RGBA", "webp"), ("RGB", "")),
    *(("I;16", "tif"), ("F", "tiff"), ("CMYK", "jpeg"), ("L", "pgm"), ("RGB", "jfif"), ("L", "BMP")),
]
KINDS = {"": "PNG", "pgm": "PPM", "jfif": "JPEG", "jpg": "JPEG", "tif": "TIFF"}

classes = st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=True)
files = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(NAMES), st.sampled_from(FORMATS)), min_size=6, max_size=10
)


def image(mode, value, size=(9, 7)):
    array = np.full(size[::-1], value, np.uint8)
    array[2:4] = value // 2
    if mode == "I;16":
        return Image.fromarray(array.astype(np.uint16) * 257)
    return Image.fromarray(array).convert("RGB").convert(mode)


def build(root, names, chosen, odd):
    """Write a folder and return the class of each file, and the parts that a warning must name."""
    truth, told = {}, []
    for n, (which, stem, (mode, suffix)) in enumerate([(0, "a", FORMATS[0]), (1, "b", FORMATS[0]), *chosen]):
        name = names[which % len(names)]
        file = root / name / (f"{stem}{n}.{suffix}" if suffix else f"{stem}{n}")
        file.parent.mkdir(exist_ok=True)
        image(mode, 30 + 18 * n).save(file, KINDS.get(suffix, suffix))
        truth[file] = name
    first = next(iter(truth))
    for each in sorted(odd, key=lambda each: each is link_to_class):  # the link shows all the others
        told += each(root, first, truth)
    return truth, told


def decoded(data):
    """Return a data set without the file that is found to be cut off when it is decoded."""
    try:
        data.images_N.pixels()
    except UnreadableImages as error:
        if {path.name for path in error.reasons} != {"cut.png"}:
            raise
        data = without_files(data, error.reasons)
        data.images_N.pixels()
    return data


def odd_folder(root, first, truth):
    (root / "nothing").mkdir()
    return ["nothing (empty)"]


def heic_only(root, first, truth):
    (root / "phone").mkdir()
    (root / "phone" / "x.heic").write_bytes(b"\0" * 50)
    return ["phone (1 .heic)"]


def broken_link(root, first, truth):
    (first.parent / "gone.png").symlink_to(root / "nowhere")
    return ["to a file or folder that does not exist"]


def link_to_class(root, first, truth):
    (root / "linked").symlink_to(first.parent)
    truth |= {root / "linked" / file.name: "linked" for file in [*truth] if file.parent == first.parent}
    return ["take part twice"] if len(truth) > 1 else ["takes part twice"]


def loop(root, first, truth):
    (first.parent / "up").symlink_to(root)
    return ["back to a folder above"]


def damaged(root, first, truth):
    (first.parent / "damaged.png").write_bytes(b"no image")
    return ["damaged.png"]


def cut(root, first, truth):
    whole = root / ".whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (7, 9), dtype=np.uint8)).save(whole)
    (first.parent / "cut.png").write_bytes(whole.read_bytes()[:60])
    return []


def trial(root, first, truth):
    (root / "outputs" / "t" / ".hydra").mkdir(parents=True)
    image("L", 5).save(root / "outputs" / "t" / "3.png")
    return []


def hidden(root, first, truth):
    (root / ".git").mkdir()
    (first.parent / "Thumbs.db").write_bytes(b"x")
    image("L", 5).save(first.parent / ".x.png")
    return []


def text(root, first, truth):
    (root / "labels").mkdir()
    (root / "labels" / "x.txt").write_text("1 2 3")
    return ["labels"]


def turned(root, first, truth):
    exif = Image.Exif()
    exif[0x0112] = 6
    image("RGB", 90, (7, 9)).save(first.parent / "turned.jpg", exif=exif)
    truth[first.parent / "turned.jpg"] = truth[first]
    return []


def other_size(root, first, truth):
    image("RGB", 90, (30, 20)).save(first.parent / "size.jpg")
    truth[first.parent / "size.jpg"] = truth[first]
    return ["data.size"]


ODD = [odd_folder, heic_only, broken_link, link_to_class, loop, damaged, cut, trial, hidden, text, turned]
odd_things = st.lists(st.sampled_from([*ODD, other_size]), max_size=5, unique=True)
SETTINGS = {"name": "mine", "data_dir": ".", "download": False, "channels": None, "class_names": None}
SETTINGS |= {"max_megapixels": None, "subfolders_are_classes": True}


@settings(
    max_examples=N_INPUTS,
    deadline=None,
    database=None,
    derandomize=N_INPUTS <= 100,
    suppress_health_check=list(HealthCheck),
)
@given(names=classes, chosen=files, odd=odd_things, size=st.sampled_from([None, [8, 8]]))
def test_generated_folders_are_read_rightly_and_each_thing_left_out_is_told(names, chosen, odd, size):
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        root = Path(place, "data")
        root.mkdir()
        (truth, told), data = build(root, names, chosen, odd), None
        with suppress(DataError):
            data = folder(path=str(root), size=size, test_path=None, **SETTINGS)
        if data is None:  # one name in two encodings is one class
            assert len({nfc(name) for name in truth.values()}) < 2
            return
        data = decoded(data)
        lines = [str(each.message) for each in caught]
        told = [each for each in told if size is None or each != "data.size"]
        assert [each for each in told if each not in " ".join(lines)] == [], lines
        assert {*data.paths_N} == {*truth}
        for path, number in zip(data.paths_N, data.truth_N.tolist(), strict=True):
            assert nfc(data.class_names[number]) == nfc(utf8_name(truth[path]))
        assert {nfc(utf8_name(name)) for name in truth.values()} <= {nfc(name) for name in data.class_names}
        assert "".join(file_lines(data.files_N)).encode()
        assert max(picture(data, 0).size) <= 1600
        assert len(content_digest(data, 0)) == 32
        assert not any("\n" in line for line in lines)


def nfc(name):
    return unicodedata.normalize("NFC", name)
