"""An audit on the labelling page: a person answers over HTTP, as the page does."""

import threading
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_digits

from alframe.auditing.audit_request import AuditRequest
from alframe.cli import page_job
from alframe.cli.audit_page import run_audit_on_page
from alframe.config.compose import composed
from alframe.page.settings import PageSettings, without_page
from tests.support.page_client import PageClient, Terminal, port_of
from tests.support.served_page import SETTINGS

TRUTH = load_digits().target


def test_people_audit_labels_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = tmp_path / "labels.csv"
    given = [(int(label) + 1) % 10 if index % 5 == 0 else int(label) for index, label in enumerate(TRUTH)]
    labels.write_text("index,label\n" + "".join(f"{n},{label}\n" for n, label in enumerate(given)))
    overrides = ["+hydra/command=audit", "data=digits", "oracle=page", f"labels={labels}", "tracker=none"]
    config = composed([*overrides, "stages=[estimate]", "estimate.num=12", "threads=1"])
    lines, printed = list[str](), threading.Event()

    def tell(line: str) -> None:
        lines.append(line)
        if Terminal.ADDRESS.search(line):
            printed.set()

    monkeypatch.setattr(page_job, "_tell", tell)
    request = AuditRequest(config=without_page(config), directory=tmp_path / "a")
    found: list[Any] = []

    def audit() -> None:
        found.append(run_audit_on_page(request, PageSettings(**SETTINGS), lambda: False))

    at_work = threading.Thread(target=audit, daemon=True)
    at_work.start()
    assert printed.wait(60), lines
    (address,) = [match[0] for line in lines if (match := Terminal.ADDRESS.search(line))]
    client = PageClient(port_of(address))
    client.enter(address)
    asked: set[int] = set()
    forecasts = []
    while (state := client.state())["stage"] != "finished":
        forecasts.append(state["forecast"])
        items = [item for item in client.next() if item["index"] not in asked]
        asked |= {item["index"] for item in items}
        if items:
            client.answer({item["index"]: int(TRUTH[item["index"]]) for item in items})
    n_found = _check_what_the_page_says(state, [each for each in forecasts if each and each.get("audit")])
    client.post("/api/finish")
    at_work.join(30)
    assert len(asked) == found[0].answers == 12
    assert found[0].found_wrong == n_found == sum(index % 5 == 0 for index in asked)


def _check_what_the_page_says(state: Any, forecasts: list[Any]) -> int:
    """Compare stage and most answers while people answer, and return what the end says was found."""
    running = [each for each in forecasts if each["audit"]["stages"][0]["now"]]
    assert running, forecasts
    assert running[0]["sentence"].startswith("Stage 1 of 1 (estimate). ")
    assert running[0]["at_most"] == 12
    found = state["forecast"]["audit"]["found_wrong"]
    assert state["summary"]["sentences"][0].startswith(f"12 answers found {found} wrong label")
    assert state["summary"]["sentences"][1].startswith("With 95 % confidence")
    return int(found)
