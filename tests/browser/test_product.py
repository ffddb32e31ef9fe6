"""A browser at the product itself: from a folder to an export, several people, kills, a closed page."""

import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bottle", reason="bottle is not installed (extra page)")
pytest.importorskip("waitress", reason="waitress is not installed (extra page)")

from alframe.oracle.answer_store import AnswerStore
from alframe.page.queue import goes_to_two
from tests.browser.fruit import KINDS, write_folder
from tests.browser.person import Person
from tests.support.helpers import alframe_process, process_of, read_rows
from tests.support.page_client import Terminal

TOKEN = "a-token-for-the-tests"
N = 48
SETTINGS = [
    *(
        "data=folder",
        "data.path=images",
        f"data.class_names=[{','.join(KINDS)}]",
        "oracle=page",
        "tracker=none",
    ),
    *("page.open=false", f"page.token={TOKEN}", "hydra.run.dir=trial", "device=cpu", "precision=float32"),
    *(
        "threads=1",
        "encoder=none",
        "learner=fast",
        "network=fast",
        "learner.steps=4",
        "learner.steps_growth=0",
    ),
    *("learner.scoring_batch_size=64", "initial.num=12", "query.num=12", "stopping.min_rounds=1"),
    *("stopping.max_rounds=1", "auto_label=threshold", "check.num=6", "remainder=auto"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with N pictures in images/."""
    write_folder(tmp_path / "images", N, side=48)
    return tmp_path


TRUTH = [number % len(KINDS) for number in range(N)]


@contextlib.contextmanager
def product(folder: Path, *more: str) -> Iterator[tuple[Any, str]]:
    """Start the command; yield its process and its address."""
    with alframe_process(*SETTINGS, *more, cwd=folder) as process:
        yield process, Terminal(process).address()


def stored(folder: Path) -> list[tuple[int, int]]:
    """(sample, answer) of all rows in the store of answers, in their order."""
    with AnswerStore(folder / "trial") as store:
        return [(row.sample, row.answer) for row in store.history()]


def saved(page: Any) -> None:
    """Wait until the page says that all is saved."""
    page.wait_for_selector("#saved.saved:has-text('Saved')")


@pytest.mark.parametrize(
    ("by", "size", "scheme"),
    [
        ("keys", "1280", "light"),
        pytest.param("mouse", "360", "dark", marks=pytest.mark.long),
        pytest.param("keys", "360", "light", marks=pytest.mark.long),
        pytest.param("mouse", "1280", "dark", marks=pytest.mark.long),
    ],
)
def test_from_a_folder_to_an_export(folder: Path, open_page: Any, by: str, size: str, scheme: str) -> None:
    with product(folder) as (process, address):
        page = open_page(address, size=size, scheme=scheme)
        person = Person(page, TRUTH, KINDS, by=by)
        person.until_the_end()
        page.wait_for_selector(f"text=All {N} images have a label")
        if by == "keys":
            export = page.get_by_role("button", name="CSV")
            export.focus()
            page.keyboard.press("Enter")
        else:
            page.get_by_role("button", name="CSV").click()
        page.wait_for_selector("text=written to")
        assert "export" in page.locator(".exported code").inner_text()
        page.get_by_role("button", name="Finish").click()
        page.wait_for_selector("text=You can close this window")
        assert process.wait(20) == 0
    assert stored(folder) == person.answered
    labels = {int(row["index"]): row for row in read_rows(folder / "trial" / "labels.csv")}
    assert all(int(labels[index]["label"]) == answer for index, answer in person.answered)
    assert (folder / "trial" / "export" / "csv").is_dir()


@pytest.mark.long
def test_two_people_at_once(folder: Path, open_page: Any) -> None:
    with product(folder, "page.both_share=0.5", "initial.num=20") as (_, address):
        pages = [open_page(address, who=who, size=size) for who, size in (("Ada", "1280"), ("Grace", "360"))]
        people = [Person(page, TRUTH, KINDS) for page in pages]
        end = time.monotonic() + 120
        while time.monotonic() < end and not pages[0].locator(".end-view").count():
            for person in people:
                if person.page.locator(".single .stage img, .cell").count():
                    person.until_the_end(most=len(person.answered) + 1)
        for page in pages:
            page.wait_for_selector(".end-view")
            saved(page)
    rows = stored(folder)
    assert sorted(rows) == sorted(people[0].answered + people[1].answered)
    times = Counter(sample for sample, _ in rows)
    assert max(times.values()) == 2
    twice = [sample for sample, n in times.items() if n == 2]
    assert twice  # how many depends on who is there while a question is open
    assert all(goes_to_two(sample, 0.5) for sample in twice)
    assert min(len(person.answered) for person in people) > 5


@pytest.mark.long
def test_a_server_that_is_killed_and_started_again_between_answers(folder: Path, open_page: Any) -> None:
    """The page stays open all the time."""
    page: Any = None
    person: Any = None
    for part in range(3):
        with product(folder) as (process, address):
            if page is None:
                page = open_page(address)
                person = Person(page, TRUTH, KINDS)
            else:
                page.wait_for_selector("#banner", state="hidden")
                saved(page)
            if part == 2:
                person.until_the_end()
                break
            person.until_the_end(most=len(person.answered) + 4)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            person.until_the_end(
                most=len(person.answered) + 2
            )  # the server is gone, the next images are here
            page.wait_for_selector("#banner:has-text('2 answers wait')")
    assert stored(folder) == person.answered


@pytest.mark.long
def test_pages_killed_at_random_moments_lose_and_double_nothing(folder: Path, browser: Any) -> None:
    """A page is closed without notice, again and again; what it had called saved is in the store, once."""
    kills, generator = int(os.environ.get("ALFRAME_PAGE_KILLS", "25")), random.Random(0)
    claimed: list[tuple[int, int]] = []
    with product(folder, "initial.num=40") as (_, address):
        context = browser.new_context()
        context.add_init_script("localStorage['alframe.who'] = 'Ada'")
        for _ in range(kills):
            page = context.new_page()
            page.goto(address)
            page.wait_for_selector(".single .stage img, .end-view, #training")
            person = Person(page, TRUTH, KINDS)
            end = time.monotonic() + generator.uniform(0.2, 1.2)
            while time.monotonic() < end and page.locator(".single .stage img").count():
                person.until_the_end(most=len(person.answered) + 1)
                if page.locator("#saved").inner_text() == "✓ Saved" or page.locator("#saved.saved").count():
                    n_saved = len(person.answered)
                    claimed += [each for each in person.answered[:n_saved] if each not in claimed]
            page.close()
        page = context.new_page()
        page.goto(address)
        person = Person(page, TRUTH, KINDS)
        person.until_the_end()
        context.close()
    rows = stored(folder)
    assert len(claimed) > 5
    assert set(claimed) <= set(rows)
    assert max(Counter(sample for sample, _ in rows).values()) == 1


@pytest.mark.long
def test_a_folder_is_set_up_on_the_page_by_keys(folder: Path, open_page: Any) -> None:
    command = [sys.executable, "-m", "alframe.cli.label", "images", "page.open=false", "encoder=none"]
    with process_of(command, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}) as process:
        page = open_page(Terminal(process).address(), who=None)
        page.wait_for_selector("#class-name:focus")
        for name in KINDS:
            page.keyboard.type(name)
            page.keyboard.press("Enter")
        page.locator("#who").fill("Ada")
        page.keyboard.press("Enter")
        page.wait_for_selector(".single .stage img", timeout=90_000)
        person = Person(page, TRUTH, KINDS)
        person.until_the_end(most=5)
        saved(page)
