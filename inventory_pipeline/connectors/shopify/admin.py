"""The Admin GraphQL API: one question, one typed answer, every refusal given its meaning.

Codes and statuses from recorded answers: a 200 may hold `errors`, with `data` null or only partly there. So an answer
with errors is never used, whatever data it brings.
"""

import asyncio
from functools import cache
from typing import Any, TypeVar

import msgspec

from inventory_pipeline.connectors.shopify.cost import CostBudget
from inventory_pipeline.connectors.shopify.envelope import Envelope, Fault
from inventory_pipeline.connectors.shopify.queries import Query
from inventory_pipeline.core.errors import (
    CredentialsRejected,
    IncompleteRead,
    PlatformUnavailable,
    RateLimited,
    ScopeMissing,
    StoreMisconfigured,
    SyncError,
)
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.json import decode_json
from inventory_pipeline.http.reply import Response

Answer = TypeVar("Answer")

# Longer than this a sync does not wait for the bucket in one question; the next tick takes over.
THROTTLE_BUDGET = 180.0
_ENVELOPE = msgspec.json.Decoder(Envelope)


class TooCostly(StoreMisconfigured):
    """The query costs more than Shopify allows for one: ask for less at once."""


class AdminApi:
    """`version_served` is the version that Shopify says it answered with: an old one falls forward."""

    def __init__(self, http: HttpClient, shop: str, version: str, budget: CostBudget | None = None) -> None:
        self.version = version
        self.version_served: str | None = None
        self._http = http
        self._url = f"{shop}/admin/api/{version}/graphql.json"
        self._budget = budget or CostBudget()

    async def ask(self, query: Query, answer: type[Answer], /, **variables: Any) -> Answer:
        """The answer's data. Raises SyncErrors by what Shopify says, TooCostly among them."""
        question = {"query": query.text, "operationName": query.name, "variables": variables}
        waited, attempt = 0.0, 0
        while True:
            waited += await self._wait(query, self._budget.wait_for(query.name), waited)
            response = await self._http.post(self._url, json=question)
            envelope = self._opened(response)
            self._budget.note(query.name, envelope.extensions and envelope.extensions.cost)
            if not envelope.errors:
                return _data(envelope, answer, query, response)
            if not _throttled(envelope.errors):
                raise _refused(envelope.errors, query, self.version)
            if self._budget.never_fits(query.name):
                raise TooCostly(f"{query.name} costs more than Shopify's whole budget for this shop")
            attempt += 1
            waited += await self._wait(query, self._budget.wait_after_refusal(query.name, attempt), waited)

    async def _wait(self, query: Query, seconds: float, waited: float) -> float:
        if waited + seconds > THROTTLE_BUDGET:
            raise RateLimited(
                f"Shopify holds {query.name} back: it waited {waited:.0f} s and would have to wait {seconds:.0f} s more;"
                " another app uses this shop's budget; the next sync tries again",
                seconds,
            )
        if seconds:
            await asyncio.sleep(seconds)
        return seconds

    def _opened(self, response: Response) -> Envelope:
        if response.status != 200:
            raise _status_error(response, self.version)
        self.version_served = response.headers.get("x-shopify-api-version") or self.version_served
        try:
            return decode_json(response, _ENVELOPE)
        except msgspec.ValidationError as error:
            raise IncompleteRead(f"{response.host_and_path} answers with something that is no GraphQL answer: {error}") from None


@cache
def _decoder(answer: type[Answer]) -> msgspec.json.Decoder[Answer]:
    return msgspec.json.Decoder(answer, strict=False)  # Shopify writes 64-bit counts as texts


def _data(envelope: Envelope, answer: type[Answer], query: Query, response: Response) -> Answer:
    try:
        return _decoder(answer).decode(envelope.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IncompleteRead(
            f"{response.host_and_path} answers {query.name} without the data it asks for: {one_line(error, 120)}"
        ) from None


def _throttled(errors: list[Fault] | str) -> bool:
    return not isinstance(errors, str) and any(fault.code == "THROTTLED" for fault in errors)


def _refused(errors: list[Fault] | str, query: Query, version: str) -> SyncError:
    if isinstance(errors, str):
        return PlatformUnavailable(f"Shopify refuses {query.name}: {_shown(errors)}")
    for fault in errors:
        told = _shown(fault.message)
        match fault.code:
            case "ACCESS_DENIED":
                required = fault.extensions and fault.extensions.required_access
                needed = f"the app needs {_shown(required)}" if required else told
                return ScopeMissing(
                    f"Shopify denies access to {query.name}: {needed.rstrip('.')}; add it to the app and install it anew"
                )
            case "MAX_COST_EXCEEDED":
                return TooCostly(f"Shopify finds {query.name} too costly: {told}")
            case "SHOP_INACTIVE":
                return StoreMisconfigured(f"the shop is not active: {told}")
            case "INTERNAL_SERVER_ERROR" | "TIMEOUT":
                return PlatformUnavailable(f"Shopify fails at {query.name}: {told}; the next sync tries again")
    return StoreMisconfigured(f"Shopify {version} refuses {query.name}: {_shown(errors[0].message)}; is api_version right?")


_STATUSES: dict[int, tuple[type[SyncError], str]] = {
    401: (CredentialsRejected, "the token is not valid (any more); give the store a new one"),
    402: (StoreMisconfigured, "the shop is frozen until its bill is paid"),
    403: (CredentialsRejected, "the app may not read this shop; is it still installed?"),
    404: (StoreMisconfigured, "no such shop or API version; the address must be https://NAME.myshopify.com"),
    423: (StoreMisconfigured, "the shop is locked; its owner must ask Shopify why"),
    430: (RateLimited, "Shopify's security holds requests back; the next sync tries again"),
}


def _status_error(response: Response, version: str) -> SyncError:
    kind, meaning = _STATUSES.get(response.status, (StoreMisconfigured, "is this a Shopify shop?"))
    return kind(f"{response.host_and_path} answers {response.summary}{_own_words(response)} to version {version}: {meaning}")


def _own_words(response: Response) -> str:
    """What Shopify says of a refusal, in brackets: a 403 names the scope that it is about."""
    try:
        errors = _ENVELOPE.decode(response.body).errors
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return f" ({_shown(errors)})" if isinstance(errors, str) else ""


def _shown(text: str) -> str:
    return one_line(redact(text), 160)
