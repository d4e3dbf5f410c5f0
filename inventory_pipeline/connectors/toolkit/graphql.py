"""GraphQL over HTTP: one operation, one typed answer, every refusal given its meaning by the platform.

A 200 may hold `errors`, with `data` null or only partly there. So an answer with errors is never used, whatever data it
brings.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec import Raw

from inventory_pipeline.connectors.toolkit.limits import Cost, CostBudget
from inventory_pipeline.core.errors import IncompleteRead, RateLimited, StoreMisconfigured, SyncError
from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.http.client import HttpClient
from inventory_pipeline.http.response import Response, decode_json

Answer = TypeVar("Answer")

# Longer than this a sync does not wait for the budget in one request; the next sync takes over.
THROTTLE_BUDGET = 180.0


class Camel(msgspec.Struct, rename="camel", gc=False):
    """A struct whose fields are written in camelCase in the answer."""


class _Exception(Camel):
    code: str | None = None


class ErrorDetails(Camel):
    """`exception` is where Python servers (Saleor) put the code."""

    code: str | None = None
    exception: _Exception | None = None
    required_access: str | None = None


class GraphQLError(Camel):
    """One entry of `errors`. `code` is "" where the server gives none."""

    message: str = ""
    extensions: ErrorDetails | None = None

    @property
    def code(self) -> str:
        details = self.extensions or ErrorDetails()
        return details.code or (details.exception and details.exception.code) or ""


class Extensions(Camel):
    cost: Cost | None = None


class Envelope(Camel):
    """`errors` is a list in a GraphQL answer, a text where the request did not get that far."""

    data: Raw = Raw(b"null")
    errors: list[GraphQLError] | str | None = None
    extensions: Extensions | None = None


class PageInfo(Camel):
    has_next_page: bool
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Query:
    """One operation; `name` is its GraphQL operation name and what messages call it."""

    name: str
    text: str


class TooCostly(StoreMisconfigured):
    """The query costs more than the platform allows for one: request less at once."""


ENVELOPE = msgspec.json.Decoder(Envelope)


def errors_of(response: Response) -> list[GraphQLError] | str | None:
    """The errors that an answer of any status tells. None where it tells none, or is no GraphQL answer."""
    try:
        return ENVELOPE.decode(response.body).errors
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class GraphQLApi:
    """One endpoint. A platform says in its own class what a status and what errors mean."""

    platform: ClassVar[str]

    def __init__(
        self, http: HttpClient, url: str, budget: CostBudget | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self._http = http
        self._headers = headers
        self._url = url
        self._budget = budget or CostBudget()

    def status_error(self, response: Response) -> SyncError:
        """The meaning of a status other than 200."""
        raise NotImplementedError

    def refusal(self, errors: list[GraphQLError] | str, query: Query) -> SyncError:
        """The meaning of `errors` in a 200."""
        raise NotImplementedError

    def note(self, response: Response) -> None:
        """Takes from the headers of a 200 what the platform tells there."""

    async def execute(self, query: Query, answer: type[Answer], /, **variables: Any) -> Answer:
        """The answer's data. Raises SyncErrors by what the platform says, TooCostly among them.

        Waits before a request that the budget does not allow yet, and sends one again that was throttled.
        """
        body = {"query": query.text, "operationName": query.name, "variables": variables}
        waited, attempt = 0.0, 0
        while True:
            waited += await self._wait(query, self._budget.wait_for(query.name), waited)
            response = await self._http.post(self._url, json=body, headers=self._headers)
            envelope = self._opened(response)
            self._budget.note(query.name, envelope.extensions and envelope.extensions.cost)
            if not envelope.errors:
                return _data(envelope, answer, query, response)
            if isinstance(envelope.errors, str) or not any(error.code == "THROTTLED" for error in envelope.errors):
                raise self.refusal(envelope.errors, query)
            if self._budget.never_fits(query.name):
                raise TooCostly(f"{query.name} costs more than {self.platform}'s whole budget for this shop")
            attempt += 1
            waited += await self._wait(query, self._budget.wait_after_refusal(query.name, attempt), waited)

    async def _wait(self, query: Query, seconds: float, waited: float) -> float:
        if waited + seconds > THROTTLE_BUDGET:
            raise RateLimited(
                f"{self.platform} holds {query.name} back: it waited {waited:.0f} s and would have to wait {seconds:.0f} s more;"
                " another app uses this shop's budget; the next sync tries again",
                seconds,
            )
        if seconds:
            await asyncio.sleep(seconds)
        return seconds

    def _opened(self, response: Response) -> Envelope:
        if response.status != 200:
            raise self.status_error(response)
        self.note(response)
        try:
            return decode_json(response, ENVELOPE)
        except msgspec.ValidationError as error:
            raise IncompleteRead(f"{response.host_and_path} answers with something that is no GraphQL answer: {error}") from None


def next_cursor(page: PageInfo, seen: set[str], what: str) -> str | None:
    """The cursor of the next page, or None after the last; it is added to `seen`.

    Raises IncompleteRead for a missing cursor or one that was seen before: such a list would never end.
    """
    if not page.has_next_page:
        return None
    cursor = page.end_cursor
    if not cursor or cursor in seen:
        raise IncompleteRead(f"the pages of {what} lead in circles: cursor {cursor!r:.60}")
    seen.add(cursor)
    return cursor


def shown(text: str) -> str:
    """A server's text, redacted and on one line of at most 160 characters, for a message."""
    return one_line(redact(text), 160)


@cache
def _decoder(answer: type[Answer]) -> msgspec.json.Decoder[Answer]:
    return msgspec.json.Decoder(answer, strict=False)  # 64-bit counts come as texts


def _data(envelope: Envelope, answer: type[Answer], query: Query, response: Response) -> Answer:
    try:
        return _decoder(answer).decode(envelope.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IncompleteRead(
            f"{response.host_and_path} answers {query.name} without the data it asks for: {one_line(error, 120)}"
        ) from None
