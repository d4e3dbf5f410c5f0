"""Feeds: a CSV, TSV, JSON or JSONL file, or such a file on the web, for suppliers and warehouses without an API."""

import asyncio
import hashlib
from array import array
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import ClassVar

import msgspec

from inventory_pipeline.connectors.base import CheckItem, ConnectorContext, PlatformInfo
from inventory_pipeline.connectors.feed.access import feed_auth
from inventory_pipeline.connectors.feed.columns import choose_columns
from inventory_pipeline.connectors.feed.download import check_address, open_download
from inventory_pipeline.connectors.feed.file import feed_path, open_file
from inventory_pipeline.connectors.feed.format import open_rows
from inventory_pipeline.connectors.feed.lines import LineParser
from inventory_pipeline.connectors.feed.settings import SETTINGS, read_settings
from inventory_pipeline.connectors.feed.source import Source, is_remote
from inventory_pipeline.connectors.toolkit.checks import failed, with_rest
from inventory_pipeline.core.errors import CredentialsRejected, SyncError, UsageError
from inventory_pipeline.core.stock import Completeness, Page

# Part of what an unchanged feed must have been read with: raise it when the same bytes give other lines.
REVISION = 1


class Feed:
    """One feed, read from its start to its proven end, once."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        platform="feed",
        title="File or web feed",
        versions="CSV, TSV, JSON, JSON lines; plain or gzip",
        auth="none, HTTP Basic, bearer token, or a secret in the query",
        scopes=(),
        calls_per_100k="1, or 0 for a file",
        proved_by="WooCommerce's sample export, read whole; a loopback server for the rest",
        settings=SETTINGS,
    )

    def __init__(self, context: ConnectorContext) -> None:
        store = context.store
        self._context = context
        self._url = store.url.strip()
        self._settings = read_settings(store.settings)
        auth = feed_auth(context.credentials)
        self._http = context.open_http(auth=auth)
        self._unlocked = auth is not None
        self._remote = is_remote(store)
        if self._remote:
            check_address(self._url)
        elif self._unlocked:
            raise UsageError("a feed file needs no credentials; take them away, or give the feed's web address")
        else:
            feed_path(self._url, context.feed_dir)
        made_of = msgspec.json.encode([REVISION, self._url, sorted(store.settings.items())])
        self._mark = hashlib.sha256(made_of).hexdigest()[:16]
        self._found = ""

    @property
    def api_calls(self) -> int:
        return self._http.calls

    async def check(self) -> list[CheckItem]:
        """Reads the whole feed: only its end shows whether it is whole."""
        lines, excluded, rejected = 0, Counter[str](), Counter[str]()
        try:
            async with aclosing(self._read({})) as items:
                async for item in items:
                    if isinstance(item, Page):
                        lines += len(item.lines)
                        excluded.update(item.excluded)
                        rejected.update(line.reason for line in item.rejected)
        except CredentialsRejected as error:
            return with_rest(CheckItem("address", True, "the server answers"), failed("credentials", error))
        except SyncError as error:
            return [*self._reached(), failed("version", error)] if self._found else with_rest(failed("address", error))
        counts = f"{lines:,} lines{_listed('excluded', excluded)}{_listed('rejected', rejected)}"
        cure = "mend these rows, or say in the settings how to read them" if rejected else ""
        return [*self._reached(), CheckItem("version", not rejected, f"{self._found}; {counts}", cure)]

    async def read(self) -> AsyncGenerator[Page | Completeness, None]:
        memo = self._context.memo if self._context.memo.get("read_as") == self._mark else {}
        async with aclosing(self._read(memo)) as items:
            async for item in items:
                yield item

    async def _read(self, memo: Mapping[str, str]) -> AsyncGenerator[Page | Completeness, None]:
        async with self._open(memo) as source:
            if source is None:
                yield Completeness(None, 0, "not modified since it was last read", unchanged=True, memo=memo)
                return
            self._found = source.name
            tally = _Tally()
            rows, described = open_rows(source, self._settings)
            if not rows.empty:
                columns = choose_columns(rows.headings, self._settings, fixed=rows.fixed)
                self._found = f"{described}; {columns}"
                parser = LineParser(columns, self._settings)
                for batch in rows.batches(columns.wanted):
                    yield tally.counted(parser.page(batch))
                    await asyncio.sleep(0)  # parsing never waits by itself, and others share the loop
                yield tally.counted(parser.rest())
            source.verify()
            memo = {"read_as": self._mark, **source.memo} if source.memo else {}
            repeats = tally.repeats()
            yield Completeness(None, tally.rows - repeats, source.how, repeats=repeats, memo=memo)

    def _reached(self) -> list[CheckItem]:
        return [
            CheckItem("address", True, "the feed is there"),
            CheckItem("credentials", True, "accepted" if self._unlocked else "none needed"),
            CheckItem("permissions", True, "the feed may be read"),
        ]

    @asynccontextmanager
    async def _open(self, memo: Mapping[str, str]) -> AsyncIterator[Source | None]:
        if not self._remote:
            # Once more, since links may have changed since the store was registered.
            path = feed_path(self._url, self._context.feed_dir)
            async with open_file(path, self._settings.settle_seconds, memo) as source:
                yield source
            return
        async with self._http, open_download(self._http, self._url, memo) as source:
            yield source


def _listed(what: str, reasons: Counter[str]) -> str:
    """`; 3 excluded (2: Type is variable; 1: Type is grouped)`: the most frequent reasons only."""
    shown = "; ".join(f"{count:,}: {reason}" for reason, count in reasons.most_common(3))
    return f"; {reasons.total():,} {what} ({shown})" if reasons else ""


class _Tally:
    """Counts rows and repeated identities at eight bytes a line: sums of both must not need them all in memory."""

    def __init__(self) -> None:
        self.rows = 0
        self._identities = array("q")

    def counted(self, page: Page) -> Page:
        self.rows += len(page.lines) + len(page.rejected) + sum(page.excluded.values())
        self._identities.extend(hash((line.item_id, line.location_id)) for line in page.lines)
        return page

    def repeats(self) -> int:
        import numpy as np  # pandas brings it; here, so that listing platforms does not wait for it

        return len(self._identities) - len(np.unique(np.frombuffer(self._identities, dtype=np.int64)))


CONNECTOR = Feed
