"""Attacks on the page: each must fail, and say nothing that it should not."""

import http.client
import json
import re
import socket

import pytest

from alframe.core.errors import ConfigError
from alframe.page.routes import STATIC
from alframe.page.safety import Guard, Memory
from alframe.page.server import PageServer
from alframe.page.settings import PageSettings
from tests.support.page_client import PageClient, Refused
from tests.support.served_page import SETTINGS, served


@pytest.fixture
def page(tmp_path):
    with served(tmp_path) as page:
        yield page


def sent(page, method="GET", path="/api/state?who=eve", body=None, **headers):
    """Send a request of somebody who is inside, with some headers changed; return status and reply."""
    client = page.client("eve")
    usual = {
        "Host": f"127.0.0.1:{page.port}",
        "Cookie": client.cookie,
        "Content-Type": "application/json",
        "X-Alframe-CSRF": client.csrf,
        "Origin": f"http://127.0.0.1:{page.port}",
    }
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    usual = {name: value for name, value in {**usual, **changed}.items() if value is not None}
    raw = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
    status, _, content = client.raw(method, path, raw, usual)
    return status, content


def save(page, body=None, **headers):
    whole = {"who": "eve", "key": "k1", "answers": [{"index": 3, "answer": 0}]}
    return sent(page, "POST", "/api/answers", whole if body is None else body, **headers)


def stored(page):
    return [(row.sample, row.answer) for row in page.service.store.history()]


# --- who is let in


def test_the_server_listens_on_the_loopback_interface_only(page):
    assert page.server._socket.getsockname()[0] == "127.0.0.1"


def test_without_a_cookie_nothing_is_told(page):
    eve = PageClient(page.port)
    for path in (
        "/api/state",
        "/api/next?who=a",
        "/image/3/small",
        "/static/app.js",
        "/report",
        "/api/setup",
    ):
        with pytest.raises(Refused) as refused:
            eve.get(path)
        assert refused.value.status == 403
    status, headers, content = eve.raw("GET", "/")
    assert (status, "set-cookie" in headers) == (403, False)
    assert b"cat" not in content


def test_a_token_works_once_and_is_not_kept_in_the_address(page):
    token = page.server.guard.token
    first, second = PageClient(page.port), PageClient(page.port)
    status, headers, _ = first.raw("GET", f"/?token={token}")
    assert (status, headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {
        part.strip() for part in headers["set-cookie"].split(";")
    }
    assert second.raw("GET", f"/?token={token}")[0] == 403
    assert page.lines[-1] == f"for another browser or person: {page.server.address}"
    assert second.enter(page.server.address) == 303


def test_a_token_cannot_be_guessed_by_trying(page):
    before = page.server.guard.token
    eve = PageClient(page.port)
    assert {
        eve.raw("GET", f"/?token={guess}")[0] for guess in ("", "x", before[:-1], before + "x", "%C3%A9%FF")
    } == {403}
    for _ in range(8):
        eve.raw("GET", "/?token=wrong")
    assert page.server.guard.token != before


@pytest.mark.parametrize("forged", ["", "x", "x.y", ".", "session.0000", f"{'a' * 9000}.b"])
def test_a_forged_cookie_is_refused(page, forged):
    assert sent(page, Cookie=f"{page.server.guard.cookie}={forged}")[0] == 403


def test_a_cookie_of_another_trial_is_refused(page, tmp_path):
    other = Guard(PageSettings(**SETTINGS), Memory.of(tmp_path / "other"))
    cookie = other.admit(other.token)
    assert sent(page, Cookie=f"{page.server.guard.cookie}={cookie}")[0] == 403


def test_a_token_of_ones_own_works_again_and_others_do_not(tmp_path):
    own = "a-token-of-my-own-1"
    with served(tmp_path, token=own) as page:
        assert [PageClient(page.port).raw("GET", f"/?token={each}")[0] for each in (own, own, own[1:])] == [
            303,
            303,
            403,
        ]
        assert page.server.guard.token == own


def test_a_page_for_other_computers_is_told_to_be_open(tmp_path):
    with served(tmp_path, host="0.0.0.0", token="a-token-of-my-own-1") as page:
        assert page.lines[0].startswith("page.host=0.0.0.0 lets other computers in: whoever has the token")
        assert sent(page, Host=f"192.0.2.7:{page.port}")[0] == 200  # an IP address cannot be rebound
        assert sent(page, Host="evil.example")[0] == 421


# --- requests of other sites


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "", "localhost.evil.example", "[::2]"],
)
def test_a_name_that_was_pointed_at_this_computer_gets_nothing(page, host):
    status, content = sent(page, Host=host)
    assert status == 421
    assert b"cat" not in content
    assert save(page, Host=host, Origin=f"http://{host}")[0] == 421
    assert stored(page) == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:5", "127.9.9.9:80"])
