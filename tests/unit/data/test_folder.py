from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alframe.cli.export import main as export
from alframe.core.errors import DataError, DataWarning
from alframe.data import folder
from alframe.data.decoded import UnreadableImages
from tests.support.helpers import alframe, read_rows, run_command

# Images of one colour are all that most of these tests need.
pytestmark = pytest.mark.filterwarnings("ignore:.*after they were read")
SETTINGS = {"name": "mine", "data_dir": ".", "download": False, "size": None, "channels": None}
SETTINGS |= {"subfolders_are_classes": True, "class_names": None, "test_path": None, "max_megapixels": None}


def save(root, name, value=0, mode="L", size=(6, 5), **options):
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(file, **options)
    return file


def load(root, **changes):
    return folder(**{**SETTINGS, "path": str(root), **changes})


def test_subfolders_are_classes_and_files_are_in_natural_order(tmp_path):
    for k, name in enumerate(["b/img10.png", "b/img2.png", "a/x.png", "a/deep/y.PNG"]):
        save(tmp_path, name, 10 * k)
    (tmp_path / "a" / "notes.txt").write_text("no image")
    save(tmp_path, "a/.hidden.png")
    data = load(tmp_path)
    assert data.files_N == ("a/deep/y.PNG", "a/x.png", "b/img2.png", "b/img10.png")
    assert data.class_names == ("a", "b")
    assert data.truth_N.tolist() == [0, 0, 1, 1]
    assert data.images_N.shape == (4, 1, 5, 6)
    assert data.images_N.pixels()[:, 0, 0, 0].tolist() == [30, 20, 10, 0]


def test_subfolders_that_are_no_classes_hold_images_without_labels(tmp_path):
    for name in ("2024/b.png", "2023/summer/a.png", "loose.png"):
        save(tmp_path, name)
    with pytest.raises(DataError, match=r"Move them, or write data.subfolders_are_classes=false"):
        load(tmp_path)
    data = load(tmp_path, subfolders_are_classes=False, class_names=["cat", "dog"])
    assert data.files_N == ("2023/summer/a.png", "2024/b.png", "loose.png")
    assert (data.class_names, data.truth_N) == (("cat", "dog"), None)
    (tmp_path / "loose.png").unlink()
    with pytest.raises(DataError, match=r"got 2023. .* write data.subfolders_are_classes=false"):
        load(tmp_path, class_names=["cat", "dog"])
    with pytest.raises(DataError, match=r"no subfolders by class. Write data.class_names"):
        load(tmp_path, subfolders_are_classes=False)


def test_a_flat_directory_has_no_truth(tmp_path):
    save(tmp_path, "1.png")
    save(tmp_path, "2.png")
    data = load(tmp_path, class_names=["cat", "dog"])
    assert data.truth_N is None
    assert data.class_names == ("cat", "dog")
    with pytest.raises(DataError, match=r"data\.class_names: .* has no subfolders"):
        load(tmp_path)


def test_colour_is_used_for_one_coloured_image_or_on_request(tmp_path):
    save(tmp_path, "a/1.png", 200)
    save(tmp_path, "b/2.png", (255, 0, 0), "RGB")
    data = load(tmp_path)
    assert data.images_N.pixels()[:, :, 0, 0].tolist() == [[200, 200, 200], [255, 0, 0]]
    assert load(tmp_path, channels=1).images_N.pixels()[:, :, 0, 0].tolist() == [[200], [76]]


