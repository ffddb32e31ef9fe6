import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alframe.core.errors import ConfigError
from alframe.report.document import Picture, Report, Section, Table
from alframe.report.output.wandb import Account, account_of, log_comparison, numbers
from tests.support import wandb_reader

TRIALS = Table(
    name="trials",
    title="All trials",
    head=["trial", "query", "seed", "hand labels", "mislabelled, %", "certified"],
    rows=[["0", "margin", "1", "1,447", "0.24", ""], ["1", "random", "1", "60", "–", "yes"]],
)
MEANS = Table(name="means", title="Means", head=["query", "mean"], rows=[["margin", "0.24 (0.2 to 0.3)"]])


def png(shade):
    file = io.BytesIO()
    Image.fromarray(np.full((3, 5), shade, np.uint8)).save(file, "PNG")
    return file.getvalue()


REPORT = Report(
    title="margin against random",
    facts=[("trials", "2"), ("data.name", "digits")],
    warnings=["Two trials say nothing."],
    sections=[
        Section(title="Means", parts=[MEANS]),
        Section(
            title="Curves",
            parts=[
                Picture(
                    name="curves", title="Curves", svg="<svg/>", png=png(7), description="", note="One seed."
                )
            ],
        ),
    ],
)


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A comparison logged offline: the printed line, the directory and the file."""
    directory = tmp_path_factory.mktemp("report")
    page = directory / "report.html"
    page.write_text("<html><body>margin &lt; random</body></html>", encoding="utf-8")
    line = log_comparison(
        REPORT,
        account=Account(project="toys", entity=None, group="a-sweep"),
        mode="offline",
        directory=directory / "out",
        trials=TRIALS,
        page=page,
    )
    return line, directory / "out", wandb_reader.WandbFile(directory / "out")


def staged(file):
    """Return the path of each staged file by its name in its artifact."""
    artifacts = file.of("artifact")
    return {entry.path: Path(entry.local_path) for each in artifacts for entry in each.manifest.contents}


def test_the_run_is_a_comparison_in_the_sweeps_group(logged):
    _, _, file = logged
    run = file.of("run")[0]
    assert (run.project, run.run_group, run.job_type, run.display_name, run.notes) == (
        "toys",
        "a-sweep",
        "comparison",
        "margin against random",
        "Two trials say nothing.",
    )
    config = file.config()
    assert (config["trials"], config["data/name"]) == (2.0, "digits")
    [end] = file.of("exit")
    assert end.exit_code == 0


def test_every_table_is_there_and_its_numbers_are_numbers(logged):
    _, _, file = logged
    found = {name: path for name, path in staged(file).items() if name.endswith(".table.json")}
    assert sorted(found) == ["tables/means.table.json", "tables/trials.table.json"]
    trials = json.loads(found["tables/trials.table.json"].read_text())
    assert trials["columns"] == list(TRIALS.head)
    assert trials["data"] == [
        [0, "margin", 1, 1447, 0.24, ""],
        [1, "random", 1, 60, None, "yes"],
    ]
    means = json.loads(found["tables/means.table.json"].read_text())
    assert means["data"] == [["margin", "0.24 (0.2 to 0.3)"]]


def test_every_picture_is_an_image_with_its_note(logged):
    _, _, file = logged
    summary = file.summary()
    image = {key.rpartition(".")[2]: value for key, value in summary.items() if "pictures/curves" in key}
    assert (image["width"], image["height"], image["caption"]) == (5, 3, "Curves. One seed.")
    with Image.open(file.path.parent / "files" / image["path"]) as picture:
        assert (np.asarray(picture)[..., 0] == 7).all()


def test_the_page_is_shown_and_kept(logged):
    _, _, file = logged
    shown = {
        key.rpartition(".")[2]: value for key, value in file.summary().items() if key.startswith("report")
    }
    assert "margin &lt; random" in (file.path.parent / "files" / shown["path"]).read_text()
    [kept] = [artifact for artifact in file.of("artifact") if artifact.type == "comparison"]
    assert [entry.path for entry in kept.manifest.contents] == ["report.html"]


def test_the_printed_line_syncs_the_run_and_no_other_file_is_written(logged):
    line, directory, file = logged
    command, _, pattern = line.partition("wandb sync ")
    assert command == "To W&B: "
    base, _, rest = pattern.rpartition("/wandb/")
    assert [file.path.parent] == list(Path(base).glob(f"wandb/{rest}"))
    assert all(path.is_relative_to(directory) for path in staged(file).values())
    assert "WANDB_DATA_DIR" not in os.environ


def test_a_comparison_can_be_logged_without_a_page_and_twice(tmp_path):
    for _ in range(2):
        bare = Report(title="t", facts=[], warnings=[], sections=[])
        line = log_comparison(
            bare,
            account=Account(project="toys", entity=None, group=None),
            mode="offline",
            directory=tmp_path,
            trials=Table(name="trials", title="", head=["trial"], rows=[]),
        )
    runs = list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))
    assert len({run.name for run in runs}) == 2
    assert line.endswith("wandb/offline-run-*")


def test_online_without_an_account_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    account = Account(project="p", entity=None, group=None)
    with pytest.raises(ConfigError, match=r"--wandb-mode: .*wandb login"):
        log_comparison(REPORT, account=account, mode="online", directory=tmp_path, trials=TRIALS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "-2.5", "1e-6"], [1.0, -2.5, 1e-6]),
        (["1,234,567.5", ""], [1234567.5, None]),
        (["16,32", "8"], None),  # a list of two, not 1632
        (["", "-"], None),
        (["margin"], None),
        ([], None),
    ],
)
def test_a_column_is_numbers_or_text(cells, expected):
    assert numbers(cells) == expected


def test_the_account_is_that_of_the_trials_and_the_group_the_sweep(tmp_path):
    sweep = tmp_path / "published_trials_abc"
    silent = {"tracker": {"_target_": None}}
    assert account_of([silent], sweep) == Account(
        project="alframe", entity=None, group="published_trials_abc"
    )
    theirs = {"tracker": {"project": "toys", "entity": "us", "group": None}}
    assert account_of([silent, theirs], sweep) == Account(
        project="toys", entity="us", group="published_trials_abc"
    )
    grouped = {"tracker": {"project": "toys", "entity": None, "group": "mine"}}
    assert account_of([grouped], sweep).group == "mine"
