"""Answers given in a browser, against a server whose trial the test drives."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("bottle", reason="bottle is not installed (extra page)")

from tests.browser.fake_server import FakeServer, FakeTrial

Serve = Callable[..., FakeServer]
GUARD = 150  # milliseconds: keys sooner after a picture came are taken for a key pressed twice
GRID_GUARD = 450


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a trial."""
    servers = []

    def start(**settings: Any) -> FakeServer:
        servers.append(FakeServer(FakeTrial(**settings)))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def shown(page: Any, after: int | None = None) -> int:
    """Wait until an image stands there, another one than `after`, and return its index."""
    not_this = "" if after is None else f":not([data-index='{after}'])"
    page.wait_for_selector(f".single[data-index]{not_this} .stage img")
    page.wait_for_timeout(GUARD)
    return int(page.locator(".single").get_attribute("data-index"))


def press(page: Any, key: str) -> int:
    """Press a key at an image, and return the index of the image that stood there."""
    index = shown(page)
    source = page.locator(".stage img").get_attribute("src")
    assert f"/image/{index}/" in source  # the picture is of the image that is asked about
    page.keyboard.press(key)
    return index


def answers(server: FakeServer) -> list[tuple[int, Any]]:
    """What the server holds, in order."""
    return [(row["index"], row["answer"]) for row in server.trial.rows if not row.get("undone")]


def saved(page: Any) -> None:
    """Wait until the page says that all is saved."""
    page.wait_for_selector("#saved.saved:has-text('Saved')")


def test_each_key_gives_its_answer_to_the_image_that_is_shown(serve: Serve, open_page: Any) -> None:
    server = serve(single=[3, 5, 8, 13, 21, 34, 55], classes=[f"class {n}" for n in range(12)])
    page = open_page(server.url)
    given = []
    for key, answer in [
        ("1", 0),
        ("9", 8),
        ("d", 10),
        ("?", "cannot_tell"),
        ("n", "none_of_these"),
        ("b", "broken"),
    ]:
        index = press(page, key)
        given.append((index, answer))
        shown(page, after=index)
    saved(page)
    assert answers(server) == given
    assert [index for index, _ in given] == [3, 5, 8, 13, 21, 34]


def test_saved_is_said_after_the_server_has_said_so(serve: Serve, open_page: Any) -> None:
    server = serve(single=[1, 2])
    page = open_page(server.url)
    held: list[Any] = []
    page.route("**/api/answers", lambda route: held.append(route))
    press(page, "1")
    page.wait_for_selector("#saved.saving")
    assert shown(page, after=1) == 2  # nobody waits for the disk
    assert page.locator("#saved").inner_text() == "Saving …"
    assert len(held) == 1
    held[0].continue_()
    saved(page)
    assert answers(server) == [(1, 0)]


def test_a_key_pressed_twice_or_before_the_picture_is_there_answers_nothing(
    serve: Serve, open_page: Any
) -> None:
    server = serve(single=[1, 2])
    page = open_page(server.url)
    shown(page)
    page.evaluate(
        "for (const _ of [1, 2])"
        "  document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '1', bubbles: true}))"
    )
    assert shown(page, after=1) == 2
    saved(page)
    assert answers(server) == [(1, 0)]
    held: list[Any] = []
    slow = open_page("about:blank")
    slow.route("**/image/**", lambda route: held.append(route))
    slow.goto(server.url)
    slow.wait_for_selector(".stage-note")
    slow.keyboard.press("1")
    slow.wait_for_timeout(200)
    assert answers(server) == [(1, 0)]


def test_undo_and_skip(serve: Serve, open_page: Any) -> None:
    server = serve(single=[1, 2, 3])
    page = open_page(server.url)
    press(page, "1")
    shown(page, after=1)
    page.keyboard.press("z")
    assert shown(page, after=2) == 1
    press(page, "3")
    assert shown(page, after=1) == 2
    page.keyboard.press("s")
    assert shown(page, after=2) == 3
    press(page, "4")
    assert shown(page, after=3) == 2  # skipped ones come at the end
    press(page, "2")
    page.wait_for_selector("text=All answered")
    assert answers(server) == [(1, 2), (3, 3), (2, 1)]


def test_suggestions_before_the_answer(serve: Serve, open_page: Any) -> None:
    server = serve(single=[1, 2])
    page = open_page(server.url)
    shown(page)
    assert "lemon" in page.locator(".class.suggested").inner_text()
    press(page, "Space")
    shown(page, after=1)
    saved(page)
    row = server.trial.rows[0]
    assert (row["answer"], row["suggestion"], row["shown"]) == (1, 1, "before")
    assert 0 < row["seconds"] < 20


