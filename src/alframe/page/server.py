"""The web server of the page, in threads of the trial's process.

bottle routes the requests and waitress serves them: both are small and need no other package. The page needs
no WebSocket and each request is short, so that threads with a connection to SQLite each are simpler than an
event loop.
"""

import logging
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from alframe.core.errors import ConfigError
from alframe.core.optional_package import require
from alframe.page.safety import MAX_BODY, MAX_HEADER, Guard, Memory
from alframe.page.settings import PageSettings

_THREADS = 8
_BACKLOG = 128


class PageServer:
    """Serves the page of a trial. The port is taken at once; requests are answered after `start`."""

    def __init__(self, directory: Path, settings: PageSettings, tell: Callable[[str], None]) -> None:
        """Take the port.

        Args:
            directory: of the trial. tell: prints a line on the terminal.

        Raises:
            ConfigError: the port is taken, the address is not one of this computer, or a package is missing.
        """
        for package in ("bottle", "waitress"):
            require(package, key="oracle", use="oracle=page", install="alframe[page]")
        self._directory, self._settings, self._tell = directory, settings, tell
        self.memory = Memory.of(directory)
        self._socket = _bound(settings, self.memory.port)
        self.memory = replace(self.memory, port=self._socket.getsockname()[1])
        self.guard = Guard(settings, self.memory)
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self.finish_wanted = threading.Event()

    @property
    def address(self) -> str:
        """The address for the next browser, with its token."""
        host = self._settings.host
        if host in ("0.0.0.0", "::"):
            host = socket.gethostname()
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.memory.port}/?token={self.guard.token}"

    def start(self, app: Callable[..., Any]) -> None:
        """Answer requests with a WSGI application from now on; print the address and open the browser."""
        if self._server is not None:
            return
        from waitress.server import create_server

        logging.getLogger("waitress").setLevel(logging.ERROR)
        self.memory.keep(self._directory)
        self._server = create_server(
            app,
            sockets=[self._socket],
            threads=_THREADS,
            backlog=_BACKLOG,
            max_request_body_size=MAX_BODY,
            max_request_header_size=MAX_HEADER,
            channel_timeout=60,
            ident="",
            clear_untrusted_proxy_headers=True,
        )
        self._thread = threading.Thread(target=self._server.run, name="page", daemon=True)
        self._thread.start()
        self._announce()

    def admitted(self) -> None:
        """Print the address for a further browser, after the one on the terminal was used."""
        if self._settings.token is None:
            self._tell(f"for another browser or person: {self.address}")

    def stop(self) -> None:
        """Answer no more requests."""
        if self._server is None:
            self._socket.close()
            return
        server, self._server = self._server, None
        server.task_dispatcher.shutdown(timeout=2)
        server.trigger.pull_trigger(lambda: _close_all(server))
        if self._thread is not None:
            self._thread.join(5)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _announce(self) -> None:
        if not self._settings.is_local:
            self._tell(
                f"page.host={self._settings.host} lets other computers in: whoever has the token can see all "
                "images and label them, and the connection is not encrypted."
            )
        self._tell(f"label at {self.address}")
        if self._settings.open and _has_display():
            with suppress(webbrowser.Error, OSError):
                webbrowser.open(self.address)


def _bound(settings: PageSettings, last_port: int) -> socket.socket:
    """Return a socket at the wanted port: the one of the last time if it is free and none is set."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    ports = [settings.port] if settings.port else [last_port, 0]
    for port in ports:
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((settings.host, port))
            bound.listen(_BACKLOG)  # now: two sockets can have a port as long as none of them listens
        except (OSError, OverflowError) as error:
            bound.close()
            if port == ports[-1]:
                raise _not_bound(settings, error) from error
        else:
            return bound
    raise AssertionError("the loop returns or raises")


def _not_bound(settings: PageSettings, error: Exception) -> ConfigError:
    if isinstance(error, OSError) and settings.port and error.errno in (98, 48, 13):
        why = "which is taken" if error.errno != 13 else "which needs special rights"
        return ConfigError(
            "page.port",
            f"a free port, got {settings.port}, {why}",
            hint="Write page.port=0 for any free one.",
        )
    return ConfigError(
        "page.host",
        "an address of this computer",
        settings.host,
        "Write page.host=127.0.0.1 for this computer.",
    )


def _has_display() -> bool:
    """Return True if a browser window can be shown."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _close_all(server: Any) -> None:
    """Close the server's sockets, in its own thread, so that its loop ends."""
    for channel in list(server._map.values()):
        with suppress(OSError):
            channel.close()
    server._map.clear()
