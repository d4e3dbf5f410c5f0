"""Channels: each sends the payload of a notice once, and raises DeliveryFailed where that did not work.

Nothing is sent to an address that the route's AddressPolicy refuses.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import re
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx

from inventory_pipeline.core.addresses import AddressPolicy, AddressRefused, address_in
from inventory_pipeline.core.errors import InventoryError, UsageError
from inventory_pipeline.core.notices import Payload, RouteKind
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.outbound import checked_connections, has_proxy, host_refusal
from inventory_pipeline.notify.message import render

SIGNATURE, TIMESTAMP, KEY = "X-Inventory-Signature", "X-Inventory-Timestamp", "Idempotency-Key"
SECONDS = 20.0
# Bytes of a refusal's body that are looked at.
_SAID = 1_000

# Apprise writes addresses, which hold tokens, to its log: nobody but the channel below may listen. What a server said to a
# refusal stands in its details only.
_apprise_log = logging.getLogger("apprise")
_apprise_log.propagate = False
_apprise_log.addHandler(logging.NullHandler())
_apprise_log.setLevel(logging.DEBUG)
_SERVERS_WORDS = re.compile(r"(?:Socket Exception|Response Details)[^:]*:\s*(.+)", re.DOTALL)
# How smtplib shows a reply: (535, b'5.7.8 not accepted')
_SMTP_REPLY = re.compile(r"\((\d{3}), b(['\"])(.*?)\2.*\)", re.DOTALL)

# With other schemes the token may stand in the place of the host (`slack://TOKEN/…`): even that is hidden.
_HOSTED = ("http", "https", "mailto", "mailtos", "json", "jsons")


class DeliveryFailed(InventoryError):
    """One attempt failed; the text says why, without the address's secrets."""


class Channel(Protocol):
    def send(self, payload: Payload) -> None: ...


class AppriseChannel:
    """Any of the services that Apprise knows, by its address (`mailtos://…`, `slack://…`, `tgram://…`)."""

    def __init__(self, url: str, policy: AddressPolicy) -> None:
        self._url, self._policy = url, policy
        hide(url)

    def send(self, payload: Payload) -> None:
        import apprise  # not at the top: a check without notices need not load it

        message = render(payload)
        service = apprise.Apprise()
        if not service.add(self._url):
            raise DeliveryFailed("Apprise does not understand the route's address")
        if has_proxy() and (host := _host_of(self._url)) and (refusal := host_refusal(self._policy, host)):
            raise DeliveryFailed(refusal)
        told = {"body": message.text, "title": message.title, "body_format": apprise.NotifyFormat.TEXT}
        with checked_connections(self._policy) as check:
            result = service.notify(**told, timeout=SECONDS, log_level=logging.DEBUG)
        if not result and check.refused:
            raise DeliveryFailed(check.refused[0])
        if not result:
            told = "; ".join(dict.fromkeys(filter(None, (_told(entry.level, entry.message) for entry in result.logs()))))
            raise DeliveryFailed(redact(told or "the service did not take the notice"))


def _told(level: str, message: str) -> str | None:
    """What one entry of Apprise's log tells of a failure: a warning, or what the server said; None where neither."""
    if said := _SERVERS_WORDS.fullmatch(message):
        return one_line(_SMTP_REPLY.sub(r"\1 \3", said[1]), 200)
    return one_line(message, 200) if level in ("WARNING", "ERROR", "CRITICAL") else None


class WebhookChannel:
    """Signed JSON to an address of the person's own. `secret` signs `<timestamp>.<body>` with HMAC-SHA256."""

    def __init__(self, url: str, secret: str, policy: AddressPolicy) -> None:
        self._url, self._secret, self._policy = url, secret, policy
        hide(url)
        redact.add(secret)

    def send(self, payload: Payload) -> None:
        body = json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        stamp = payload["created_at"]
        headers = {
            "Content-Type": "application/json",
            KEY: payload["key"],
            TIMESTAMP: stamp,
            SIGNATURE: f"sha256={sign(self._secret, stamp, body)}",
        }
        try:
            status, said = asyncio.run(self._post(body, headers))
        except (httpx.HTTPError, TimeoutError) as error:
            if isinstance(error.__cause__, AddressRefused):
                raise DeliveryFailed(str(error.__cause__)) from None
            raise DeliveryFailed(redact(one_line(f"{type(error).__name__}: {error}", 200))) from None
        if not 200 <= status < 300:
            raise DeliveryFailed(redact(f"the receiver answered {status}" + (f": {said}" if said else "")))

    async def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """The status, and the beginning of what the receiver says to a refusal."""
        # Not `http.HttpClient`: that one retries within the attempt, and here the outbox retries. A redirect could lead
        # the notice to another host.
        async with (
            asyncio.timeout(SECONDS),
            httpx.AsyncClient(transport=self._transport(), follow_redirects=False) as client,
            client.stream("POST", self._url, content=body, headers=headers) as response,
        ):
            said = b""
            if not response.is_success:
                async for part in response.aiter_bytes():
                    said += part
                    if len(said) >= _SAID:
                        break
            return response.status_code, one_line(said[:_SAID].decode(errors="replace"), 200)

    def _transport(self) -> httpx.AsyncBaseTransport:
        from inventory_pipeline.http.transport import AiohttpTransport  # listing routes need not wait for aiohttp

        return AiohttpTransport(connections=1, timeout=SECONDS, policy=self._policy)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The hex digest that a receiver computes too, to know who wrote."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def kind_of(url: str) -> RouteKind:
    """Which channel an address is for. Raises UsageError for one that none understands, without showing it."""
    import apprise  # see AppriseChannel.send

    if apprise.Apprise.instantiate(url) is not None:
        return "apprise"
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return "webhook"
    except ValueError:  # a port that is none
        pass
    raise UsageError("this address is none that Apprise understands (mailtos://, slack://, …) and no http(s) webhook")


def address_refusal(url: str, policy: AddressPolicy) -> str | None:
    """Why nothing may be sent to the address, as far as it tells by itself; what it resolves to is judged when sending."""
    scheme, host = urlsplit(url).scheme, _host_of(url)
    return policy.refusal("http" if scheme == "http" else "https", host) if host else None


def shown(url: str) -> str:
    """The address without what is secret in it: scheme and host."""
    parts = urlsplit(url)
    host = (parts.netloc.rpartition("@")[2] or "…").lower()
    return f"{parts.scheme}://{host if parts.scheme in _HOSTED else '…'}"


def _host_of(url: str) -> str | None:
    """The host that is sent to, where the address names it: what else stands in its place is a token."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    is_host = parts.scheme in _HOSTED or host == "localhost" or (host and ("." in host or ":" in host) and address_in(host))
    return host if is_host else None


def hide(url: str) -> None:
    """Keeps the address and its parts out of every text: tokens stand in its user, path, query, and for many services
    in the place of the host. Short parts of path and query are words such as `services`."""
    parts = urlsplit(url)
    longer = [*parts.path.split("/"), *(value for _, value in parse_qsl(parts.query) if "@" not in value)]
    secrets = [part for part in longer if len(part) >= 12]
    if parts.scheme not in _HOSTED:
        secrets += re.split("[:@]", parts.netloc)
    elif parts.password:
        secrets += [parts.password, unquote(parts.password)]
    redact.add(url, *secrets)