def test_suggestions_after_the_answer_are_shown_if_they_differ(serve: Serve, open_page: Any) -> None:
    server = serve(single=[1, 2, 3, 4], options={"suggestions": "after", "both_share": 0.0, "grid": 60})
    page = open_page(server.url)
    shown(page)
    assert page.locator(".class.suggested").count() == 0
    press(page, "2")  # as the classifier has it: no question
    shown(page, after=1)
    press(page, "1")  # it has class 2: keep
    page.wait_for_selector("text=The classifier sees it differently")
    page.keyboard.press("Enter")
    assert shown(page, after=2) == 3
    press(page, "1")  # it has class 3: change
    page.wait_for_selector("text=The classifier sees it differently")
    page.keyboard.press("Space")
    shown(page, after=3)
    saved(page)
    assert answers(server) == [(1, 1), (2, 0), (3, 0), (3, 3)]  # the first answer is kept too
    assert {row["shown"] for row in server.trial.rows} == {"after"}


def test_no_suggestion_where_it_is_off_or_the_answer_must_be_blind(serve: Serve, open_page: Any) -> None:
    for settings in ({"options": {"suggestions": "off", "both_share": 0.0, "grid": 60}}, {"suggest": False}):
        server = serve(single=[1, 2], **settings)
        page = open_page(server.url)
        shown(page)
        page.keyboard.press("Space")
        page.wait_for_timeout(100)
        assert page.locator(".class.suggested").count() == 0
        press(page, "3")
        shown(page, after=1)
        saved(page)
        row = server.trial.rows[0]
        assert (len(server.trial.rows), row["answer"], row["suggestion"], row["shown"]) == (1, 2, None, "off")


def test_a_grid_by_keys(serve: Serve, open_page: Any) -> None:
    apples = [4 * n for n in range(30)]
    server = serve(n=400, grid=[*apples[:10], 1, 2, *apples[10:]], single=[3])
    page = open_page(server.url)
    page.wait_for_selector(".cell")
    page.wait_for_timeout(GRID_GUARD)
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    assert page.locator(".cell.marked").count() == 2
    page.keyboard.press("Space")
    page.wait_for_selector("text=2 images that are not apple")
    saved(page)
    assert sorted(answers(server)) == [(index, 0) for index in apples]
    assert {(row["grid"], row["shown"]) for row in server.trial.rows} == {("grid-1", "before")}
    assert (
        0.3 < sum(row["seconds"] for row in server.trial.rows) < 30
    )  # the time of the grid, in equal shares
    page.wait_for_timeout(GUARD)
    page.keyboard.press("Space")  # one by one
    assert press(page, "2") == 1
    shown(page, after=1)
    assert press(page, "3") == 2
    assert press_after(page, 2, "4") == 3
    page.wait_for_selector("text=All answered")
    assert answers(server)[-3:] == [(1, 1), (2, 2), (3, 3)]


def press_after(page: Any, before: int, key: str) -> int:
    shown(page, after=before)
    return press(page, key)


def test_a_grid_by_mouse_dragged_undone_and_given_a_class_at_once(serve: Serve, open_page: Any) -> None:
    server = serve(n=400, grid=[0, 4, 8, 1, 5, 9, 12, 16])
    page = open_page(server.url)
    page.wait_for_selector(".cell")
    page.wait_for_timeout(GRID_GUARD)
    page.locator(".cell").nth(3).hover()
    page.mouse.down()
    page.locator(".cell").nth(4).hover()
    page.locator(".cell").nth(5).hover()
    page.mouse.up()
    assert page.locator(".cell.marked").count() == 3
    page.locator(".cell").nth(3).click()
    page.locator(".cell").nth(3).click()
    assert page.locator(".cell.marked").count() == 3
    page.get_by_role("button", name="Confirm 5 as apple").click()
    page.wait_for_selector("text=3 images that are not apple")
    page.get_by_role("button", name="lemon").click()
    page.wait_for_selector("text=All answered")
    saved(page)
    assert sorted(answers(server)) == [(0, 0), (1, 1), (4, 0), (5, 1), (8, 0), (9, 1), (12, 0), (16, 0)]


def test_what_was_not_in_sight_is_not_confirmed(serve: Serve, open_page: Any) -> None:
    server = serve(n=800, grid=[4 * n for n in range(60)], side=64)
    page = open_page(server.url, size="360")
    page.wait_for_selector(".cell")
    page.wait_for_timeout(GRID_GUARD)
    presses = 0
    while page.locator(".cell").count() and presses < 9:
        page.keyboard.press("Space")
        page.wait_for_timeout(150)
        presses += 1
    page.wait_for_selector("text=All answered")
    assert 1 < presses < 9
    assert len(answers(server)) == 60


