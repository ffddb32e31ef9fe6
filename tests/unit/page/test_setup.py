"""The set-up of a trial on the page: what is in a folder, and the settings that come of it."""

import numpy as np
import pytest
from PIL import Image

from alframe.config.compose import composed
from alframe.core.errors import DataError, UserError
from alframe.page.setup import N_SAMPLES, SETUP, SetUp, load, look, overrides, save


def picture(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8), len(file.name), dtype=np.uint8)).save(file)


def test_a_flat_folder(tmp_path):
    for k in range(20):
        picture(tmp_path / f"img{k}.png")
    for name, content in {"a.pdf": b"%PDF", "b.pdf": b"%PDF", "notes.txt": b"x", "broken.png": b"no"}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    found = look(tmp_path)
    told = found.as_json(0.95)
    assert (told["folder"], told["n_images"], told["classes"]) == (str(tmp_path), 20, [])
    assert len(told["samples"]) == N_SAMPLES
    assert max(told["samples"]) < 20
    assert told["proofs"][0] == {"tolerance": 0.05, "answers": 18}
    assert [each["answers"] for each in told["proofs"]] == [18, 20, 20]
    assert found.as_json(0.5)["proofs"][0]["answers"] < 18
    left_out = {each["reason"]: each["count"] for each in told["left_out"]}
    assert left_out.pop("a format that is not read here (.pdf)") == 2
    assert left_out.pop("a link to a file or folder that does not exist") == 1
    [(reason, n)] = left_out.items()
    assert (n, bool(reason)) == (1, True)  # the broken image
    assert found.dataset.files_N[:3] == ("img0.png", "img1.png", "img2.png")


def test_subfolders_are_classes(tmp_path):
    for name in ("cat/1.png", "cat/2.png", "dog/1.png"):
        picture(tmp_path / name)
    found = look(tmp_path)
    assert (found.as_json(0.95)["classes"], found.as_json(0.95)["n_images"]) == (["cat", "dog"], 3)


@pytest.mark.parametrize(
    "names", [["all/1.png", "all/2.png"], ["loose.png", "cat/1.png"], ["train/1.png", "val/2.png"]]
)
def test_subfolders_that_cannot_be_classes_are_places_of_images(tmp_path, names):
    for name in names:
        picture(tmp_path / name)
    found = look(tmp_path)
    assert (found.as_json(0.95)["classes"], found.as_json(0.95)["n_images"]) == ([], 2)


def test_one_image_is_too_few(tmp_path):
    picture(tmp_path / "photos" / "a.png")
    with pytest.raises(DataError, match=r"photos: expected at least two images"):
        look(tmp_path / "photos")


@pytest.mark.parametrize(
    ("subfolders", "by_class"), [(["cat", "dog"], True), (["cat", "2024"], False), ([], False)]
)
def test_subfolders_are_classes_if_people_leave_them_so(tmp_path, subfolders, by_class):
    settings = overrides(tmp_path, ["dog", "cat", "cow"], None, subfolders=subfolders)
    assert composed(settings)["data"]["subfolders_are_classes"] is by_class


@pytest.mark.parametrize(("name", "text"), [("none", "got nothing of this name"), ("a.png", "got a file")])
def test_what_is_no_folder(tmp_path, name, text):
    picture(tmp_path / "a.png")
    with pytest.raises(DataError, match=text):
        look(tmp_path / name)


def test_a_folder_without_images(tmp_path):
    with pytest.raises(DataError, match=r"expected images in .*, found none"):
        look(tmp_path)


NAMES = [
    "cat",
    "dog's",
    "a, b",
    "[x]",
    "ü=\\",
    "1.10",
    "${seed}",
    'say "x"',
    "null",
    "a\\'b",
    "a\\${b}",
    "end\\",
]


def test_the_settings_are_what_was_answered_whatever_the_signs(tmp_path):
    folder = tmp_path / "my 'images', ${seed}"
    config = composed(overrides(folder, NAMES, 0.02, subfolders=()))
    assert config["data"]["class_names"] == NAMES
    assert config["data"]["path"] == str(folder)
    assert config["certificate"]["tolerance"] == 0.02
    assert config["certificate"]["reach"] is True
    assert config["oracle"]["_target_"] == "alframe.page.PageOracle"
    assert composed(overrides(folder, ["a", "b"], None, subfolders=()))["certificate"]["tolerance"] is None


@pytest.mark.parametrize(
    ("classes", "tolerance", "text"),
    [
        (["cat"], None, "expected at least two names, got 1"),
        (["cat", " "], None, "expected a name, got ''"),
        (["cat", "?"], None, "expected a name, got '\\?'"),
        (["cat", " cat "], None, "expected names that look different"),
        (["cat", "dog"], 1.0, "expected a share between 0 and 1, got 1"),
    ],
)
def test_answers_that_cannot_be(tmp_path, classes, tolerance, text):
    with pytest.raises(UserError, match=text):
        overrides(tmp_path, classes, tolerance, subfolders=())


def test_the_set_up_is_kept(tmp_path):
    assert load(tmp_path) is None
    set_up = SetUp(folder="/my images", who="Zoë", settings=overrides(tmp_path, NAMES, 0.01, subfolders=()))
    save(tmp_path, set_up)
    assert load(tmp_path) == set_up
    assert "Zoë" in (tmp_path / SETUP).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", ["", "[", "folder: 1", "a", "folder: a\nwho: b\nsettings: c", "folder: a\nwho: b\nsettings: [1]"]
)
def test_a_damaged_set_up_is_told(tmp_path, text):
    (tmp_path / SETUP).write_text(text)
    with pytest.raises(UserError, match=r"label\.yaml: expected folder, who and settings"):
        load(tmp_path)
