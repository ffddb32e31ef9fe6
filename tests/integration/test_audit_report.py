"""The report on audits: its sections, its pictures, and audits beside trials."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from alframe import audit_labels
from alframe.report.audits.audit_sections import audit_report
from alframe.report.audits.read_audits import find_audits
from alframe.report.main import main

IMAGES, TRUTH = load_digits(return_X_y=True)
IMAGES, TRUTH = (IMAGES[:300].reshape(-1, 8, 8) * 15).astype(np.uint8), TRUTH[:300]
GIVEN = TRUTH.copy()
GIVEN[::15] = (GIVEN[::15] + 1) % 10
PROBABILITIES = np.full((300, 10), 0.01)
PROBABILITIES[np.arange(300), TRUTH] = 0.91


def audit(directory: Path, **settings: Any) -> None:
    keys = {
        "rank.source": "given",
        "estimate.num": 60,
        "mend.batch": 15,
        "certificate.tolerance": 0.05,
        "threads": 1,
        **settings,
    }
    audit_labels(IMAGES, GIVEN, truth=TRUTH, probabilities=PROBABILITIES, settings=keys, directory=directory)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("audits") / "one"
    audit(directory)
    return directory


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_page_says_what_is_known_and_what_is_not(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(finished, "--out", tmp_path) == 0
    page = (tmp_path / "report.html").read_text()
    for text in ("In a sentence", "How many were wrong", "What the answers found", "Changes", "Proof"):
        assert text in page
    assert "does not say which of the remaining labels are wrong" in page
    assert {path.stem for path in (tmp_path / "pictures").glob("*.svg")} == {
        "found",
        "precision",
        "confusion_of_changes",
        "changed",
    }
    figures = json.loads((tmp_path / "report.json").read_text())["audits"][0]
    assert len(figures["found_at"]) == figures["summary"]["found_wrong"] == 20
    assert "wrong labels found" in capsys.readouterr().out


def test_found_counts_follow_the_order_of_the_answers(finished: Path) -> None:
    (found,) = find_audits([finished])
    estimate = int(found.rows[0]["answers"])
    assert found.found_after(estimate) == int(found.rows[0]["found_wrong"])
    mended = [row for row in found.rows if row["stage"] == "mend"]
    assert found.found_after(int(mended[0]["answers"])) == int(mended[0]["found_wrong"])
    assert found.found_after(10**9) == 20
    assert sum(found.confusion.values()) == 20


def test_an_audit_that_only_ranks_has_a_page(tmp_path: Path) -> None:
    audit(tmp_path / "a", stages=["rank"])
    report = audit_report(find_audits([tmp_path]), pictures=False)
    titles = [section.title for section in report.sections]
    assert titles == ["In a sentence", "What the answers found", "Changes"]
    assert "Nothing is proven" in report.sections[0].text


def test_several_audits_are_compared(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "a")
    audit(tmp_path / "b", seed=1)
    report = audit_report(find_audits([tmp_path]), pictures=False)
    (table,) = report.sections[0].parts
    assert [row[:2] for row in table.rows] == [["a", "0"], ["b", "1"]]  # type: ignore[union-attr]


def test_a_damaged_audit_is_named(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(finished, tmp_path / "a")
    (tmp_path / "a" / "summary.json").write_text("{")
    assert run(tmp_path / "a") == 2
    assert "summary.json: cut off or damaged" in capsys.readouterr().err
