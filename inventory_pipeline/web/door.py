"""The site's door: who a request comes from, told by its session; and what every answer of the site says to the browser.

Pure ASGI, as the gate is. What a signed-in person may do is decided where a page is asked for (`view`).
"""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from inventory_pipeline.core.users import User
from inventory_pipeline.services.users.sign_in import Browser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from inventory_pipeline.services.users.sign_in import SignIn

SESSION, BROWSER, ZONE, NOTICE, FORM = "session", "browser", "zone", "notice", "form"

# Nothing from elsewhere, nothing inline, no frame. (Charts are SVG elements of the page, styled by attributes.)
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]
_NOT_KEPT = (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. `user` is None before signing in; `session` is the session's token, empty without one."""

    user: User | None
    session: str
    browser: Browser
    cookies: "Mapping[str, str]"
    is_secure: bool

    @property
    def form_token(self) -> str:
        """What every form of this visitor must bring back: no page of another site can know it."""
        return sha256(f"form of {self.session or self.cookies.get(FORM, '')}".encode()).hexdigest()

    def is_own_form(self, token: str) -> bool:
        return bool(self.session or self.cookies.get(FORM)) and secrets.compare_digest(token.encode(), self.form_token.encode())


class Door:
    """Puts a Visitor into the scope's state, and the headers onto every answer."""

    def __init__(self, app: "ASGIApp", sign_in: "SignIn") -> None:
        self._app, self._sign_in = app, sign_in

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visitor = await run_in_threadpool(visitor_of, scope, self._sign_in)
        scope.setdefault("state", {})["visitor"] = visitor
        await self._app(scope, receive, _with_headers(send))


def visitor_of(scope: "Scope", sign_in: "SignIn") -> Visitor:
    """Looks the session up."""
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    is_secure = scope.get("scheme") in ("https", "wss")
    cookies = _cookies(headers.get(b"cookie", ""), is_secure)
    browser = Browser((scope.get("client") or ("",))[0], headers.get(b"user-agent", ""), cookies.get(BROWSER, ""))
    token = cookies.get(SESSION, "")
    found = sign_in.session(token) if token else None
    if found is None:
        return Visitor(None, "", browser, cookies, is_secure)
    return Visitor(found[0], token, browser, cookies, is_secure)


def cookie_name(name: str, is_secure: bool) -> str:
    """Behind https no other host can set it, and it is never sent without (the prefix `__Host-`)."""
    return f"{'__Host-' if is_secure else ''}inventory_{name}"


def _cookies(header: str, is_secure: bool) -> dict[str, str]:
    try:
        sent = SimpleCookie(header)
    except CookieError:
        return {}
    named = {cookie_name(name, is_secure): name for name in (SESSION, BROWSER, NOTICE, FORM)} | {"inventory_zone": ZONE}
    return {named[name]: morsel.value for name, morsel in sent.items() if name in named}


def _with_headers(send: "Send") -> "Send":
    async def with_headers(message: "Message") -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), *_HEADERS]
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append(_NOT_KEPT)
            message = {**message, "headers": headers}
        await send(message)

    return with_headers
