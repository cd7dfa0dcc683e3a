"""Who may talk to the studio: only pages that it served itself, to somebody who has its key or its password.

Any page in the same browser can send requests to 127.0.0.1, and a name that is made to point there makes them look
like the studio's own. So every request must name a host that is this machine's (against such names), must not come
from another origin (against other pages, also those of other programs at 127.0.0.1), must carry the cookie that only
the key or the password gives, and changes need a header that a foreign form cannot send. Nothing here is a stand-in
for TLS: beyond 127.0.0.1 put the studio behind a tunnel.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

HEADER = "x-dancegen"  # of every request that changes something
WRONG_WAIT = 1.0  # seconds after a wrong password, for everybody: a thousand guesses take a quarter of an hour
LOGIN_BYTES = 4096
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with "no-referrer" a form's origin would be "null"
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>dancegen studio</title><link rel="stylesheet" href="/static/style.css"><main class="door">
<h1>dancegen studio</h1>{}</main></html>"""
CLOSED = "<p>This page opens with the address that <code>dancegen studio</code> prints when it starts.</p>"
FORM = """<form method="post" action="/login"><label>Password <input type="password" name="password" autofocus
 autocomplete="current-password"></label><button>Open</button><p role="alert">{}</p></form>"""


class Guard:
    """Stands before an app.

    Args:
        app: the studio.
        port: where it is reached.
        host: what it is bound to; anything but 127.0.0.1 needs a password.
        password: instead of the key in the address.
    """

    def __init__(self, app: App, port: int, host: str = "127.0.0.1", password: str | None = None) -> None:
        self._app, self._port, self._host, self._password = app, port, host, password
        self._session = secrets.token_urlsafe(32)
        self.key = None if password else secrets.token_urlsafe(24)
        self._asking = asyncio.Lock()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return None
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path, method = scope["path"], scope["method"]
        if not self._is_host(headers.get("host", "")) or not _is_own(headers, scope):
            return await _answer(send, 403, PAGE.format("<p>Another page asked for this: refused.</p>"))
        if path.startswith("/static/") and method == "GET":  # holds no secret, and the door is styled by it
            return await self._app(scope, receive, _with_headers(send))
        if path == "/login" and method == "POST" and self._password:
            return await self._login(receive, send)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("key", [""])[0]
        if path == "/" and self.key and secrets.compare_digest(given.encode(), self.key.encode()):
            return await self._app(scope, receive, _with_headers(send, self._cookie()))
        if not self._is_known(headers.get("cookie", "")):
            says = FORM.format("") if self._password else CLOSED
            return await _answer(send, 401 if self._password else 403, PAGE.format(says))
        if method not in ("GET", "HEAD") and HEADER not in headers:
            return await _answer(send, 403, PAGE.format("<p>This was not sent by the studio's page: refused.</p>"))
        return await self._app(scope, receive, _with_headers(send))

    def _is_host(self, given: str) -> bool:
        """Whether a Host header names this machine, not a name that somebody made to point here."""
        try:
            parts = urlsplit(f"//{given}")
            name, port = (parts.hostname or "").rstrip("."), parts.port or 80
        except ValueError:
            return False
        if self._host in ("127.0.0.1", "localhost", "::1"):
            return name in ("127.0.0.1", "localhost", "::1") and port == self._port
        try:
            ipaddress.ip_address(name)
        except ValueError:
            own = socket.gethostname().lower()
            return name in ("localhost", self._host.lower(), own, f"{own}.local")
        return True

    def _is_known(self, cookies: str) -> bool:
        try:
            found = SimpleCookie(cookies).get(self._name)
        except CookieError:
            return False
        return found is not None and secrets.compare_digest(found.value.encode(), self._session.encode())

    @property
    def _name(self) -> str:
        return f"dancegen-{self._port}"  # cookies know no ports: two studios must not take each other's

    def _cookie(self) -> str:
        return f"{self._name}={self._session}; HttpOnly; SameSite=Strict; Path=/"

    async def _login(self, receive: Receive, send: Send) -> None:
        """A form with the password; wrong ones are answered one after the other, each late."""
        body, more = b"", True
        while more and len(body) <= LOGIN_BYTES:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        given = parse_qs(body.decode("utf-8", "replace")).get("password", [""])[0]
        assert self._password is not None
        async with self._asking:
            if secrets.compare_digest(given.encode(), self._password.encode()):
                return await _answer(send, 303, "", (b"location", b"/"), (b"set-cookie", self._cookie().encode()))
            await asyncio.sleep(WRONG_WAIT)
        return await _answer(send, 401, PAGE.format(FORM.format("That is not the password.")))


def _is_own(headers: MutableMapping[str, str], scope: MutableMapping[str, Any]) -> bool:
    """Whether a request comes from the studio's page, an address bar, or a program that is no browser."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return False
    visits = headers.get("sec-fetch-mode") == "navigate" and scope["method"] in ("GET", "HEAD") and scope["path"] == "/"
    return site in ("none", "same-origin") or visits


def _with_headers(send: Send, cookie: str = "") -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message.get("headers", [])}
            extra = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in there]
            extra += [(b"set-cookie", cookie.encode())] if cookie else []
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return sent


async def _answer(send: Send, status: int, page: str, *extra: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store"), *extra]
    out = _with_headers(send)
    await out({"type": "http.response.start", "status": status, "headers": headers})
    await out({"type": "http.response.body", "body": page.encode()})