def test_the_names_of_this_computer_are_right_at_any_port(page, host):
    assert sent(page, Host=host)[0] == 200  # a tunnel has another port


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "file://", ""])
def test_another_site_cannot_change_anything(page, origin):
    assert save(page, Origin=origin)[0] == 403
    assert stored(page) == []


def test_without_an_origin_the_browser_s_word_counts(page):
    assert save(page, Origin=None, Sec_Fetch_Site="cross-site")[0] == 403
    assert save(page, Origin=None, Sec_Fetch_Site="same-site")[0] == 403
    assert stored(page) == []
    assert save(page, Origin=None, Sec_Fetch_Site="same-origin")[0] == 200


@pytest.mark.parametrize("csrf", [None, "", "0" * 64, "é"])
def test_a_request_without_the_text_of_the_session_is_refused(page, csrf):
    assert save(page, X_Alframe_CSRF=csrf)[0] == 403
    assert stored(page) == []


def test_the_text_of_one_session_does_not_fit_another(page):
    assert save(page, X_Alframe_CSRF=page.client("bob").csrf)[0] == 403
    assert stored(page) == []


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", None]
)
def test_a_form_of_another_site_is_no_request(page, kind):
    assert save(page, Content_Type=kind)[0] == 400
    assert stored(page) == []


# --- what a browser may do with replies


def test_every_reply_forbids_scripts_from_elsewhere_and_frames(page):
    client = page.client()
    cookie = {"Cookie": client.cookie}
    page.desk.finished()
    for path, status in (
        ("/", 200),
        ("/?token=x", 303),
        ("/api/state", 200),
        ("/image/3/small", 200),
        ("/image/99/small", 404),
        ("/nothing", 404),
        ("/api/answers", 405),
        ("/report", 200),
    ):
        got, headers, _ = client.raw("GET", path, headers=cookie)
        policy = dict(
            part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";")
        )
        assert (got, policy["default-src"], policy["frame-ancestors"]) == (status, "'none'", "'none'"), path
        assert headers["x-content-type-options"] == "nosniff"
        if path == "/report":  # it is apart from the page: no cookie, no request
            assert policy["sandbox"] == "allow-scripts"
            assert "connect-src" not in policy
        else:
            assert policy["script-src"] == "'self'"
            assert "unsafe" not in headers["content-security-policy"]
        assert "server" not in headers


def test_the_page_has_no_inline_script_and_nothing_from_elsewhere():
    files = [file for file in STATIC.iterdir() if file.suffix in (".html", ".css", ".js", ".svg")]
    for file in files:
        text = file.read_text("utf-8")
        elsewhere = [url for url in re.findall(r"https?://[^\s\"'`)]+", text) if "www.w3.org" not in url]
        assert not elsewhere, file
        assert not re.search(r"\beval\(|new Function\(|document\.write|\.innerHTML\s*=", text), file
        if file.suffix == ".html":
            assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|javascript:|\sstyle=", text), file


# --- paths and sizes


@pytest.mark.parametrize(
    "path",
    [
        "/static/../pyproject.toml",
        "/static/..%2f..%2f__init__.py",
        "/static/%2e%2e/routes.py",
        "/static//etc/passwd",
        "/static/routes.py",
        "/static/app.js%00.png",
        "/image/../3/small",
        "/image/3/..%2flarge",
        "/image/3/huge",
        "/image/-1/small",
        "/image/12/small",
        "/image/99999999999999999999/small",
        "/image/3.0/small",
        "/image/%2e%2e%2fanswers.sqlite/small",
    ],
)
def test_no_path_reaches_the_file_system(page, path):
    status, content = sent(page, path=path)
    assert status == 404
    assert json.loads(content).keys() == {"error"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"who": NaN}',
        b"[" * 100_000,
        {},
        {"who": "eve"},
        {"who": "", "key": "k", "answers": [{"index": 3, "answer": 0}]},
        {"who": "e" * 41, "key": "k", "answers": [{"index": 3, "answer": 0}]},
        {"who": "e\r\nSet-Cookie: x=1", "key": "k", "answers": [{"index": 3, "answer": 0}]},
        {"who": ["eve"], "key": "k", "answers": [{"index": 3, "answer": 0}]},
        {"who": "eve", "key": "k'; DROP TABLE answers; --", "answers": [{"index": 3, "answer": 0}]},
        {"who": "eve", "key": "k" * 65, "answers": [{"index": 3, "answer": 0}]},
        {"who": "eve", "key": "k", "answers": []},
        {"who": "eve", "key": "k", "answers": [{"index": 3, "answer": 0}] * 1001},
        {"who": "eve", "key": "k", "answers": [{"index": "../3", "answer": 0}]},
        {"who": "eve", "key": "k", "answers": [{"index": -1, "answer": 0}]},
        {"who": "eve", "key": "k", "answers": [{"index": True, "answer": 0}]},
        {"who": "eve", "key": "k", "answers": [{"index": 3, "answer": -1}]},
        {"who": "eve", "key": "k", "answers": [{"index": 3, "answer": 0.5}]},
        {"who": "eve", "key": "k", "answers": [{"index": 3, "answer": "cat"}]},
        {"who": "eve", "key": "k", "answers": [{"index": 3, "answer": 0, "seconds": -1}]},
        {"who": "eve", "key": "k", "answers": [{"index": 3, "answer": 0, "seconds": 1e9}]},
        {"who": "eve", "key": "k", "answers": [{"index": 3, "answer": 0, "shown": "never"}]},
        {"who": "eve", "key": "k", "answers": [{"index": 3, "answer": 0, "grid": "<script>"}]},
    ],
    ids=lambda body: str(body)[:40],
)
def test_a_request_that_the_page_does_not_make_is_refused_in_one_sentence(page, body):
    status, content = save(page, body)
    assert status == 400
    assert re.fullmatch(r'\{"error": "[^"]{5,120}\."\}', content.decode()), content
    assert stored(page) == []


