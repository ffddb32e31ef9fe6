"""What the page tells and takes, over HTTP: answers, undo, skip, classes, options, pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from alframe.core.errors import TrialError
from alframe.core.ledger import CANNOT_TELL, NO_CLASS
from alframe.oracle.answer_store import AnswerStore
from alframe.page.desk import Desk, Options
from alframe.page.oracle import PageOracle
from alframe.page.service import SetupForm
from tests.support.page_client import Refused
from tests.support.served_page import IMAGES, NAMES, OPTIONS, served


@pytest.fixture
def page(tmp_path):
    with served(tmp_path) as page:
        yield page


def stored(page):
    return {index: row.answer for index, row in page.service.store.answers().items()}


def test_the_state_says_what_is_asked(page):
    state = page.client().state()
    assert state["stage"] == "labelling"
    assert state["trial"] == {"id": page.server.memory.id, "name": "mine", "data": "mine", "n_samples": 12}
    assert [each["name"] for each in state["classes"]] == list(NAMES)
    question = state["question"]
    assert (question["purpose"], question["wanted"], question["answered"]) == ("seed", 4, 0)
    assert (question["left_for_you"], question["n_single"], question["n_grid"], question["blind"]) == (
        4,
        4,
        0,
        4,
    )
    assert state["options"] == {"suggestions": "after", "both_share": 0.0, "grid": 60}


def test_answers_are_stored_before_the_reply_and_a_repeated_request_adds_nothing(page):
    client = page.client()
    assert [each["index"] for each in client.next()] == [3, 1, 2, 7]
    for _ in range(2):
        client.answer({3: 2, 1: "cannot_tell", 2: "none_of_these", 7: "broken"}, key="once")
    rows = page.service.store.history()
    assert [(row.sample, row.answer, row.way) for row in rows] == [
        (3, 2, "page"),
        (1, CANNOT_TELL, "page"),
        (2, NO_CLASS, "page"),
        (7, NO_CLASS, "page broken"),
    ]
    assert {(row.who, row.seconds, row.shown) for row in rows} == {("ann", 0.6, "off")}
    assert client.state()["stage"] == "training"  # all is answered
    assert client.next() == []


def test_answers_count_in_their_order_also_of_one_image(page):
    client = page.client()
    rows = [{"index": 3, "answer": answer, "shown": "after", "suggestion": 1} for answer in (0, 1)]
    for _ in range(2):
        client.post("/api/answers", key="both", answers=rows)
    assert stored(page) == {3: 1}
    assert len(page.service.store.rows_of(3)) == 2


def test_after_the_end_no_answer_is_changed_but_one_that_was_on_its_way_is_kept(page):
    client = page.client()
    client.answer({3: 0})
    page.desk.finished()
    for change in (
        lambda: client.post("/api/undo", key="u"),
        lambda: client.post("/api/review", key="r", index=3, answer=1),
    ):
        with pytest.raises(Refused, match=r"409.*alframe-audit"):
            change()
    assert stored(page) == {3: 0}
    client.answer({1: 1})
    assert stored(page) == {3: 0, 1: 1}


def test_an_undo_takes_back_the_newest_request_once(page):
    client = page.client()
    client.answer({3: 0})
    client.answer({1: 1, 2: 1}, grid="g1")
    for _ in range(2):
        assert set(client.post("/api/undo", key="u1")["indices"]) == {1, 2}
    assert stored(page) == {3: 0}
    assert client.post("/api/undo", key="u2") == {"index": 3, "indices": [3]}
    assert client.post("/api/undo", key="u3") == {"index": None, "indices": []}
    assert {each["index"] for each in client.next()} == {3, 1, 2, 7}


def test_what_was_skipped_comes_last(page):
    client = page.client()
    client.post("/api/skip", index=3)
    assert [each["index"] for each in client.next()] == [1, 2, 7, 3]


def test_two_people_do_not_get_the_same_image(page):
    ann, bob = page.client("ann"), page.client("bob")
    first = {each["index"] for each in ann.next(2)}
    assert {each["index"] for each in ann.next(2)} == first
    assert first.isdisjoint({each["index"] for each in bob.next(4)})


def test_predictions_are_shown_except_where_an_answer_must_be_blind(page):
    page.ask([3, 1, 2, 7], "query", predicted={3: (1, 0.9), 1: (0, 0.6)}, blind=frozenset([1]))
    items = {each["index"]: each for each in page.client().next()}
    assert items[3] == {"index": 3, "blind": False, "suggestion": {"class": 1, "confidence": 0.9}}
    assert items[1] == {"index": 1, "blind": True, "suggestion": None}
    assert items[7]["blind"]


def test_a_grid_has_images_of_one_predicted_class(tmp_path):
    order = tuple(range(12))
    with served(tmp_path, order) as page:
        predicted = {index: (index % 2, 0.999) for index in range(10)}
        page.ask(list(order), "query", predicted=predicted, blind=frozenset([0]))
        client = page.client()
        grid = client.get("/api/grid?who=ann")
        assert grid["class"] == 1
        assert {each["index"] for each in grid["items"]} == {1, 3, 5, 7, 9}
        client.answer(dict.fromkeys((1, 3, 5, 7, 9), 1), grid=grid["id"])
        assert {row.way for row in page.service.store.history()} == {"page grid"}
        assert client.post("/api/options", grid=0)["version"]
        assert client.get("/api/grid?who=ann") == {"id": None, "class": None, "items": []}


def test_a_class_can_be_added_once_and_has_the_next_number(page):
    client = page.client()
    assert client.post("/api/classes", name="  fox ") == {"number": 3}
    assert client.post("/api/classes", name="FOX") == {"number": 3}
    assert [each["name"] for each in client.state()["classes"]] == [*NAMES, "fox"]
    client.answer({3: 3})
    assert stored(page) == {3: 3}
    for name in ("", "?", "-", "x" * 101, "a\x00b", 7):
        with pytest.raises(Refused, match="400"):
            client.post("/api/classes", name=name)


def test_options_hold_for_all_and_are_kept(page):
    page.client("ann").post("/api/options", suggestions="before", both_share=0.5, grid=20)
    assert page.client("bob").state()["options"] == {"suggestions": "before", "both_share": 0.5, "grid": 20}
    with AnswerStore(page.service.directory) as store:  # the next start of the trial
        again = Desk(OPTIONS)
        PageOracle(page.dataset, store, again)
    assert again.now.options == Options(suggestions="before", both_share=0.5, grid=20)
    for wrong in ({"grid": 7}, {"grid": 201}, {"both_share": 2}, {"suggestions": "always"}):
        with pytest.raises(Refused, match="400"):
            page.client().post("/api/options", **wrong)


def test_a_review_decides_until_the_trial_has_ended(page):
    client = page.client()
    client.answer({3: 0})
    client.post("/api/review", key="r1", index=3, answer=1)
    assert stored(page) == {3: 1}
    assert [row["way"] for row in client.get("/api/history/3")["rows"]] == ["page", "page review"]
    page.desk.finished()
    with pytest.raises(Refused, match=r"409.*alframe-audit"):
        client.post("/api/review", key="r2", index=3, answer=2)


def test_a_trial_that_has_not_ended_cannot_be_finished(page):
    client = page.client()
    with pytest.raises(Refused, match=r"409.*has not ended"):
        client.post("/api/finish")
    assert not page.server.finish_wanted.is_set()
    page.desk.finished()
    client.post("/api/finish")
    assert page.server.finish_wanted.is_set()


def test_a_picture_is_that_of_its_index_and_is_cached_by_its_content(page):
    client = page.client()
    status, headers, content = client.raw("GET", "/image/3/small?trial=x", headers={"Cookie": client.cookie})
    assert (status, headers["content-type"]) == (200, "image/png")
    assert headers["cache-control"] == "private, max-age=31536000, immutable"
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    assert (pixels[::14, ::14] == IMAGES[3, 0].numpy()).all()
    again = {"Cookie": client.cookie, "If-None-Match": headers["etag"]}
    assert client.raw("GET", "/image/3/small", headers=again)[0] == 304
    assert client.raw("GET", "/image/2/small", headers=again)[0] == 200


def test_a_person_without_a_name_sees_the_state_and_nothing_else(page):
    client = page.client()
    for query in ("", "?who="):
        assert client.get(f"/api/state{query}")["stage"] == "labelling"
    for path in ("/api/next", "/api/next?who=", "/api/grid?who=%20"):
        with pytest.raises(Refused, match="400"):
            client.get(path)


def test_a_page_whose_directory_was_removed_says_so_and_saves_nothing(tmp_path):
    (tmp_path / "trial").mkdir()
    with served(tmp_path / "trial") as page:
        client = page.client()
        client.answer({3: 2})
        (tmp_path / "trial").rename(tmp_path / "elsewhere")
        for _ in range(16):  # the server's threads have connections of their own, or none yet
            with pytest.raises(Refused, match=r"500.*moved or removed"):
                client.answer({1: 0}, key="again")
            with pytest.raises(Refused, match=r"500.*moved or removed"):
                client.state()
        (tmp_path / "elsewhere").rename(tmp_path / "trial")
        client.answer({1: 0}, key="again")  # as the page does until it is saved
        assert stored(page) == {3: 2, 1: 0}


def test_a_trial_that_waits_ends_when_its_directory_is_removed(tmp_path):
    (tmp_path / "trial").mkdir()
    with served(tmp_path / "trial") as page, AnswerStore(tmp_path / "trial") as store:
        (tmp_path / "trial").rename(tmp_path / "elsewhere")
        with pytest.raises(TrialError, match="moved or removed"):
            page.desk.wait(lambda: False, store.check_there)


def test_classes_that_could_not_be_kept_are_not_taken(page):
    def take(classes, tolerance, who):
        kept.append(list(classes))
        if len(kept) == 1:
            raise TrialError("label.yaml: could not be written (No space left on device).")

    kept: list[list[str]] = []
    client = page.client()
    page.service.ask_set_up(SetupForm(shown={"classes": []}, take=take))
    with pytest.raises(Refused, match=r"500.*No space left"):
        client.post("/api/setup", classes=["cat", "dog"], tolerance=None)
    assert client.get("/api/setup") == {"classes": []}  # the form is still there
    client.post("/api/setup", classes=["cat", "dog"], tolerance=None)
    with pytest.raises(Refused, match=r"409.*is set up"):
        client.post("/api/setup", classes=["emu", "fox"], tolerance=None)
    assert kept == [["cat", "dog"]] * 2
