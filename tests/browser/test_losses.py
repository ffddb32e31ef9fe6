"""No answer is lost, doubled or sent to another trial, whatever happens to server, network or page."""

from typing import Any

import pytest

pytest.importorskip("bottle", reason="bottle is not installed (extra page)")

from tests.browser.test_answering import Serve, answers, press, saved, serve, shown

__all__ = ["serve"]


def test_a_lost_reply_neither_loses_nor_doubles_an_answer(serve: Serve, open_page: Any) -> None:
    server = serve(single=[1, 2, 3])
    page = open_page(server.url)
    lost: list[str] = []

    def lose(route: Any) -> None:
        if len(lost) < 2:
            route.fetch()  # the server has it, the page does not know
            lost.append(route.request.post_data_json["key"])
            route.abort()
        else:
            route.continue_()

    page.route("**/api/answers", lose)
    press(page, "1")
    shown(page, after=1)
    saved(page)
    assert lost[0] == lost[1]
    assert answers(server) == [(1, 0)]
    shown(page)
    page.keyboard.press("z")
    assert shown(page, after=2) == 1


def test_a_page_goes_on_by_itself_when_the_server_is_back(serve: Serve, open_page: Any) -> None:
    server = serve(single=list(range(1, 9)))
    page = open_page(server.url)
    press(page, "1")
    shown(page, after=1)
    saved(page)
    server.stop()
    press(page, "2")  # the next pictures are here already
    shown(page, after=2)
    press(page, "3")
    page.wait_for_selector("#banner:has-text('2 answers wait in this page')")
    assert page.locator("#saved").inner_text() == "Not saved: 2"
    assert answers(server) == [(1, 0)]
    server.start()
    saved(page)
    page.wait_for_selector("#banner", state="hidden")
    assert answers(server) == [(1, 0), (2, 1), (3, 2)]
    shown(page)
    press(page, "4")
    saved(page)
    page.wait_for_selector("#counts:has-text('4 of 8')")


def test_unsent_answers_survive_a_reload(serve: Serve, open_page: Any) -> None:
    server = serve(single=[1, 2, 3])
    page = open_page(server.url)
    shown(page)
    page.route("**/api/answers", lambda route: route.abort())
    press(page, "4")
    page.wait_for_selector("#banner:has-text('1 answer waits')")
    page.unroute_all()
    page.once("dialog", lambda dialog: dialog.accept())  # the browser warns of what is not saved
    page.reload()
    saved(page)
    assert answers(server) == [(1, 3)]
    assert shown(page) == 2


def test_unsent_answers_are_not_sent_to_another_trial(serve: Serve, open_page: Any) -> None:
    server = serve(single=[1, 2, 3])
    page = open_page(server.url)
    shown(page)
    server.stop()
    press(page, "1")
    page.wait_for_selector("#banner:has-text('1 answer waits')")
    server.trial.id = "trial-2"  # another trial, on the same port
    page.once("dialog", lambda dialog: dialog.accept())
    server.start()
    page.wait_for_selector("text=1 unsent answer of another trial was left out")
    assert answers(server) == []
    assert shown(page) == 1


def test_an_answer_that_is_refused_is_told(serve: Serve, open_page: Any) -> None:
    server = serve(single=[1, 2])
    page = open_page(server.url)
    shown(page)
    page.route("**/api/answers", lambda route: route.fulfill(status=400, json={"error": "No such class."}))
    press(page, "1")
    page.wait_for_selector(".toast:has-text('Not accepted: No such class.')")
    page.unroute_all()
    assert shown(page) == 1  # it is asked again
    press(page, "2")
    saved(page)
    assert answers(server) == [(1, 1)]
