"""What every request to the page must pass, and the form of every reply."""

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import bottle

from alframe.core.errors import AlframeError, UserError
from alframe.data.decoded import UnreadableImages
from alframe.page.errors import Conflict, NotFound
from alframe.page.pictures import Changed
from alframe.page.request_values import Bad
from alframe.page.safety import HEADERS, MAX_BODY, Guard

_STATUS = {Bad: 400, NotFound: 404, Conflict: 409, Changed: 409, UnreadableImages: 409}
_NO_STORE = "no-store"


class Refused(Exception):
    """A request of somebody who is not let in, or of another site."""

    def __init__(self, text: str, status: int = 403) -> None:
        super().__init__(text)
        self.status = status


def checked(guard: Guard) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a plug-in of bottle that checks each request and turns errors into JSON."""

    def plugin(callback: Callable[..., Any]) -> Callable[..., Any]:
        def handled(**values: Any) -> Any:
            try:
                _check(guard)
                return callback(**values)
            except bottle.HTTPResponse as response:
                return with_headers(response)
            except Refused as error:
                return reply({"error": str(error)}, error.status)
            except AlframeError as error:
                status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), None)
                if status is None:
                    status = 400 if isinstance(error, UserError) else 500
                return reply({"error": str(error)}, status)
            except Exception as error:
                # Neither the request nor the error's text: they may hold labels.
                frames = "".join(traceback.format_tb(error.__traceback__))
                sys.stderr.write(f"alframe: page: {type(error).__name__}\n{frames}")
                return reply({"error": "The server has a problem; the terminal says more."}, 500)

        return handled

    return plugin


def _check(guard: Guard) -> None:
    """Raise `Refused` for a request that must not be answered."""
    request, given = bottle.request, bottle.request.environ  # its headers are Latin-1, whatever was sent
    host = given.get("HTTP_HOST")
    if not guard.is_host(host):
        raise Refused("The page is served under this computer's own name only.", 421)
    if request.path == "/" and request.method == "GET":
        return  # says nothing but how to get in
    session = guard.session(request.get_cookie(guard.cookie))
    if session is None:
        raise Refused("Open the address that the terminal shows.")
    if request.method in ("GET", "HEAD"):
        return
    if not guard.is_origin(given.get("HTTP_ORIGIN"), given.get("HTTP_SEC_FETCH_SITE"), host):
        raise Refused("The request does not come from the page.")
    if not guard.is_csrf(session, given.get("HTTP_X_ALFRAME_CSRF")):
        raise Refused("The page is out of date. Load it again.")


def body_of(trial_id: str) -> Mapping[str, Any]:
    """Return the JSON object of the present request to the page of a trial.

    Raises:
        Bad: it is none. Conflict: it is of another trial.
    """
    request = bottle.request
    if (request.content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise Bad("Expected JSON.")
    raw = request.environ["wsgi.input"].read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:
        raise Refused("The request is too large.", 413)
    try:
        body = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Bad("Expected JSON.") from error
    if not isinstance(body, dict):
        raise Bad("Expected a JSON object.")
    if body.get("trial") not in (None, trial_id):
        raise Conflict("This page is of another trial. Load it again.")
    return body


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def as_json(response: bottle.HTTPError) -> Any:
    """Return bottle's own errors, such as an unknown address, in the form of the others."""
    text = {404: "There is no such address.", 405: "That is not possible at this address."}
    body = json.dumps({"error": text.get(response.status_code, "The request cannot be read.")})
    for name, value in {**HEADERS, "Content-Type": "application/json", "Cache-Control": _NO_STORE}.items():
        bottle.response.set_header(name, value)
    return body


def reply(content: Mapping[str, Any], status: int = 200) -> Any:
    """Return a reply in JSON."""
    body = json.dumps(content, allow_nan=False)
    return with_headers(
        bottle.HTTPResponse(body, status=status, headers={"Content-Type": "application/json"})
    )


# The report is one file with its own styles and script. It gets an origin of its own, from which nothing of
# the page can be reached.
_REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "frame-ancestors 'none'; sandbox allow-scripts"
)


def with_headers(response: Any, cache: str = _NO_STORE, report: bool = False) -> Any:
    """Return a reply with the headers of safety; `report` for the report, which has its own script."""
    for name, value in HEADERS.items():
        response.set_header(name, value)
    response.set_header("Cache-Control", cache)
    if report:
        response.set_header("Content-Security-Policy", _REPORT_POLICY)
    return response
