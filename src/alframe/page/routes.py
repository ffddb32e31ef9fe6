"""The HTTP interface of the page. Each route parses, checks, calls the service and returns JSON."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import bottle

from alframe.page.errors import NotFound
from alframe.page.pictures import Size
from alframe.page.replies import as_json, body_of, checked, reply, with_headers
from alframe.page.request_values import (
    answers_of,
    class_name_of,
    key_of,
    number,
    one_answer,
    optional_key,
    options_of,
    person_of,
    seconds_of,
    whole,
)
from alframe.page.safety import Guard
from alframe.page.service import Service

STATIC = Path(__file__).parent / "static"
_MAX_NEXT = 50
_MAX_LISTED = 500


def app(service: Service, guard: Guard, admitted: Callable[[], None]) -> bottle.Bottle:
    """Return the WSGI application of a page.

    Args:
        admitted: called after a token was used.
    """
    made = bottle.Bottle()
    made.config["json.enable"] = False
    made.install(checked(guard))
    _add_page(made, guard, admitted)
    _add_reading(made, service, guard)
    _add_telling(made, service)
    made.default_error_handler = as_json
    return made


def _add_page(made: bottle.Bottle, guard: Guard, admitted: Callable[[], None]) -> None:
    @made.get("/")
    def home() -> Any:
        token, cookie = bottle.request.query.get("token"), bottle.request.get_cookie(guard.cookie)
        inside = guard.session(cookie) is not None
        if token is not None:
            given = None if inside else guard.admit(token)
            if given is not None:
                admitted()
            return _redirect(guard, given) if inside or given else _not_admitted()
        return _file("index.html") if inside else _not_admitted()

    @made.get("/static/<name:re:[a-z0-9_]+[.](?:js|css|svg|png)>")
    def static(name: str) -> Any:
        return _file(name)

    @made.get("/favicon.ico")
    def icon() -> Any:
        return _file("icon.svg")


def _redirect(guard: Guard, cookie: str | None) -> Any:
    response = bottle.HTTPResponse(status=303, Location="/")
    if cookie is not None:
        response.set_cookie(
            guard.cookie, cookie, httponly=True, samesite="strict", path="/", maxage=30 * 86_400
        )
    return with_headers(response)


def _not_admitted() -> Any:
    text = (
        "<!doctype html><meta charset=utf-8><title>alframe</title><p>Open the address that the terminal "
        "shows. It works once; after that the terminal shows another one.</p>"
    )
    return with_headers(bottle.HTTPResponse(text, status=403, Content_Type="text/html; charset=utf-8"))


_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


def _file(name: str) -> Any:
    file = STATIC / name
    if not file.is_file():
        return reply({"error": "There is no such file."}, 404)
    return with_headers(
        bottle.HTTPResponse(file.read_bytes(), Content_Type=_KINDS[file.suffix]), cache="no-cache"
    )


def _add_reading(made: bottle.Bottle, service: Service, guard: Guard) -> None:
    query = _Query()

    @made.get("/api/state")
    def state() -> Any:
        session = guard.session(bottle.request.get_cookie(guard.cookie)) or ""
        return reply({"csrf": guard.csrf(session), **service.state(query.person(optional=True))})

    @made.get("/api/next")
    def next_items() -> Any:
        return reply({"items": service.next(query.person(), query.whole("n", 8, 1, _MAX_NEXT))})

    @made.get("/api/grid")
    def grid() -> Any:
        return reply(service.grid(query.person()))

    @made.get("/api/gallery")
    def gallery() -> Any:
        return reply(
            service.gallery(
                view=query.text("view", "labels"),
                of_class=query.optional_whole("class"),
                source=query.text("source", ""),
                offset=query.whole("offset", 0, 0, 2**31),
                limit=query.whole("limit", 100, 1, _MAX_LISTED),
            )
        )

    @made.get("/api/history/<index:int>")
    def history(index: int) -> Any:
        return reply({"rows": service.history(index)})

    @made.get("/api/people")
    def people() -> Any:
        return reply(service.people())

    @made.get("/image/<index:int>/<size>")
    def image(index: int, size: str) -> Any:
        if size not in get_args(Size):
            raise NotFound("There is no such size: small, large and full exist.")
        return _picture(service, index, size)

    @made.get("/report")
    def report() -> Any:
        content = service.report()
        return with_headers(
            bottle.HTTPResponse(content, Content_Type="text/html; charset=utf-8"), report=True
        )

    @made.get("/api/setup")
    def setup() -> Any:
        return reply(service.setup())


class _Query:
    """The values in the address of the present request."""

    def person(self, *, optional: bool = False) -> str:
        return person_of(_text("who"), optional=optional)

    def text(self, key: str, default: str) -> str:
        return _text(key) or default

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        return whole(key, _text(key) or default, least, most)

    def optional_whole(self, key: str) -> int | None:
        given = _text(key)
        return None if given in ("", None) else whole(key, given, -3, 2**31)


def _text(key: str) -> str | None:
    value: str | None = bottle.request.query.getunicode(key)
    return value


def _picture(service: Service, index: int, size: Any) -> Any:
    dataset = service.desk.now.dataset
    if dataset is None or not 0 <= index < len(dataset):
        raise NotFound(f"There is no image {index}.")
    found = service.pictures()(index, size)
    headers = {"ETag": f'"{found.tag}"'}
    # An address with the trial's id never means another picture; without it, the browser asks again.
    cache = "private, max-age=31536000, immutable" if _text("trial") else "private, no-cache"
    if bottle.request.get_header("If-None-Match") == headers["ETag"]:
        return with_headers(bottle.HTTPResponse(status=304, headers=headers), cache=cache)
    response = bottle.HTTPResponse(found.content, headers={**headers, "Content-Type": found.kind})
    return with_headers(response, cache=cache)


def _add_telling(made: bottle.Bottle, service: Service) -> None:
    @made.post("/api/answers")
    def answers() -> Any:
        body = body_of(service.trial_id)
        saved = service.answering.save(
            person_of(body.get("who")), key_of(body.get("key")), answers_of(body.get("answers"))
        )
        return reply({"saved": saved, "version": service.desk.now.version})

    @made.post("/api/undo")
    def undo() -> Any:
        body = body_of(service.trial_id)
        undone = service.answering.undo(person_of(body.get("who")), optional_key(body.get("key")))
        return reply({"index": undone[0] if undone else None, "indices": undone})

    @made.post("/api/skip")
    def skip() -> Any:
        body = body_of(service.trial_id)
        service.skip(person_of(body.get("who")), whole("index", body.get("index"), 0, 2**31))
        return reply({"version": service.desk.now.version})

    @made.post("/api/review")
    def review() -> Any:
        body = body_of(service.trial_id)
        index = whole("index", body.get("index"), 0, 2**31)
        who, key = person_of(body.get("who")), optional_key(body.get("key"))
        seconds = seconds_of(body.get("seconds"))
        service.answering.review(who, key, index, one_answer(body.get("answer")), seconds)
        return reply({"version": service.desk.now.version})

    @made.post("/api/classes")
    def classes() -> Any:
        return reply({"number": service.add_class(class_name_of(body_of(service.trial_id).get("name")))})

    @made.post("/api/options")
    def options() -> Any:
        service.set_options(options_of(body_of(service.trial_id), service.desk.now.options))
        return reply({"version": service.desk.now.version})

    @made.post("/api/export")
    def export() -> Any:
        return reply(service.export(str(body_of(service.trial_id).get("to", ""))))

    @made.post("/api/finish")
    def finish() -> Any:
        body_of(service.trial_id)
        service.finish()
        return reply({"finished": True})

    @made.post("/api/setup")
    def setup() -> Any:
        body = body_of(service.trial_id)
        tolerance = body.get("tolerance")
        service.set_up(
            classes=[class_name_of(each) for each in body.get("classes") or []],
            tolerance=None if tolerance is None else number("tolerance", tolerance, 0.0, 1.0),
            who=person_of(body.get("who"), optional=True),
        )
        return reply({"version": service.desk.now.version})
