"""The HTTP interface of the page. Each route parses, checks, calls the service and returns JSON."""

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import bottle

from alframe.core.errors import AlframeError, UserError
from alframe.data.decoded import UnreadableImages
from alframe.page.pictures import Changed, Size
from alframe.page.request_values import (
    Bad,
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
from alframe.page.safety import HEADERS, MAX_BODY, Guard
from alframe.page.service import Conflict, NotFound, Service

STATIC = Path(__file__).parent / "static"
_MAX_NEXT = 50
_MAX_LISTED = 500
_STATUS = {Bad: 400, NotFound: 404, Conflict: 409, Changed: 409, UnreadableImages: 409}
_NO_STORE = "no-store"


def app(service: Service, guard: Guard, admitted: Callable[[], None]) -> bottle.Bottle:
    """Return the WSGI application of a page.

    Args:
        admitted: called after a token was used.
    """
    made = bottle.Bottle()
    made.config["json.enable"] = False
    made.install(_checked(guard))
    _add_page(made, guard, admitted)
    _add_reading(made, service, guard)
    _add_telling(made, service)
    made.default_error_handler = _as_json
    return made


class _Refused(Exception):
    """A request of somebody who is not let in, or of another site."""

    def __init__(self, text: str, status: int = 403) -> None:
        super().__init__(text)
        self.status = status


def _checked(guard: Guard) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a plug-in of bottle that checks each request and turns errors into JSON."""

    def plugin(callback: Callable[..., Any]) -> Callable[..., Any]:
        def handled(**values: Any) -> Any:
            try:
                _check(guard)
                return callback(**values)
            except bottle.HTTPResponse as response:
                return _with_headers(response)
            except _Refused as error:
                return _reply({"error": str(error)}, error.status)
            except AlframeError as error:
                status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), None)
                if status is None:
                    status = 400 if isinstance(error, UserError) else 500
                return _reply({"error": str(error)}, status)
            except Exception as error:
                # Neither the request nor the error's text: they may hold labels.
                frames = "".join(traceback.format_tb(error.__traceback__))
                sys.stderr.write(f"alframe: page: {type(error).__name__}\n{frames}")
                return _reply({"error": "The server has a problem; the terminal says more."}, 500)

        return handled

    return plugin


def _check(guard: Guard) -> None:
    """Raise `_Refused` for a request that must not be answered."""
    request, given = bottle.request, bottle.request.environ  # its headers are Latin-1, whatever was sent
    host = given.get("HTTP_HOST")
    if not guard.is_host(host):
        raise _Refused("The page is served under this computer's own name only.", 421)
    if request.path == "/" and request.method == "GET":
        return  # says nothing but how to get in
    session = guard.session(request.get_cookie(guard.cookie))
    if session is None:
        raise _Refused("Open the address that the terminal shows.")
    if request.method in ("GET", "HEAD"):
        return
    if not guard.is_origin(given.get("HTTP_ORIGIN"), given.get("HTTP_SEC_FETCH_SITE"), host):
        raise _Refused("The request does not come from the page.")
    if not guard.is_csrf(session, given.get("HTTP_X_ALFRAME_CSRF")):
        raise _Refused("The page is out of date. Load it again.")


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
    return _with_headers(response)


def _not_admitted() -> Any:
    text = (
        "<!doctype html><meta charset=utf-8><title>alframe</title><p>Open the address that the terminal "
        "shows. It works once; after that the terminal shows another one.</p>"
    )
    return _with_headers(bottle.HTTPResponse(text, status=403, Content_Type="text/html; charset=utf-8"))


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
        return _reply({"error": "There is no such file."}, 404)
    return _with_headers(
        bottle.HTTPResponse(file.read_bytes(), Content_Type=_KINDS[file.suffix]), cache="no-cache"
    )


def _add_reading(made: bottle.Bottle, service: Service, guard: Guard) -> None:
    query = _Query()

    @made.get("/api/state")
    def state() -> Any:
        session = guard.session(bottle.request.get_cookie(guard.cookie)) or ""
        return _reply({"csrf": guard.csrf(session), **service.state(query.person(optional=True))})

    @made.get("/api/next")
    def next_items() -> Any:
        return _reply({"items": service.next(query.person(), query.whole("n", 8, 1, _MAX_NEXT))})

    @made.get("/api/grid")
    def grid() -> Any:
        return _reply(service.grid(query.person()))

    @made.get("/api/gallery")
    def gallery() -> Any:
        return _reply(
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
        return _reply({"rows": service.history(index)})

    @made.get("/api/people")
    def people() -> Any:
        return _reply(service.people())

    @made.get("/image/<index:int>/<size>")
    def image(index: int, size: str) -> Any:
        if size not in get_args(Size):
            raise NotFound("There is no such size: small, large and full exist.")
        return _picture(service, index, size)

    @made.get("/report")
    def report() -> Any:
        content = service.report()
        return _with_headers(
            bottle.HTTPResponse(content, Content_Type="text/html; charset=utf-8"), report=True
        )

    @made.get("/api/setup")
    def setup() -> Any:
        return _reply(service.setup())


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
        return _with_headers(bottle.HTTPResponse(status=304, headers=headers), cache=cache)
    response = bottle.HTTPResponse(found.content, headers={**headers, "Content-Type": found.kind})
    return _with_headers(response, cache=cache)


def _add_telling(made: bottle.Bottle, service: Service) -> None:
    @made.post("/api/answers")
    def answers() -> Any:
        body = _body(service)
        saved = service.save(
            person_of(body.get("who")), key_of(body.get("key")), answers_of(body.get("answers"))
        )
        return _reply({"saved": saved, "version": service.desk.now.version})

    @made.post("/api/undo")
    def undo() -> Any:
        body = _body(service)
        undone = service.undo(person_of(body.get("who")), optional_key(body.get("key")))
        return _reply({"index": undone[0] if undone else None, "indices": undone})

    @made.post("/api/skip")
    def skip() -> Any:
        body = _body(service)
        service.skip(person_of(body.get("who")), whole("index", body.get("index"), 0, 2**31))
        return _reply({"version": service.desk.now.version})

    @made.post("/api/review")
    def review() -> Any:
        body = _body(service)
        index = whole("index", body.get("index"), 0, 2**31)
        who, key = person_of(body.get("who")), optional_key(body.get("key"))
        seconds = seconds_of(body.get("seconds"))
        service.review(who, key, index, one_answer(body.get("answer")), seconds)
        return _reply({"version": service.desk.now.version})

    @made.post("/api/classes")
    def classes() -> Any:
        return _reply({"number": service.add_class(class_name_of(_body(service).get("name")))})

    @made.post("/api/options")
    def options() -> Any:
        service.set_options(options_of(_body(service), service.desk.now.options))
        return _reply({"version": service.desk.now.version})

    @made.post("/api/export")
    def export() -> Any:
        return _reply(service.export(str(_body(service).get("to", ""))))

    @made.post("/api/finish")
    def finish() -> Any:
        _body(service)
        service.finish()
        return _reply({"finished": True})

    @made.post("/api/setup")
    def setup() -> Any:
        body = _body(service)
        tolerance = body.get("tolerance")
        service.set_up(
            classes=[class_name_of(each) for each in body.get("classes") or []],
            tolerance=None if tolerance is None else number("tolerance", tolerance, 0.0, 1.0),
            who=person_of(body.get("who"), optional=True),
        )
        return _reply({"version": service.desk.now.version})


def _body(service: Service) -> Mapping[str, Any]:
    """Return the JSON object of the present request.

    Raises:
        Bad: it is none. Conflict: it is of another trial.
    """
    request = bottle.request
    if (request.content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise Bad("Expected JSON.")
    raw = request.environ["wsgi.input"].read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:
        raise _Refused("The request is too large.", 413)
    try:
        body = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Bad("Expected JSON.") from error
    if not isinstance(body, dict):
        raise Bad("Expected a JSON object.")
    if body.get("trial") not in (None, service.trial_id):
        raise Conflict("This page is of another trial. Load it again.")
    return body


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _as_json(response: bottle.HTTPError) -> Any:
    """Return bottle's own errors, such as an unknown address, in the form of the others."""
    text = {404: "There is no such address.", 405: "That is not possible at this address."}
    body = json.dumps({"error": text.get(response.status_code, "The request cannot be read.")})
    for name, value in {**HEADERS, "Content-Type": "application/json", "Cache-Control": _NO_STORE}.items():
        bottle.response.set_header(name, value)
    return body


def _reply(content: Mapping[str, Any], status: int = 200) -> Any:
    body = json.dumps(content, allow_nan=False)
    return _with_headers(
        bottle.HTTPResponse(body, status=status, headers={"Content-Type": "application/json"})
    )


# The report is one file with its own styles and script. It gets an origin of its own, from which nothing of
# the page can be reached.
_REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "frame-ancestors 'none'; sandbox allow-scripts"
)


def _with_headers(response: Any, cache: str = _NO_STORE, report: bool = False) -> Any:
    for name, value in HEADERS.items():
        response.set_header(name, value)
    response.set_header("Cache-Control", cache)
    if report:
        response.set_header("Content-Security-Policy", _REPORT_POLICY)
    return response