def test_rotated_transparent_and_16_bit_images_look_as_in_a_viewer(tmp_path):
    save(tmp_path, "a/clear.png", (0, 0, 0, 0), "RGBA")
    deep = np.full((5, 6), 257 * 100, dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "a" / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    save(tmp_path, "b/turned.jpg", 50, size=(5, 6), exif=exif)
    data = load(tmp_path, channels=1)
    assert data.images_N.shape == (3, 1, 5, 6)
    assert data.images_N.pixels()[:, 0, 2, 2].tolist() == [255, 100, 50]


def test_different_sizes_name_two_files_and_are_scaled_on_request(tmp_path):
    save(tmp_path, "a/1.png", 9)
    save(tmp_path, "b/2.png", 9, size=(8, 8))
    with pytest.warns(DataWarning, match=r"of 5 x 6 to 8 x 8 pixels .* scaled to 6 x 7, .*size=\[6,7\]"):
        assert load(tmp_path).images_N.shape == (2, 1, 6, 7)
    scaled = load(tmp_path, size=[4, 7]).images_N.pixels()
    assert scaled.shape == (2, 1, 4, 7)
    assert set(scaled.flatten().tolist()) == {9}


def test_every_file_that_cannot_be_read_is_counted(tmp_path):
    save(tmp_path, "a/1.png")
    save(tmp_path, "b/2.png")
    for k in range(5):
        (tmp_path / "a" / f"bad{k}.png").write_bytes(b"no image")
    (tmp_path / "a" / "cut.png").write_bytes((tmp_path / "a" / "1.png").read_bytes()[:45])
    with pytest.warns(DataWarning, match=r"5 of 8 .*bad0\.png .*bad1\.png .*bad2\.png .* and 2 more"):
        data = load(tmp_path)
    assert data.files_N == ("a/1.png", "a/cut.png", "b/2.png")
    with pytest.raises(UnreadableImages, match=r"1 of 3 .*cut\.png"):
        data.images_N.pixels()


@pytest.mark.parametrize(
    ("files", "changes", "message"),
    [
        ([], {}, "found none"),
        (["a/1.png", "2.png"], {}, r"1 image \(2\.png\) is beside 1 subfolder"),
        (["a/1.png", "b/2.png"], {"class_names": ["a", "c"]}, "among a, c, got b"),
        (["a/1.png", "b/2.png"], {"test_path": "nowhere"}, r"data\.test_path: expected a directory"),
    ],
)
def test_other_mistakes_are_refused(tmp_path, files, changes, message):
    for file in files:
        save(tmp_path, file)
    with pytest.raises(DataError, match=message):
        load(tmp_path, **changes)


def test_a_test_directory_has_the_same_classes(tmp_path):
    for name in ("train/a/1.png", "train/b/2.png", "test/b/3.png", "test/b/5.png"):
        save(tmp_path, name, int(name[-5]))
    data = load(tmp_path / "train", test_path=str(tmp_path / "test"))
    assert data.test_truth_T.tolist() == [1, 1]
    assert data.test_images_T.pixels().unique().tolist() == [3, 5]
    with pytest.raises(DataError, match="expected the subfolders b, c, got a"):
        load(tmp_path / "test", test_path=str(tmp_path / "train"), class_names=["b", "c"])


def test_a_trial_records_the_file_of_each_index(tmp_path):
    noise = np.random.default_rng(1)
    for k in range(40):
        file = tmp_path / "mine" / ("dark" if k % 2 else "bright") / f"{k}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = noise.integers(0, 100, (12, 12)) + (0 if k % 2 else 120)
        Image.fromarray(pixels.astype(np.uint8)).save(file)
    done = alframe(
        "data=folder", "data.path=mine", "initial.num=10", "query.num=4", "learner.steps=8", "tracker=none",
        "stopping.max_rounds=1", "stopping.min_rounds=1", "hydra.run.dir=trial", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    named = {row["index"]: row["file"] for row in read_rows(tmp_path / "trial" / "files.csv")}
    for row in read_rows(tmp_path / "trial" / "labels.csv"):
        if row["source"] != "auto":
            assert named[row["index"]].startswith(["bright", "dark"][int(row["label"])])
    by_name = read_rows(tmp_path / "trial" / "labels_by_name.csv")
    assert [row["file"] for row in by_name] == list(named.values())
    hand = [row for row in by_name if row["source"] != "auto"]
    assert hand
    assert all(row["file"].startswith(f"{row['class']}/") for row in hand)
    done = run_command(export, "trial", "--to", "imagefolder", "--out", "out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for row in by_name:
        copy = tmp_path / "out" / row["class"] / Path(row["file"]).name
        assert copy.read_bytes() == (tmp_path / "mine" / row["file"]).read_bytes()


def names_of(data):
    return [data.class_names[number] for number in data.truth_N.tolist()]


def test_a_split_is_recognised_and_told(tmp_path):
    for name in ("train/a/1.png", "train/b/2.png", "val/a/3.png", "val/b/4.png", "extra/x.txt"):
        save(tmp_path, name) if name.endswith("png") else (tmp_path / "extra").mkdir()
    (tmp_path / "extra").rmdir()
    with pytest.warns(DataWarning, match="train, val: train is labelled, val is the test set"):
        data = load(tmp_path)
    assert data.files_N == ("a/1.png", "b/2.png")
    assert data.test_truth_T.tolist() == [0, 1]
    for file in tmp_path.rglob("*.png"):
        file.rename(file.parent.parent / file.name)
    for folder_name in ("train/a", "train/b", "val/a", "val/b"):
        (tmp_path / folder_name).rmdir()
    with pytest.raises(DataError, match=r"class folders .* train, val with images right inside"):
        load(tmp_path)


def test_classes_one_level_too_deep_are_told(tmp_path):
    for name in ("all/a/1.png", "all/b/2.png"):
        save(tmp_path, name)
    with pytest.raises(DataError, match=r"If the 2 folders in all are the classes, write data\.path=.*/all"):
        load(tmp_path)
    for name in ("day2/a/1.png", "day2/b/2.png"):
        save(tmp_path, name)
    with pytest.warns(DataWarning, match=r"folders below it \(a, b\) occur in several"):
        assert load(tmp_path).class_names == ("all", "day2")


def test_alframes_own_output_is_no_data(tmp_path, monkeypatch):
    for name in (
        "1.png",
        "2.png",
        "outputs/d/t/questions/images/3.png",
        "multirun/d/0/4.png",
        "r/pictures/5.png",
    ):
        save(tmp_path, name)
    (tmp_path / "outputs/d/t/.hydra").mkdir()
    (tmp_path / "multirun/d/0/state").mkdir()
    (tmp_path / "multirun/d/0/state/lock").touch()
    (tmp_path / "multirun/d/sweep.json").touch()
    for name in ("r/report.html", "r/report.json"):
        (tmp_path / name).touch()
    assert load(tmp_path, class_names=["a", "b"]).files_N == ("1.png", "2.png")
    for name in ("state/x", "questions/images/6.png", ".hydra/x"):  # a trial in the folder itself
        save(tmp_path, name, format="PNG")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    assert load(".", class_names=["a", "b"], data_dir=str(tmp_path / "data")).files_N == ("1.png", "2.png")
    (tmp_path / "data").rmdir()
    for name in ("1.png", "2.png"):
        (tmp_path / "cat" / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).rename(tmp_path / "cat" / name)
    save(tmp_path, "dog/1.png")
    assert load(tmp_path).class_names == ("cat", "dog")


def test_the_order_is_total_and_accents_join_classes(tmp_path):
    for name in ("img1.png", "img01.png", "img001.png", "img2.png"):
        save(tmp_path, f"01/{name}")
        save(tmp_path, f"1/{name}")
    data = load(tmp_path)
    assert data.class_names == ("01", "1")
    assert data.files_N[:4] == ("01/img001.png", "01/img01.png", "01/img1.png", "01/img2.png")
    save(tmp_path, "Ka\u0308se/1.png")
    save(tmp_path, "K\u00e4se/1.png")
    with pytest.warns(DataWarning, match="1 folder whose name differs from another one"):
        data = load(tmp_path)
    assert data.n_classes == 3
    with pytest.warns(DataWarning, match="1 folder whose name differs from another one"):
        data = load(tmp_path, class_names=["1", "01", "K\u00e4se"])
    assert data.truth_N[-2:].tolist() == [2, 2]


def test_images_are_known_by_their_content_where_the_suffix_says_nothing(tmp_path):
    for name in ("a/1", "a/2.v7", "b/1", "b/3.jfif", "b/4.pgm"):
        save(tmp_path, name, format="PNG")
    (tmp_path / "b" / "5.raw").write_bytes(b"\0" * 99)
    with pytest.warns(DataWarning, match=r"1 file in formats that are not read here, left out: 1 \.raw"):
        assert names_of(load(tmp_path)) == ["a", "a", "b", "b", "b"]


def test_a_start_opens_a_bounded_number_of_files(tmp_path, monkeypatch):
    for n in range(12):
        save(tmp_path, f"{'ab'[n % 2]}/{n}.png")
    monkeypatch.setattr("alframe.data.survey.MAX_HEADERS", 4)
    with pytest.warns(DataWarning, match="the headers of 4 of 12 images were read, to choose size"):
        assert len(load(tmp_path)) == 12


def test_images_that_lost_their_grey_levels_are_told(tmp_path):
    save(tmp_path, "a/1.png", 7)
    save(tmp_path, "b/2.png", 7)
    with pytest.warns(DataWarning, match="the images are all the same after they were read"):
        load(tmp_path).images_N.pixels()
    save(tmp_path, "b/2.png", 8)
    with pytest.warns(DataWarning, match="the images have 2 levels of brightness only"):
        load(tmp_path).images_N.pixels()
    save(tmp_path, "a/1.png", 1, "1")
    save(tmp_path, "b/2.png", 0, "1")
    assert load(tmp_path).images_N.pixels().unique().tolist() == [0, 255]
