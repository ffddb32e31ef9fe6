"""The arithmetic, the limits and the JSON of `make peers`, with fake contestants."""

import json
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from peers import __main__ as peers
from peers import figures, measure, plan, processes, ready, table
from peers.processes import Finished, measured

JOB = {"job": "same training, 6,000", "network": "fast", "precision": "float32"}
SAID = {"cpu_seconds": 1.0, "peak_mb": 500.0, "hand_share": 0.1, "rounds": 4, "n_images": 120}


def run(peer: str, seed: int, seconds: float | None, wrong: float = 0.02, **other: Any) -> figures.Run:
    figure = SAID | {"mislabelled_share": wrong} if seconds is not None else {}
    return JOB | figure | {"peer": peer, "seed": seed, "seconds": seconds, "note": ""} | other


def test_ratios_are_medians_over_paired_seeds() -> None:
    ours = [run("alframe", seed, seconds) for seed, seconds in ((1, 1.0), (2, 2.0), (3, 4.0))]
    theirs = [run("modal", seed, seconds) for seed, seconds in ((3, 4.0), (1, 3.0), (2, 10.0))]
    row = figures.rows([*ours, *theirs], ["alframe"], "float32")[1]
    assert (row["peer"], row["ratio"], row["ratio_range"]) == ("modal", 3.0, [1.0, 5.0])
    assert (row["seconds"], row["seconds_a_round"], row["rounds_a_minute"]) == (4.0, 1.0, 60.0)
    assert row["images_a_second"] == 30.0
    assert row["cpu_ratio"] == 1.0


def test_our_own_row_has_the_ratio_one() -> None:
    row = figures.rows([run("alframe", 1, 2.0)], ["alframe"], "float32")[0]
    assert (row["ratio"], row["mislabelled_difference"], row["mislabelled_interval"]) == (1.0, 0.0, None)


def test_the_default_precision_has_a_ratio_of_its_own() -> None:
    ours = [run("alframe", 1, 2.0), run("alframe", 1, 1.0, precision="bfloat16")]
    row = figures.rows([*ours, run("modal", 1, 6.0)], ["alframe"], "bfloat16")[2]
    assert (row["ratio"], row["ratio_default"]) == (3.0, 6.0)


def test_mislabelled_shares_are_paired_over_seeds() -> None:
    ours = [run("alframe", seed, 1.0, wrong=0.01 * seed) for seed in (1, 2, 3)]
    theirs = [run("baal", seed, 1.0, wrong=0.01 * seed + 0.01 + 0.001 * (seed - 2)) for seed in (3, 2, 1)]
    row = figures.rows([*ours, *theirs], ["alframe"], "float32")[1]
    assert row["mislabelled_difference"] == pytest.approx(0.01)
    half = 4.302653 * 0.001 / 3**0.5  # Student's t with two degrees of freedom
    assert row["mislabelled_interval"] == pytest.approx([0.01 - half, 0.01 + half], rel=1e-5)


def test_a_peer_that_does_not_finish_has_a_row_that_says_so() -> None:
    row = figures.rows(
        [run("alframe", 1, 1.0), run("modal", 1, None, note="not finished after 9 s")], ["alframe"], ""
    )[1]
    assert (row["seconds"], row["ratio"], row["n"]) == (None, None, 0)
    assert "not finished after 9 s" in table.job_table([row])


def test_the_best_peer_is_the_fastest_and_never_ours() -> None:
    rows = figures.rows([run("alframe", 1, 1.0), run("modal", 1, 3.0), run("baal", 1, 2.0)], ["alframe"], "")
    assert [row["peer"] for row in figures.best_peers(rows, ["alframe"])] == ["baal"]


def test_the_geometric_mean_is_over_the_questions_that_finished() -> None:
    rows = [
        {"peer": "modal", "n_pool": 6, "ratio": 2.0},
        {"peer": "modal", "n_pool": 6, "ratio": 8.0},
        {"peer": "modal", "n_pool": 6, "ratio": None},
        {"peer": "modal", "n_pool": 60, "ratio": 100.0},
    ]
    found = figures.question_targets(rows, "modal", 6)
    assert (found["geometric_mean"], found["finished"], found["strategies"]) == (4.0, 2, 3)
    assert figures.question_targets(rows, "baal", 6)["geometric_mean"] is None


