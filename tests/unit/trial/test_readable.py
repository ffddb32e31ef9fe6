"""A trial of people goes on without the images that turn out to be unreadable."""

import csv
import warnings

import numpy as np
import pytest
from PIL import Image

from alframe.core.errors import AnswersNeeded
from alframe.trial.run import Replacements, run_trial
from tests.support.helpers import config_of

SETTINGS = """
    data=folder data.path=images data.class_names=[a,b] oracle=files tracker=none initial.num=6 query.num=4
    stopping.min_rounds=1 stopping.max_rounds=1 learner.steps=2 learner.steps_growth=0 threads=1 device=cpu
    precision=float32 learner.scoring_batch_size=64 remainder=auto check.num=1
"""


@pytest.mark.parametrize("n_cut", [1, 9])  # found by the first fit; found by a picture of the first question
def test_damaged_images_leave_the_pool_when_they_are_found(tmp_path, monkeypatch, n_cut):
    monkeypatch.setattr("alframe.trial.readable.SMALL_BYTES", 0)
    (tmp_path / "images").mkdir()
    for n in range(24):
        pixels = np.random.default_rng(n).integers(0, 256, (8, 8), dtype=np.uint8)
        pixels[:, 0] = 255 * (n % 2)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{n}.png")
    cut = [tmp_path / "images" / f"{n}.png" for n in range(2, 2 + n_cut)]
    for file in cut:
        file.write_bytes(file.read_bytes()[:60])
    config, trial = config_of(*SETTINGS.split(), f"data_dir={tmp_path}"), tmp_path / "trial"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(8):
            try:
                run_trial(config, trial, replacements=Replacements(console=None))
                break
            except AnswersNeeded:
                answer(trial / "questions" / "to_label.csv", tmp_path / "images")
    assert any(f"{n_cut} of 24 image files cannot be read" in str(each.message) for each in caught)
    labelled = {row["file"]: row for row in rows(trial / "labels_by_name.csv")}
    assert not {row["class"] for name, row in labelled.items() if name in {file.name for file in cut}} - {""}
    assert sum(row["class"] in ("a", "b") for row in labelled.values()) == 24 - n_cut
    assert (trial / "summary.json").exists()
    assert not list((trial / "state").glob("*.pixels"))


def rows(file):
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def answer(sheet, images):
    asked = rows(sheet)
    for row in asked:
        with Image.open(images / row["file"]) as image:
            row["label"] = "b" if image.getpixel((0, 0)) else "a"
    with sheet.open("w", newline="") as text:
        writer = csv.DictWriter(text, asked[0].keys())
        writer.writeheader()
        writer.writerows(asked)
