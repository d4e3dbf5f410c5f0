"""Feeds: files that people and shops make, on this machine, on the web or in a store of files, for whoever has no API."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, closing
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

import msgspec

from inventory_pipeline.connectors.base import CheckItem, ConnectorContext, PlatformInfo
from inventory_pipeline.connectors.feed.elsewhere import Elsewhere
from inventory_pipeline.connectors.feed.findings import Examples, Findings
from inventory_pipeline.connectors.feed.reading import FeedReading
from inventory_pipeline.connectors.feed.settings import SETTINGS, read_settings
from inventory_pipeline.connectors.feed.sources import ELSEWHERE, WEB, Source, feed_path, kind_of, open_local, own_hosts
from inventory_pipeline.connectors.toolkit.checks import failed, with_rest
from inventory_pipeline.core.errors import CredentialsRejected, SyncError, UsageError
from inventory_pipeline.core.stock import Completeness, Page

if TYPE_CHECKING:
    from inventory_pipeline.connectors.feed.download import Download

logger = logging.getLogger(__name__)

# Part of what an unchanged feed must have been read with: raise it when the same bytes give other lines.
REVISION = 2


class Feed:
    """One feed, read from its start to its proven end, once."""

    info: ClassVar[PlatformInfo] = PlatformInfo(
        platform="feed",
        title="File or web feed",
        versions="CSV, TSV, xlsx, xls, ods, JSON, JSON lines, XML; plain, gzipped or in a zip",
        auth="none, HTTP Basic, bearer token, a secret in the query, or a file store's own",
        other_credentials=("username", "password", "token", "query", "private_key"),
        scopes=(),
        calls_per_100k="1, or 0 for a file",
        grant="nothing, or what the file store or web server asks for",
        locations="a column of the file, a column for each location, or one",
        available="the column that says so; with on hand only, what is on hand",
        limits="sizes that settings bound",
        gaps="what a file cannot say: whether it is renewed shows only by its own time",
        proved_by="tables of files as suppliers and shops write them, with their right values; WooCommerce's sample export",
        settings=SETTINGS,
        own_hosts=own_hosts,
    )

    def __init__(self, context: ConnectorContext, *, trusts_new_key: bool = False) -> None:
        """`trusts_new_key`: an sftp host whose key nobody knows yet is believed, as at a check; `learned` then tells it."""
        store = context.store
        self._context = context
        self._url = store.url.strip()
        self._said = store.settings
        self._settings = read_settings(store.settings)
        self._kind = kind_of(self._url)
        self._download: Download | None = None
        self._elsewhere: Elsewhere | None = None
        if self._kind in WEB:
            # Here, since a file needs no HTTP client, which takes longer to load than most files to read.
            from inventory_pipeline.connectors.feed import download

            self._download = download.Download(context, self._url)
        elif self._kind in ELSEWHERE:
            self._elsewhere = Elsewhere(self._url, self._settings, context.credentials, context.policy, trusts_new_key)
        elif self._kind == "file":
            if context.credentials:
                raise UsageError("a feed file needs no credentials; take them away, or give the feed's web address")
            feed_path(self._url, context.feed_dir)
        made_of = msgspec.json.encode([REVISION, self._url, sorted(store.settings.items())])
        self._mark = hashlib.sha256(made_of).hexdigest()[:16]
        self.findings = Findings()  # of the last read, for whoever shows it

    @property
    def learned(self) -> Mapping[str, str]:
        """Settings that the last reading found out and the store should keep: an sftp host's key."""
        return self._elsewhere.learned if self._elsewhere else {}

    @property
    def api_calls(self) -> int:
        return self._download.calls if self._download else 0

    async def check(self) -> list[CheckItem]:
        """Reads the whole feed: only its end shows whether it is whole."""
        proof: Completeness | None = None
        if self._elsewhere:
            self._elsewhere.trusts_new_key = True
        try:
            async with aclosing(self._read({})) as items:
                async for item in items:
                    proof = item if isinstance(item, Completeness) else None
        except CredentialsRejected as error:
            return with_rest(CheckItem("address", True, "the server answers"), failed("credentials", error))
        except SyncError as error:
            return (
                [*self._reached(), failed("version", error)] if self.findings.described else with_rest(failed("address", error))
            )
        found = self.findings
        rejected = "" if not found.rejected else _listed("rejected", found.rejected)
        detail = f"{found.understood}; {found.lines:,} lines{_listed('excluded', found.excluded)}{rejected}"
        detail += f"; {found.told}" if found.told else ""
        detail += f"; {found.units:,} units"
        first = [
            f"{line.item_id} {line.quantity.state if line.quantity.value is None else line.quantity.value}"
            for _, line in found.first[:3]
        ]
        detail += f", first: {', '.join(first)}" if first else ""
        detail += f"; {_age(proof.modified)}" if proof and proof.modified else ""
        cure = "mend these rows, or say in the settings how to read them" if found.rejected else ""
        return [*self._reached(), CheckItem("version", not found.rejected, detail, cure)]

    async def read(self) -> AsyncGenerator[Page | Completeness, None]:
        memo = self._context.memo if self._context.memo.get("read_as") == self._mark else {}
        async with aclosing(self._read(memo)) as items:
            async for item in items:
                yield item

    async def _read(self, memo: Mapping[str, str]) -> AsyncGenerator[Page | Completeness, None]:
        async with self._open(memo) as source:
            if source is None:
                yield Completeness(
                    None, 0, "not modified since it was last read", unchanged=True, memo=memo, modified=_instant(memo)
                )
                return
            with closing(FeedReading(source, self._said)) as reading:
                self.findings = found = reading.findings
                for _ in reading.scan():
                    await asyncio.sleep(0)  # parsing never waits by itself, and others share the loop
                source.verify()
                for page in reading.pages():
                    yield page
                    await asyncio.sleep(0)
                source.verify()
                memo = {"read_as": self._mark, **source.memo} if source.memo else {}
                if source.modified:
                    memo |= {"modified": source.modified.isoformat()} if memo else {}
                for reason, examples in found.left_out.items():
                    logger.info("%s: %d rows left out as %s (%s)", source.name, examples.count, reason, "; ".join(examples.rows))
                how = f"{source.how}; {found.told}" if found.told else source.how
                yield Completeness(None, reading.rows, how, repeats=reading.repeats, memo=memo, modified=source.modified)

    def _reached(self) -> list[CheckItem]:
        key = f", and its key {self.learned['host_key']} is kept from now on" if "host_key" in self.learned else ""
        return [
            CheckItem("address", True, f"the feed is there{key}"),
            CheckItem("credentials", True, "accepted" if self._context.credentials else "none needed"),
            CheckItem("permissions", True, "the feed may be read"),
        ]

    @asynccontextmanager
    async def _open(self, memo: Mapping[str, str]) -> AsyncIterator[Source | None]:
        if self._kind == "file":
            opened = open_local(self._url, self._context.feed_dir, self._settings, memo)
        else:
            remote = self._download or self._elsewhere
            assert remote is not None
            opened = remote.open(memo)
        async with opened as source:
            yield source


def _listed(what: str, reasons: Mapping[str, Examples]) -> str:
    """`; 3 excluded (2: Type is variable; 1: Type is grouped)`: the most frequent reasons only."""
    most = sorted(reasons.items(), key=lambda entry: -entry[1].count)[:3]
    shown = "; ".join(f"{examples.count:,}: {reason}" for reason, examples in most)
    total = sum(examples.count for examples in reasons.values())
    return f"; {total:,} {what} ({shown})" if reasons else ""


def _instant(memo: Mapping[str, str]) -> datetime | None:
    return datetime.fromisoformat(memo["modified"]) if "modified" in memo else None


def _age(modified: datetime) -> str:
    return f"written {modified:%Y-%m-%d %H:%M} UTC"


CONNECTOR = Feed
