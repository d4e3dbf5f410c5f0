"""The gate before the site and Dagster's web UI, which takes its orders from anybody: also from a page of another site.

A browser sends a page's requests to this machine whoever wrote the page, and says so itself, in headers that no page can set.
A program sends none of them and is let in: whoever runs programs here needs no browser.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from inventory_pipeline.core.host_names import split_authority
from inventory_pipeline.core.text import one_line

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

_READING = ("GET", "HEAD", "OPTIONS")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Where one of these stands twice, the gate and Dagster could each believe another one.
_SINGLE = ("host", "origin", "content-type", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")
# So many different refusals are logged; a page that tries for hours must not fill the log.
_LOGGED = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """`text` is one sentence: why, and the way out."""

    status: int
    text: str


class Gate:
    """Lets those requests through to `app` that come from its own pages or from a program; refuses all others.

    `hosts` are the names that it answers to, each as `host_name` writes it. `dagster_at` is the path below which Dagster is:
    no form is taken there. Elsewhere the site takes forms, which hold a token of their own.
    """

    def __init__(self, app: "ASGIApp", hosts: Collection[str], dagster_at: str = "") -> None:
        self._app = app
        self._dagster_at = dagster_at
        self._hosts = frozenset(hosts)
        self._logged: set[str] = set()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif (refusal := refusal_of(scope, self._hosts, self._dagster_at)) is None:
            await self._app(scope, receive, _unframed(send))
        else:
            self._log(refusal)
            await _answer(refusal, scope, send)

    def _log(self, refusal: Refusal) -> None:
        if refusal.text not in self._logged and len(self._logged) < _LOGGED:
            self._logged.add(refusal.text)
            logger.warning("The web UI refused a request: %s", refusal.text)


def refusal_of(scope: "Scope", hosts: Collection[str], dagster_at: str = "") -> Refusal | None:
    """Why this request or websocket is not let through; None where it is. `scope` is ASGI's."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1").lower()
        if name in _SINGLE and name in headers:
            return Refusal(403, f"The request has more than one header {name}; it takes one.")
        headers.setdefault(name, raw_value.decode("latin-1").strip())
    return (
        _wrong_host(headers, hosts)
        or (_foreign_socket(headers) if scope["type"] == "websocket" else _foreign_request(headers, scope["method"]))
        or _wrong_form(scope, headers, dagster_at)
    )


def _wrong_host(headers: dict[str, str], hosts: Collection[str]) -> Refusal | None:
    """A name that its owner points at this machine makes a page of theirs look like one of ours (DNS rebinding)."""
    host = headers.get("host")
    if host is None:
        return Refusal(421, "The request has no header Host; it must name one of the hosts of INVENTORY_WEB_HOSTS.")
    try:
        name, _ = split_authority(host)
    except ValueError:
        name = None
    if name in hosts:
        return None
    return Refusal(421, f"This server does not answer to {_shown(host)}; if that is its name, put it into INVENTORY_WEB_HOSTS.")


def _foreign_socket(headers: dict[str, str]) -> Refusal | None:
    """Browsers may connect a websocket to anywhere and always say from where; not all of them send Sec-Fetch-Site with it."""
    if "origin" in headers:
        return _foreign_origin(headers)
    return _foreign_site(headers)


def _foreign_request(headers: dict[str, str], method: str) -> Refusal | None:
    if "sec-fetch-site" not in headers:
        return _foreign_origin(headers) if "origin" in headers else None
    # A link from a mail or a wiki. It only shows a page, and not in a frame, where a click could be stolen.
    if method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document":
        return None
    return _foreign_site(headers)


def _foreign_site(headers: dict[str, str]) -> Refusal | None:
    site = headers.get("sec-fetch-site", "none")
    if site in ("same-origin", "none"):
        return None
    return Refusal(403, f"A page of another site asked for this (Sec-Fetch-Site: {_shown(site)}); open the web UI itself.")


def _foreign_origin(headers: dict[str, str]) -> Refusal | None:
    """An origin is ours where its host and port are those that the request itself was sent to.

    Another port is another program's page. The scheme is not compared: behind a proxy with TLS it is not known here; a port that
    is not written is that of the origin's scheme.
    """
    scheme, _, authority = headers["origin"].partition("://")
    try:
        asked, asked_port = split_authority(headers["host"])
        name, port = split_authority(authority)
        default = _DEFAULT_PORTS[scheme]
    except (ValueError, KeyError):  # `null`, an extension's page, a file
        pass
    else:
        if (name, port or default) == (asked, asked_port or default):
            return None
    return Refusal(
        403,
        f"A page of {_shown(headers['origin'])} asked for this, and the request was sent to {_shown(headers['host'])}; a proxy in"
        " between must pass on the header Host, and INVENTORY_WEB_HOSTS name it.",
    )


def _wrong_form(scope: "Scope", headers: dict[str, str], dagster_at: str) -> Refusal | None:
    """What changes something has a form that browsers let no foreign page send without asking first (which nobody answers)."""
    if scope["type"] == "websocket":
        return None
    # Dagster executes a query that stands in the address, mutations too. Its router takes a line feed after the path.
    is_graphql = scope["path"].strip("/ \t\r\n").rpartition("/")[2].lower() == "graphql"
    if is_graphql and "query" in dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)):
        return Refusal(403, "GraphQL is not taken from an address, where any link or image may put it; POST it as JSON.")
    given = headers.get("content-type", "")
    kind = given.partition(";")[0].strip().lower()
    if scope["method"] in _READING or kind == "application/json":
        return None
    if not scope["path"].startswith(dagster_at) and kind in _FORMS:
        return None
    return Refusal(403, f"What may change something needs Content-Type: application/json, not {_shown(given) or 'none'}.")


def _shown(value: str) -> str:
    return one_line(value, 80)


def _unframed(send: "Send") -> "Send":
    """Answers say that no page of another site may show them in a frame and have them clicked."""

    async def with_header(message: "Message") -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"x-frame-options", b"SAMEORIGIN")]}
        await send(message)

    return with_header


async def _answer(refusal: Refusal, scope: "Scope", send: "Send") -> None:
    socket = "websocket." if scope["type"] == "websocket" else ""
    if socket and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})  # before it was accepted: the server answers 403
        return
    body = f"{refusal.text}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": f"{socket}http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": f"{socket}http.response.body", "body": body})
