"""Real MNIST, a subset, with the recipes as they are shipped but for their length."""

from pathlib import Path

import pytest

from tests.support.helpers import alframe, read_rows

pytestmark = pytest.mark.mnist


def test_the_fast_recipe_labels_a_subset_well(mnist_dir: Path, tmp_path: Path) -> None:
    done = alframe(
        *["data.limit=2000", "learner.steps=120", "stopping.min_rounds=2", "stopping.max_rounds=2"],
        *["query.num=40", "remainder=auto", "tracker=none", "hydra.run.dir=trial"],
        cwd=tmp_path,
        ALFRAME_DATA_DIR=str(mnist_dir),
    )
    assert done.returncode == 0, done.stderr
    rows = read_rows(tmp_path / "trial" / "rounds.csv")
    assert [row["hand_labels"] for row in rows] == ["60", "100", "140", "140"]
    labels = read_rows(tmp_path / "trial" / "labels.csv")
    indices = [int(row["index"]) for row in labels]
    assert len(indices) == 2000
    assert max(indices) > 50_000  # the file's own indices, not the subset's
    # 140 labels of 2,000: a plain network of this size stands near 15 % wrong.
    assert float(rows[-1]["mislabelled_share"]) < 0.12
    assert float(rows[-2]["test_accuracy"]) > 0.85


def test_damaged_files_are_named(mnist_dir: Path, tmp_path: Path) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in (mnist_dir / "MNIST" / "raw").iterdir():
        if "." not in file.name:
            (raw / file.name).symlink_to(file.absolute())
    whole = raw / "train-images-idx3-ubyte"
    content = whole.read_bytes()[:1_000_000]
    whole.unlink()
    whole.write_bytes(content)
    done = alframe("data.download=false", "data_dir=data", cwd=tmp_path)
    assert done.returncode == 2
    assert "to be whole" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
