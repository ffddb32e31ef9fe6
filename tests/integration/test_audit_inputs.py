"""Ways to give labels to `alframe-audit` and mistakes in them, through the command; scripts on audits."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torchvision.datasets
from PIL import Image
from sklearn.datasets import load_digits

import draw_suspects
from alframe.cli.audit import main
from benchmarks import rank_labels
from tests.support.helpers import Done, run_command

TINY = [
    "tracker=none",
    "threads=1",
    "network.widths=[4,4,4]",
    "rank.folds=2",
    "rank.passes=1",
    "rank.batch_size=16",
    "precision=float32",
]
N = 40
IMAGES, TRUTH = load_digits(return_X_y=True)
IMAGES, TRUTH = (IMAGES[:N].reshape(-1, 8, 8) * 15).astype(np.uint8), TRUTH[:N] % 2
NAMES = np.array(["even", "odd"])


def audit(place: Path, *arguments: str) -> Done:
    return run_command(main, *arguments, *TINY, "stages=[rank]", "hydra.run.dir=out", cwd=place)


def given(place: Path) -> dict[int, str]:
    """Return the labels that an audit has ranked."""
    with (place / "out" / "suspects.csv").open(newline="") as file:
        return {int(row["index"]): row["given"] for row in csv.DictReader(file)}


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    np.savez(tmp_path / "digits.npz", images=IMAGES, labels=NAMES[TRUTH])
    return tmp_path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A flat folder and one with a folder for each class."""
    for index, (image, name) in enumerate(zip(IMAGES, NAMES[TRUTH], strict=True)):
        for folder in ("flat", f"classes/{name}"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(tmp_path / folder / f"{index:02}.png")
    return tmp_path


def test_class_folders_are_labels(photos: Path) -> None:
    done = audit(photos, "data=folder", "data.path=classes")
    assert done.returncode == 0, done.stderr
    assert sorted(given(photos).values()) == sorted(NAMES[TRUTH])


def test_a_flat_folder_with_a_table_by_file(photos: Path) -> None:
    lines = [f"{index:02}.png;{name}" for index, name in enumerate(NAMES[TRUTH])]
    (photos / "labels.csv").write_text("\n".join(["file;label", *lines]))
    done = audit(photos, "data=folder", "data.path=flat", "labels=labels.csv")
    assert done.returncode == 0, done.stderr
    assert given(photos) == dict(enumerate(NAMES[TRUTH]))


def test_arrays_with_labels(arrays: Path) -> None:
    assert audit(arrays, "data=arrays", "data.path=digits.npz").returncode == 0
    assert given(arrays) == dict(enumerate(NAMES[TRUTH]))


def test_predictions_of_a_model_train_nothing(arrays: Path) -> None:
    probs = np.where(TRUTH == 0, 0.8, 0.3)
    lines = [f"{index},{even:.1f},{1 - even:.1f}" for index, even in enumerate(probs)]
    (arrays / "labels.csv").write_text("\n".join(["index,p_even,p_odd", *lines]))
    options = ["labels=labels.csv", "rank.source=given", "rank.method=self_confidence"]
    assert audit(arrays, "data=arrays", "data.path=digits.npz", *options).returncode == 0
    assert given(arrays) == dict(enumerate(NAMES[TRUTH]))
    assert [NAMES[TRUTH[index]] for index in given(arrays)][:3] == ["odd"] * 3  # 0.7 is less than 0.8


def test_a_data_set_of_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets.svhn, "check_integrity", lambda *_, **__: True)
    colours_N = np.random.default_rng(0).integers(0, 256, (32, 32, 3, N), dtype=np.uint8)
    for split in ("train", "test"):
        scipy.io.savemat(
            tmp_path / f"{split}_32x32.mat", {"X": colours_N, "y": 1 + np.arange(N)[:, None] % 10}
        )
    options = ["data.dataset=SVHN", "data_dir=.", "data.download=false"]
    done = audit(tmp_path, "data=torchvision", *options)
    assert done.returncode == 0, done.stderr
    assert given(tmp_path) == {index: str((index + 1) % 10) for index in range(N)}


@pytest.mark.parametrize(
    ("lines", "options", "said"),
    [
        (["index,label", "0,even", "1,odd"], [], "labels: expected a label for each image"),
        (["index,label", *(f"{k},even" for k in range(N))], [], "labels: expected labels of at least two"),
        (["index,label", "0,frog"], [], "labels: expected the classes even, odd"),
        ([""], [], "labels: expected a column of labels"),
        (["index,p_even,p_odd", "0,0.9,0.9"], [], "labels: expected probabilities that sum to 1"),
        (["index,label", *(f"{k},{k % 2}" for k in range(N))], ["rank.folds=41"], "rank.folds: expected at"),
        ([""], ["stages=[rnk]"], "stages: expected some of estimate, rank, mend, prove"),
        ([""], ["stages=[]"], "stages: expected some of estimate, rank, mend, prove"),
        ([""], ["rank.folds=1"], "rank.folds: expected a whole number of at least 2"),
        ([""], ["mend.max_answers=0"], "mend.max_answers: expected a whole number of at least 1 or null"),
    ],
)
def test_a_mistake_ends_with_one_line_and_leaves_nothing(
    arrays: Path, lines: list[str], options: list[str], said: str
) -> None:
    (arrays / "labels.csv").write_text("\n".join(lines))
    keys = {option.split("=")[0] for option in options}
    kept = [each for each in [*TINY, "stages=[rank]"] if each.split("=")[0] not in keys]
    arguments = ["data=arrays", "data.path=digits.npz", "labels=labels.csv", *kept, *options]
    done = run_command(main, *arguments, "hydra.run.dir=out", cwd=arrays)
    assert done.returncode == 2
    assert done.stderr.startswith(f"alframe-audit: {said}")
    assert done.stderr.count("\n") == 1
    assert not (arrays / "out").exists()


def test_the_picture_of_suspects(arrays: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert audit(arrays, "data=arrays", "data.path=digits.npz").returncode == 0
    monkeypatch.chdir(arrays)
    monkeypatch.setattr(sys, "argv", ["draw_suspects.py", "out", "picture.png", "--num=6", "--columns=4"])
    draw_suspects.main()
    with Image.open("picture.png") as picture:
        width, height = picture.size
    assert (width, height) == (264, 171)  # 4 columns of 0.6 and 2 rows of 0.78 inches, 110 pixels an inch


def test_the_table_of_rankings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--seeds=1,2", "--share=0.2", "data=digits", "data.limit=60", *TINY]
    monkeypatch.setattr(sys, "argv", ["rank_labels.py", *arguments])
    rank_labels.main()
    header, _, *seeds, mean = capsys.readouterr().out.splitlines()
    assert header.split(" | ")[1:-1] == list(rank_labels.METHODS)
    cells = [[cell.split(", ") for cell in line.split(" | ")[1:-1]] for line in seeds]
    assert len(cells) == 2
    assert all(0 < float(precision) <= 1 for row in cells for precision, _ in row)
    first = sum(float(row[0][0]) for row in cells) / 2
    assert float(mean.split(" | ")[1].split(";")[0]) == pytest.approx(first, abs=1.01e-4)
    assert mean.split(" | ")[1].endswith("; +0.0000 ± 0.0000")
