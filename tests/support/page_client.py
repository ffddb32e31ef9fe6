"""A person at the labelling page without a browser: requests over HTTP, as the page makes them."""

import http.client
import json
import random
import re
import subprocess
import threading
import time
import uuid
from typing import Any


class Refused(Exception):
    """A reply that is no success."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status, self.text = status, text


class Lost(Exception):
    """The server did not answer."""


class PageClient:
    """One browser."""

    def __init__(self, port: int, who: str = "ann", host: str = "127.0.0.1") -> None:
        self.port, self.who, self.host = port, who, host
        self.cookie = self.csrf = ""

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and content of the reply."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            reply = connection.getresponse()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read()
        except (OSError, http.client.HTTPException) as error:
            raise Lost(str(error)) from error
        finally:
            connection.close()

    def enter(self, address: str) -> int:
        """Open the address of the terminal; return the status of the reply."""
        status, headers, _ = self.raw("GET", "/" + address.partition("/?")[2].join(["?", ""]))
        if "set-cookie" in headers:
            self.cookie = headers["set-cookie"].partition(";")[0]
        return status

    def get(self, path: str) -> Any:
        """Return the reply to a GET."""
        return self._read(*self.raw("GET", path, headers={"Cookie": self.cookie}))

    def post(self, path: str, **body: Any) -> Any:
        """Return the reply to a POST."""
        headers = {
            "Cookie": self.cookie,
            "Content-Type": "application/json",
            "X-Alframe-CSRF": self.csrf,
            "Origin": f"http://{self.host}:{self.port}",
        }
        return self._read(*self.raw("POST", path, json.dumps({"who": self.who, **body}).encode(), headers))

    def state(self) -> Any:
        """Return the state, and keep its CSRF text."""
        state = self.get(f"/api/state?who={self.who}")
        self.csrf = state["csrf"]
        return state

    def wait_for(self, *stages: str, seconds: float = 60) -> Any:
        """Return the state as soon as the trial is in one of some stages."""
        end = time.monotonic() + seconds
        while (state := self.state())["stage"] not in stages:
            if time.monotonic() > end:
                raise TimeoutError(str(state))
            time.sleep(0.05)
        return state

    def next(self, n: int = 8) -> list[Any]:
        """Return the next samples to answer one at a time."""
        items: list[Any] = self.get(f"/api/next?who={self.who}&n={n}")["items"]
        return items

    def answer(self, answers: dict[int, int | str], key: str | None = None, **more: Any) -> Any:
        """Send answers; they are saved when this returns."""
        rows = [
            {
                "index": index,
                "answer": answer,
                "seconds": 0.6,
                "suggestion": None,
                "shown": "off",
                "grid": None,
            }
            | more
            for index, answer in answers.items()
        ]
        return self.post("/api/answers", key=key or str(uuid.uuid4()), answers=rows)

    @staticmethod
    def _read(status: int, headers: dict[str, str], content: bytes) -> Any:
        if status >= 400:
            raise Refused(status, content.decode("utf-8", "replace"))
        return json.loads(content) if headers.get("content-type") == "application/json" else content


class Terminal:
    """Reads what a command prints, so that its pipe never fills, and finds the address in it."""

    ADDRESS = re.compile(r"http://[^ ]+:(\d+)/\?token=\S+")

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process, self.lines = process, []  # type: ignore[var-annotated]
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self.lines.append("")
            self._changed.notify_all()

    def address(self, which: int = 0, seconds: float = 120) -> str:
        """Return an address that the command has printed, as soon as it is there."""

        def found() -> list[str]:
            return [match[0] for line in self.lines if (match := self.ADDRESS.search(line))]

        with self._changed:
            self._changed.wait_for(lambda: len(found()) > which or self.lines[-1:] == [""], seconds)
            if len(found()) <= which:
                raise Lost("".join(self.lines))
            return found()[which]


def port_of(address: str) -> int:
    """Return the port of an address."""
    found = Terminal.ADDRESS.search(address)
    assert found is not None
    return int(found[1])


def noisy(right: int, n_classes: int, generator: random.Random, wrong: float) -> int:
    """Return the right class, or another one with probability `wrong`."""
    return generator.randrange(n_classes) if generator.random() < wrong else right
