"""Who may use the page: a token becomes a cookie, and requests of other sites are refused.

- Loopback only, unless `page.host` says otherwise.
- The address on the terminal has a token that works once; it becomes a cookie that scripts cannot read and
  that other sites cannot send. A token that the user has set works as often as wanted.
- The Host header must name this computer, so that a site whose name is pointed at it (DNS rebinding) gets
  nothing. The Origin of a request that changes something must be the page itself, and it must carry a text
  that only the page can read (CSRF).
- The page may load nothing from elsewhere and run no script within its text (CSP).
"""

import hashlib
import hmac
import ipaddress
import json
import os
import secrets
import socket
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from alframe.core.file_names import STATE
from alframe.page.settings import PageSettings

MAX_BODY = 2**20  # bytes of a request
MAX_HEADER = 2**15
MEMORY = "page.json"  # in state/: what an open page needs after a restart
_MAX_TOKENS = 8  # guesses of a token in vain before a new one is made
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What stays the same when the server starts again, so that an open page goes on by itself.

    Attributes:
        id: of the trial, a random text. secret: signs the cookies. port: the last one.
    """

    id: str
    secret: str
    port: int

    @classmethod
    def of(cls, directory: Path) -> Self:
        """Return what a trial's directory remembers, or a new memory."""
        with suppress(OSError, ValueError, TypeError):
            return cls(**json.loads((directory / STATE / MEMORY).read_text("utf-8")))
        return cls(id=secrets.token_hex(4), secret=secrets.token_urlsafe(32), port=0)

    def keep(self, directory: Path) -> None:
        """Write it into a trial's directory; only its owner can read it."""
        file = directory / STATE / MEMORY
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{MEMORY}.part")
        part.unlink(missing_ok=True)
        with open(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as written:
            json.dump(asdict(self), written)
        part.replace(file)


class Guard:
    """Lets browsers in and checks their requests."""

    def __init__(self, settings: PageSettings, memory: Memory) -> None:
        self._settings, self._memory = settings, memory
        self._token = settings.token or secrets.token_urlsafe(24)
        self._lock, self._failures = threading.Lock(), 0

    @property
    def cookie(self) -> str:
        """The name of the cookie, one for each trial: browsers send cookies to all ports of a computer."""
        return f"alframe_{self._memory.id}"

    @property
    def token(self) -> str:
        """The token that lets the next browser in."""
        return self._token

    def admit(self, token: str) -> str | None:
        """Return the content of a cookie for a valid token, or None. A random token is then used up."""
        with self._lock:
            if not hmac.compare_digest(token.encode(), self._token.encode()):
                self._failures += 1
                if self._settings.token is None and self._failures % _MAX_TOKENS == 0:
                    self._token = secrets.token_urlsafe(24)
                return None
            if self._settings.token is None:
                self._token = secrets.token_urlsafe(24)
        session = secrets.token_urlsafe(16)
        return f"{session}.{self._signed('cookie', session)}"

    def session(self, cookie: str | None) -> str | None:
        """Return the session of a cookie that this trial has given out, or None."""
        session, _, signature = (cookie or "").partition(".")
        right = self._signed("cookie", session)
        return session if session and hmac.compare_digest(signature.encode(), right.encode()) else None

    def csrf(self, session: str) -> str:
        """Return the text that requests of a session must carry in a header."""
        return self._signed("csrf", session)

    def is_csrf(self, session: str, given: str | None) -> bool:
        """Return True if a request carries the text of its session."""
        return hmac.compare_digest((given or "").encode(), self.csrf(session).encode())

    def is_host(self, host: str | None) -> bool:
        """Return True if a Host header names this computer: an IP address, or one of its own names."""
        name = _name_of(host or "")
        with suppress(ValueError):
            address = ipaddress.ip_address(name)
            return address.is_loopback or not self._settings.is_local
        own = {"localhost"}
        if not self._settings.is_local:
            own |= {self._settings.host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
        return name in own

    def is_origin(self, origin: str | None, fetch_site: str | None, host: str | None) -> bool:
        """Return True if a request comes from the page: by Origin, or without one by Sec-Fetch-Site."""
        if origin is None:
            return fetch_site in (None, "same-origin", "none")
        return origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower())

    def _signed(self, purpose: str, text: str) -> str:
        key = self._memory.secret.encode()
        return hmac.new(key, f"{purpose} {text}".encode(), hashlib.sha256).hexdigest()


def _name_of(host: str) -> str:
    """Return the name in a Host header, without the port.

    >>> _name_of("LocalHost:80"), _name_of("[::1]:80"), _name_of("evil.example")
    ('localhost', '::1', 'evil.example')
    """
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host
