"""An audit's questions under the keys of W&B and TensorBoard."""

import json
from pathlib import Path
from typing import Any

import pytest

from alframe.audit.audit_state import AuditRow
from alframe.auditing.audit_request import AuditRequest
from alframe.auditing.run_audit import run_label_audit
from alframe.config.compose import composed
from alframe.tracking.audit_report import AuditReport
from alframe.tracking.round_metrics import metrics


def row(**own: Any) -> AuditRow:
    figures = {"asked": 5, "found": 2, "answers": 12, "found_wrong": 4, "precision": 0.4, "bound": 0.1}
    return AuditRow(**{"stage": "mend", "round": 1, "train_seconds": 3.0, **figures, **own})


def test_each_figure_has_its_key_and_undefined_ones_are_left_out() -> None:
    assert metrics(AuditReport(row=row(), round=2)) == {
        "audit/answers": 12,
        "audit/found": 4,
        "audit/precision": 0.4,
        "audit/bound": 0.1,
        "time/train_seconds": 3.0,
    }
    assert "audit/bound" not in metrics(AuditReport(row=row(bound=None), round=0))


def test_a_tracker_gets_each_question_once_and_the_end(tmp_path: Path) -> None:
    seen: list[tuple[str, Any]] = []

    class Tracker:
        def start(self, info: Any) -> None:
            seen.append(("start", info.data))

        def log(self, report: Any) -> None:
            seen.append(("log", (report.round, metrics(report)["audit/answers"])))

        def finish(self, outcome: Any) -> None:
            seen.append((outcome.status, outcome.summary.to_json()["answers"]))

    overrides = ["+hydra/command=audit", "data=digits", "data.limit=100", "noise.share=0.1", "tracker=none"]
    config = composed([*overrides, "stages=[estimate]", "estimate.num=20", "threads=1"])
    run_label_audit(AuditRequest(config=config, directory=tmp_path, trackers=(Tracker(),)))
    assert seen == [("start", "digits"), ("log", (0, 20)), ("finished", 20)]
    assert json.loads((tmp_path / "summary.json").read_text())["answers"] == 20


@pytest.mark.parametrize("pairs", ["[[4,9]]", "[['4','9']]"])
def test_pairs_of_classes_by_name_or_number(tmp_path: Path, pairs: str) -> None:
    overrides = [
        "+hydra/command=audit",
        "data=digits",
        "tracker=none",
        "noise.share=0.05",
        "noise.kind=confusion",
    ]
    config = composed(
        [*overrides, f"noise.pairs={pairs}", "stages=[estimate]", "estimate.num=1797", "threads=1"]
    )
    summary = run_label_audit(AuditRequest(config=config, directory=tmp_path))
    assert summary.found_wrong == 90
    changed = (tmp_path / "changes.csv").read_text().splitlines()[1:]
    assert {tuple(line.split(",")[2:4]) for line in changed} == {("4", "9"), ("9", "4")}