def test_everyone_comes_first_equally_often() -> None:
    first = [plan.turns(["a", "b", "c"], turn)[0] for turn in range(6)]
    assert sorted(first) == ["a", "a", "b", "b", "c", "c"]


def test_jobs_go_seed_by_seed_and_share_their_settings() -> None:
    names = ["same training, 6,000", "published protocol, 6,000"]
    found = plan.jobs(names, [1, 2], plan.NETWORKS, ["float32"])
    assert [(job.seed, job.name, job.network) for job in found[:3]] == [
        (1, names[0], "fast"),
        (1, names[0], "published"),
        (1, names[1], "published"),
    ]
    assert [job.seed for job in found] == [1, 1, 1, 2, 2, 2]
    assert {job.n_images for job in found} == {6000}


def child(code: str, **limits: float) -> Finished:
    return measured([sys.executable, "-c", code], {}, **{"max_seconds": 60.0, "max_mb": 4096.0, **limits})


def test_a_process_says_its_figures() -> None:
    assert child("print('noise'); print('{\"seconds\": 1}')") == Finished(figures={"seconds": 1})


def test_a_process_that_fails_says_why() -> None:
    assert child("raise ValueError('no')") == Finished(figures=None, note="failed: ValueError: no")


def test_a_slow_process_is_ended() -> None:
    assert child("while True: pass", max_seconds=0.2).note == "not finished after 0 s of processor time"


def test_a_process_with_much_memory_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "resident_mb", lambda pid: 3000.0)
    assert child("import time; time.sleep(60)", max_mb=2048).note == "more than 2 GB of memory"


def test_lines_of_code_are_without_docstrings_and_comments(tmp_path: Path) -> None:
    file = tmp_path / "some.py"
    file.write_text(
        '"""Of\nthe module."""\n\nimport os\n\n\n# why\ndef a():\n    """What."""\n    return os\n'
    )
    assert table.code_lines(file) == 3


def test_the_json_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every contestant takes twice as long as the one before in the list; one question does not finish."""
    commands = []

    def fake(command: list[str], environment: dict[str, str], **limits: Any) -> Finished:
        commands.append(command)
        if "make" in command:
            return Finished(figures=None)
        peer = command[3]
        if peer == "baal" and "badge" not in command and "question_child" in command[2]:
            return Finished(figures=None, note="not finished after 300 s")
        seconds = 1.0 if peer.startswith("alframe") else 2.0
        asked = [1, 2] if peer == "alframe" else [2, 3]
        return Finished(figures={**SAID, "seconds": seconds, "mislabelled_share": 0.02, "asked": asked})

    monkeypatch.setattr(measure, "measured", fake)
    monkeypatch.setattr(ready, "missing", lambda options: None)
    monkeypatch.setattr(peers, "_circumstances", lambda options: {})
    monkeypatch.setattr(peers, "_default_precision", lambda: "float32")
    file = tmp_path / "peers.json"
    peers.main(["--quick", "--json", str(file)])
    found = json.loads(file.read_text())
    wanted = {"peer", "job", "network", "seconds", "peak_mb", "hand_share", "mislabelled_share", "ratio"}
    for row in [*found["jobs"], *found["questions"]]:
        assert wanted <= set(row)
        assert row["network"] in plan.ALL_NETWORKS
    modal = next(row for row in found["jobs"] if row["peer"] == "modal")
    assert (modal["seconds"], modal["ratio"], modal["hand_share"]) == (2.0, 2.0, 0.1)
    question = next(row for row in found["questions"] if row["peer"] == "scikit_activeml")
    assert (question["ratio"], question["agreement"]) == (2.0, 0.5)
    baal = next(row for row in found["questions"] if row["peer"] == "baal")
    assert (baal["seconds"], baal["ratio"], baal["note"]) == (None, None, "not finished after 300 s")
    contestants = (plan.SAME_TRAINING, plan.CONTESTANTS[plan.COLANDER], plan.ON_VECTORS)
    assert [row["peer"] for row in found["jobs"] if row["network"] != "published"] == list(
        chain(*contestants)
    )
    assert {row["precision"] for row in found["jobs"]} == {"float32"}
    assert "with_modal.py" in capsys.readouterr().out
    assert min(found["lines"][name] for name in ("with_torch_head.py", "centres.py")) > 10
    again = tmp_path / "again.json"
    peers.main(["--earlier", str(file), "--json", str(again)])
    assert json.loads(again.read_text()) == found