@pytest.mark.parametrize(("index", "answer"), [(0, 0), (99, 0), (3, 3), (3, 999_999)])
def test_an_answer_to_nothing_that_was_asked_or_of_no_class_is_refused(page, index, answer):
    status, _ = save(page, {"who": "eve", "key": "k", "answers": [{"index": index, "answer": answer}]})
    assert status == 404
    assert stored(page) == []


def test_an_answer_of_another_trial_is_refused(page):
    whole = {"who": "eve", "key": "k", "trial": "00000000", "answers": [{"index": 3, "answer": 0}]}
    assert save(page, whole)[0] == 409
    assert stored(page) == []


def test_requests_that_are_too_large_are_cut_off(page):
    client = PageClient(page.port)
    assert client.raw("GET", "/", headers={"X-Long": "x" * 2**16})[0] == 431
    for length in (2**20 + 1, 99_999_999_999):
        with socket.create_connection(("127.0.0.1", page.port), 5) as raw:
            head = f"POST /api/answers HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\nx"
            raw.sendall(head.encode())
            assert raw.recv(100).startswith(b"HTTP/1.1 413")
    assert stored(page) == []


def test_other_methods_do_nothing(page):
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "GET"):
        assert sent(page, method, "/api/answers")[0] == 405, method


# --- what an error tells


def test_an_error_tells_neither_the_browser_nor_the_log_anything_of_the_labels(page, monkeypatch, capsys):
    secret = "a-secret-label-of-image-3"

    def fails(*_):
        raise RuntimeError(secret)

    monkeypatch.setattr(page.service, "next", fails)
    status, content = sent(page, path="/api/next?who=ann")
    assert (status, json.loads(content)) == (
        500,
        {"error": "The server has a problem; the terminal says more."},
    )
    said = capsys.readouterr()
    assert "RuntimeError" in said.err
    assert secret not in said.err + said.out


def test_nothing_is_logged_of_requests_that_go_well(page, capsys):
    assert save(page)[0] == 200
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_a_broken_connection_does_not_harm_the_server(page):
    for garbage in (
        b"\x00\xff\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET",
        b"POST / HTTP/1.1\r\nHost: x\r\n",
    ):
        with socket.create_connection(("127.0.0.1", page.port), 5) as raw:
            raw.sendall(garbage)
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
    connection.request("GET", "/")
    assert connection.getresponse().status == 403
    connection.close()


# --- the port


def test_a_port_that_is_taken_is_told_and_the_one_of_the_last_time_is_taken_again(tmp_path, tmp_path_factory):
    with served(tmp_path) as page:
        port = page.port
        with (
            pytest.raises(ConfigError, match=rf"page.port: expected a free port, got {port}, which is taken"),
            served(tmp_path_factory.mktemp("second"), port=port),
        ):
            pass
        with served(tmp_path_factory.mktemp("third")) as other:
            assert other.port != port
    with served(tmp_path) as page:
        assert page.port == port


@pytest.mark.parametrize(("display", "opened"), [("", 0), (":0", 1)])
def test_the_browser_is_opened_only_where_there_is_a_display(tmp_path, monkeypatch, display, opened):
    calls = []
    monkeypatch.setattr("webbrowser.open", calls.append)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with served(tmp_path, open=True) as page:
        assert len(calls) == opened
        assert page.lines == [f"label at {page.server.address}"]


def test_a_package_that_is_missing_is_named_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("alframe.core.optional_package.find_spec", lambda package: None)
    with pytest.raises(
        ConfigError, match=r"bottle for oracle=page, which is not installed.*'alframe\[page\]'"
    ):
        PageServer(tmp_path, PageSettings(**SETTINGS), print)
