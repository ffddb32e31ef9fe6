"""alframe-report on the trials of a tiny sweep."""

import json
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from alframe.cli.export import main as export
from alframe.report.main import main
from tests.support import wandb_reader
from tests.support.helpers import SHORT, alframe, read_rows, run_command


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two strategies and two seeds on 200 digits."""
    folder = tmp_path_factory.mktemp("report")
    done = alframe(
        "-m", *SHORT, "data.limit=200", "learner.steps=5", "tracker=none", "query=random,margin", "seed=1,2",
        "hydra.sweep.dir=sweep", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "sweep"


def test_the_tables_hold_the_results_of_the_trials(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([str(sweep)])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert "Paired differences from random" in printed
    assert "Warning: Fewer than 5 seeds in every group." in printed
    content = json.loads((sweep / "report" / "report.json").read_text())
    assert content["seeds"] == {"random": [1, 2], "margin": [1, 2]}
    summaries = [json.loads((sweep / name / "summary.json").read_text()) for name in "0123"]
    for key, scale in (("hand_labels", 1), ("mislabelled_share", 100), ("coverage", 100)):
        one, other = (fmean(scale * each[key] for each in half) for half in (summaries[:2], summaries[2:]))
        assert content["means"]["random"][key]["mean"] == pytest.approx(one)
        assert content["differences"]["margin"][key]["difference"]["mean"] == pytest.approx(other - one)
    # scikit-learn's digits have no test set.
    assert content["means"]["random"]["test_accuracy"] is None
    assert content["ranges"]["accuracy"] is None
    assert "No AUBC of test accuracy: it is unknown." in " ".join(printed.split())
    assert (sweep / "report" / "pictures" / "pareto_front.svg").exists()


def test_the_report_is_logged_as_a_run_in_the_sweeps_group(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([str(sweep), "--no-pictures", "--out", str(tmp_path / "out"), "--wandb"])
    assert end.value.code == 0
    assert f"wandb sync {tmp_path}/out/wandb/offline-run-" in capsys.readouterr().out
    file = wandb_reader.WandbFile(tmp_path / "out")
    [run] = file.of("run")
    assert (run.project, run.run_group, run.job_type) == ("alframe", "sweep", "comparison")
    entries = [entry for each in file.of("artifact") for entry in each.manifest.contents]
    [trials] = [entry.local_path for entry in entries if entry.path == "tables/trials.table.json"]
    content = json.loads(Path(trials).read_text())
    assert [row[:2] for row in content["data"]] == [
        ["random", 1], ["random", 2], ["margin", 1], ["margin", 2],
    ]  # fmt: skip
    wrong = content["columns"].index("mislabelled_share")
    assert all(isinstance(row[wrong], float) for row in content["data"])
    assert "report.html" in {entry.path for entry in entries}


def test_a_trial_is_exported_with_the_images_of_its_array(sweep: Path, tmp_path: Path) -> None:
    done = run_command(export, str(sweep / "0"), "--to", "csv", "--images", "--out", "out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    rows, digits = read_rows(tmp_path / "out" / "metadata.csv"), load_digits()
    assert len(rows) == 200
    for row in rows:
        with Image.open(tmp_path / "out" / row["file_name"]) as image:
            assert abs(np.asarray(image) / 255 * 16 - digits.images[int(row["index"])]).max() < 0.1
        assert row["kind"] != "hand" or int(row["label"]) == digits.target[int(row["index"])]
