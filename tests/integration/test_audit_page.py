"""Audits on the labelling page: a person answers over HTTP, as the page does."""

import json
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_digits

from alframe.auditing.audit_request import AuditRequest
from alframe.cli import page_job
from alframe.cli.audit_page import run_audit_on_page
from alframe.config.compose import composed
from alframe.oracle.answer_store import AnswerStore
from alframe.page.settings import PageSettings, without_page
from tests.support.page_client import Lost, PageClient, Terminal, port_of
from tests.support.served_page import SETTINGS

TRUTH = load_digits().target
WRONG = set(range(0, len(TRUTH), 5))
SMALL = [
    "+hydra/command=audit",
    "data=digits",
    "data.limit=150",
    "oracle=page",
    "tracker=none",
    "network.widths=[8,8,8]",
    "rank.folds=2",
    "rank.passes=2",
    "rank.batch_size=32",
    "estimate.num=12",
    "mend.batch=10",
    "mend.max_answers=20",
    "mend.min_yield=0",
    "certificate.tolerance=0.2",
    "certificate.max_labels=60",
    "precision=float32",
    "threads=1",
]


class AtThePage:
    """An audit on its page in a thread, and the person who answers."""

    def __init__(self, directory: Path, overrides: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines, self.found, self.ends = list[str](), list[Any](), threading.Event()
        self.asked, self.forecasts = dict[str, list[int]](), list[Any]()
        printed = threading.Event()

        def tell(line: str) -> None:
            self.lines.append(line)
            if Terminal.ADDRESS.search(line):
                printed.set()

        monkeypatch.setattr(page_job, "_tell", tell)
        config = without_page(composed([*SMALL, *overrides]))
        request = AuditRequest(config=config, directory=directory, stop_wanted=self.ends.is_set)

        def audit() -> None:
            try:
                self.found.append(run_audit_on_page(request, PageSettings(**SETTINGS), self.ends.is_set))
            except KeyboardInterrupt as error:
                self.found.append(error)

        self.thread = threading.Thread(target=audit, daemon=True)
        self.thread.start()
        assert printed.wait(120), self.lines
        (address,) = [match[0] for line in self.lines if (match := Terminal.ADDRESS.search(line))]
        self.client = PageClient(port_of(address))
        self.client.enter(address)

    def answer_until(self, done: Callable[[], bool] = lambda: False) -> None:
        """Answer rightly until the audit has ended, or `done` returns True."""
        while (state := self.client.state())["stage"] not in ("finished", "failed") and not done():
            self.forecasts.append(state["forecast"])
            items = self.client.next() if state["question"] else []
            if not items:
                time.sleep(0.02)
            else:
                self.asked.setdefault(state["question"]["purpose"], []).extend(
                    item["index"] for item in items
                )
                self._answer(items)

    def _answer(self, items: list[dict[str, Any]]) -> None:
        right = {item["index"]: int(TRUTH[item["index"]]) for item in items}
        decided = [item["index"] for item in items if item.get("decide")]  # a second look
        for index in decided:
            self.client.post("/api/review", key=str(uuid.uuid4()), index=index, answer=right.pop(index))
        if right:
            self.client.answer(right)

    def stop(self) -> None:
        """End the process's part, as Ctrl-C does."""
        self.ends.set()
        self.thread.join(60)
        assert not self.thread.is_alive()

    def finish(self) -> Any:
        """Press the page's button and return the summary."""
        self.client.state()
        self.client.post("/api/finish")
        self.thread.join(60)
        return self.found[0]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    file = tmp_path / "labels.csv"
    given = [(int(label) + (index in WRONG)) % 10 for index, label in enumerate(TRUTH)]
    file.write_text("index,label\n" + "".join(f"{n},{label}\n" for n, label in enumerate(given)))
    return file


def check_what_the_page_says(state: Any, forecasts: list[Any]) -> int:
    """Compare stage and most answers while people answer, and return what the end says was found."""
    running = [each for each in forecasts if each["audit"]["stages"][0]["now"]]
    assert running, forecasts
    assert running[0]["sentence"].startswith("Stage 1 of 1 (estimate). ")
    assert running[0]["at_most"] == 12
    found = state["forecast"]["audit"]["found_wrong"]
    assert state["summary"]["sentences"][0].startswith(f"12 answers found {found} wrong label")
    assert state["summary"]["sentences"][1].startswith("With 95 % confidence")
    return int(found)


def test_people_estimate_on_the_page(tmp_path: Path, labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = AtThePage(tmp_path / "a", [f"labels={labels}", "stages=[estimate]"], monkeypatch)
    page.answer_until()
    said = [each for each in page.forecasts if each and each.get("audit")]
    n_found = check_what_the_page_says(page.client.state(), said)
    summary = page.finish()
    asked = set(page.asked["estimate"])
    assert len(asked) == summary.answers == 12
    assert summary.found_wrong == n_found == len(asked & WRONG)


def test_all_stages_on_the_page_with_a_stop_between(
    tmp_path: Path, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "a"
    first = AtThePage(directory, [f"labels={labels}"], monkeypatch)
    first.answer_until(lambda: len(first.asked.get("mend", [])) >= 8)
    first.stop()
    assert isinstance(first.found[0], KeyboardInterrupt)
    with pytest.raises(Lost):  # the page is closed
        first.client.state()
    second = AtThePage(directory, [f"labels={labels}"], monkeypatch)
    second.answer_until()
    summary = second.finish()
    assert {"estimate"} <= first.asked.keys() <= {"estimate", "mend"}
    assert {"mend", "prove"} <= second.asked.keys() <= {"mend", "prove", "second"}  # a second look
    assert summary.stages == ("estimate", "rank", "mend", "prove")
    assert summary.certificate is not None
    with AnswerStore(directory) as store:
        answers = {index: each.answer for index, each in store.answers().items()}
    assert all(answer == TRUTH[index] for index, answer in answers.items())
    assert summary.answers == len(answers) == 12 + 20 + summary.certificate.asked
    assert summary.found_wrong == len(WRONG & answers.keys())
    stages = [line.split(",")[0] for line in (directory / "audit_rounds.csv").read_text().splitlines()[1:]]
    assert stages == ["estimate", "rank", "mend", "mend", "prove"]
    assert json.loads((directory / "summary.json").read_text())["answers"] == summary.answers
