"""Reads a feed as a sync would, before it is a store, and tries the settings that would change the result."""

import re
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from inventory_pipeline.connectors.base import ConnectorContext
from inventory_pipeline.connectors.feed import Feed
from inventory_pipeline.connectors.feed.findings import Findings
from inventory_pipeline.connectors.feed.sources import kind_of
from inventory_pipeline.core.errors import SyncError
from inventory_pipeline.core.stock import Completeness
from inventory_pipeline.core.stores import StoreIntegration

_TRIED = 5  # so many other ways to read a file are tried
# A cure as every message of a feed words it: thousands=. or sheet='Stock list'.
_CURE = re.compile(r"\b((?:column|exclude|filter|untracked|words)\.[\w ]+|[a-z_]+)=('[^']*'|[^\s;()]+)")
# Settings that are never tried: a file does not tell them, or a person should decide.
_NOT_TRIED = {"bad_bytes", "max_workbook", "insecure", "host_key", "preset"}


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What one more setting would make of the feed: lines and units, or the error that then comes."""

    setting: str
    lines: int = 0
    units: object = 0
    rejected: int = 0
    error: str = ""


@dataclass(slots=True)
class Preview:
    """`error` says why a sync would fail, "" where it would not. `otherwise` are other ways to read the feed."""

    url: str
    settings: Mapping[str, str]
    found: Findings
    error: str = ""
    how: str = ""
    modified: datetime | None = None
    otherwise: list[Otherwise] = field(default_factory=list)

    @property
    def unused(self) -> list[str]:
        """Headings that no field is read from."""
        columns = self.found.columns
        used = {str(key) for key in columns.keys} if columns else set()
        return [heading.text for heading in self.found.present if str(heading.key) not in used and heading.text]


def feed_of(address: str) -> tuple[str, Path | None]:
    """A file's name and its folder, or an address as it is: whoever previews may read any file of theirs."""
    if kind_of(address) != "file":
        return address, None
    path = Path(address.removeprefix("file://")).expanduser().absolute()
    return path.name, path.parent


async def preview(address: str, settings: Mapping[str, str], credentials: Mapping[str, str]) -> Preview:
    """Reads the whole feed as a sync would. Raises UsageError for settings or an address that cannot be used."""
    shown = await _read(address, settings, credentials)
    reasons = [shown.error, *shown.found.rejected]
    tried: dict[str, str] = {}
    for name, value in _CURE.findall(" ".join(reason.rpartition("; ")[2] for reason in reasons)):
        tried.setdefault(f"{name}={value}", value.strip("'"))
    if any("column.location=" in reason for reason in reasons):
        tried |= {f"column.location={heading}": heading for heading in shown.unused[:3]}
    for setting, value in list(tried.items())[:_TRIED]:
        name = setting.partition("=")[0]
        if name not in _NOT_TRIED and settings.get(name) != value:
            other = await _read(address, {**settings, name: value}, credentials)
            rejected = sum(examples.count for examples in other.found.rejected.values())
            shown.otherwise.append(Otherwise(f"{name}={value}", other.found.lines, other.found.units, rejected, other.error))
    return shown


async def _read(address: str, settings: Mapping[str, str], credentials: Mapping[str, str]) -> Preview:
    url, folder = feed_of(address)
    store = StoreIntegration(key="preview", platform="feed", url=url, settings=settings)
    feed = Feed(ConnectorContext(store=store, credentials=credentials, feed_dir=folder), trusts_new_key=True)
    shown = Preview(url, settings, feed.findings)
    try:
        async with aclosing(feed.read()) as items:
            async for item in items:
                if isinstance(item, Completeness):
                    shown.how, shown.modified = item.how, item.modified
    except SyncError as error:
        shown.error = str(error)
    shown.found, shown.settings = feed.findings, {**settings, **feed.learned}
    return shown