def test_a_class_is_added_by_keys(serve: Serve, open_page: Any) -> None:
    server = serve(single=[1, 2])
    page = open_page(server.url)
    shown(page)
    page.keyboard.press("a")
    page.keyboard.type("quince")
    page.keyboard.press("Enter")
    page.wait_for_selector(".class:has-text('quince')")
    press(page, "5")
    shown(page, after=1)
    saved(page)
    assert server.trial.classes[-1] == "quince"
    assert answers(server) == [(1, 4)]


def test_many_classes_are_found_by_their_name(serve: Serve, open_page: Any) -> None:
    server = serve(single=[1, 2], classes=[f"kind {n}" for n in range(60)])
    page = open_page(server.url)
    shown(page)
    page.keyboard.press("/")
    page.keyboard.type("kind 57")
    page.keyboard.press("Enter")
    shown(page, after=1)
    saved(page)
    assert answers(server) == [(1, 57)]


def test_subfolders_that_are_no_classes_are_left_out(serve: Serve, open_page: Any) -> None:
    server = serve(stage="setup", subfolders=["2023", "2024"], single=[1], suggest=False)
    page = open_page(server.url, who=None)
    page.get_by_role("button", name="They are not classes").click()
    page.wait_for_selector("#class-name:focus")
    for name in ("lemon", "pear"):
        page.keyboard.type(name)
        page.keyboard.press("Enter")
    page.locator("#who").fill("Ada")
    page.get_by_role("button", name="Start labelling").click()
    page.wait_for_selector(".single[data-index] .stage img")
    assert server.trial.setup is not None
    assert server.trial.setup["classes"] == ["lemon", "pear"]


def test_a_trial_from_set_up_to_export(serve: Serve, open_page: Any) -> None:
    def train(trial: FakeTrial) -> None:
        trial.stage = "training"
        trial.training = {
            "what": "Training the classifier",
            "round": 1,
            "seconds_so_far": 1,
            "seconds_left": 40,
        }

    server = serve(stage="setup", single=[1, 2], suggest=False, after_last=train)
    page = open_page(server.url, who=None)
    page.wait_for_selector("#class-name:focus")
    for name in ("lemon", "pear", "Lemon"):
        page.keyboard.type(name)
        page.keyboard.press("Enter")
    page.locator("#who").fill("Ada Lovelace")
    page.get_by_role("button", name="Start labelling").click()
    press(page, "1")
    shown(page, after=1)
    press(page, "2")
    page.wait_for_selector("text=about 40 s left")
    assert server.trial.setup is not None
    assert server.trial.setup["classes"] == ["lemon", "pear"]  # the same name counts once
    assert (server.trial.setup["tolerance"], server.trial.setup["who"]) == (0.02, "Ada Lovelace")
    assert answers(server) == [(1, 0), (2, 1)]
    server.trial.summary = {"sentences": ["All 60 images have a label.", "At most 2 % are wrong."]}
    server.trial.stage = "finished"
    page.wait_for_selector("text=At most 2 % are wrong.")
    page.get_by_role("button", name="CSV").click()
    page.wait_for_selector("text=written to")
    page.get_by_role("button", name="Finish").click()
    page.wait_for_selector("text=You can close this window")
    assert server.trial.exports == ["csv"]
    assert server.trial.finished


def test_gallery_and_decision(serve: Serve, open_page: Any) -> None:
    rows = [{"index": 7, "answer": n, "who": who, "key": who} for n, who in enumerate(("Ada", "Grace"))]
    differ = [{"index": 7, "answers": {"Ada": 0, "Grace": 1}}]
    ada = {"name": "Ada", "answers": 1, "median_seconds": None, "grids": 0}
    by_class = [{"class": 0, "agreement": 0.0, "n": 1}]
    people = {"people": [ada], "pairs": 1, "kappa": 0.0, "by_class": by_class, "differ": differ}
    server = serve(single=[1], rows=rows, people_reply=people)
    page = open_page(f"{server.url}#people")
    page.get_by_role("button", name="Ada: apple").click()
    page.wait_for_selector("dialog .stage img")
    assert "Grace" in page.locator(".history").inner_text()
    page.keyboard.press("4")
    page.wait_for_selector("dialog", state="detached")
    saved(page)
    assert answers(server)[-1] == (7, 3)
    page.keyboard.press("l")
    page.wait_for_selector(".card:has-text('plum')")
    page.locator("select").first.select_option("3")
    page.wait_for_selector(".card:has-text('apple')", state="detached")
    assert set(page.locator(".card strong").all_inner_texts()) == {"plum"}
    page.keyboard.press("Escape")
    assert shown(page) == 1
