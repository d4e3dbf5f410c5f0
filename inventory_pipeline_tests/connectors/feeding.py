"""Reading feeds in a test: a text, some bytes or an address in, everything the read gave out."""

import asyncio
import gzip
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inventory_pipeline.connectors.base import CheckItem, ConnectorContext
from inventory_pipeline.connectors.feed import Feed
from inventory_pipeline.core.stock import StockLine
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline_tests.connectors.reading import Whole, read_whole

# Files of a test are as old as the test: nothing has to rest.
NOW = {"settle_seconds": "0"}


def feed(url: str, feed_dir: Path | None = None, settings: Mapping[str, str] | None = None, **more: Any) -> Feed:
    """`more` are the context's credentials, memo, on_exchange."""
    private = more.pop("allow_private", True)
    store = StoreIntegration(key="depot", platform="feed", url=url, settings=NOW | dict(settings or {}), allow_private=private)
    return Feed(ConnectorContext(store=store, feed_dir=feed_dir, **more))


def read_url(url: str, settings: Mapping[str, str] | None = None, **more: Any) -> Whole:
    return asyncio.run(read_whole(feed(url, settings=settings, **more)))


def read_file(path: Path, settings: Mapping[str, str] | None = None, **more: Any) -> Whole:
    return asyncio.run(read_whole(feed(path.name, path.parent, settings, **more)))


def read_bytes(content: bytes, name: str = "stock.csv", **settings: str) -> Whole:
    """Keyword names stand for settings: `column__id` for `column.id`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return read_file(path, {setting.replace("__", "."): value for setting, value in settings.items()})


def read_text(text: str, name: str = "stock.csv", **settings: str) -> Whole:
    return read_bytes(text.encode(), name, **settings)


def read_rows(*rows: Any, **settings: str) -> Whole:
    """Rows as one JSON document."""
    return read_text(json.dumps(rows), "stock.json", **settings)


def only(whole: Whole) -> StockLine:
    """The one line of a read that rejected nothing."""
    assert whole.rejected == []
    (line,) = whole.lines.values()
    return line


def check_file(path: Path, settings: Mapping[str, str] | None = None) -> dict[str, CheckItem]:
    return {item.check: item for item in asyncio.run(feed(path.name, path.parent, settings).check())}


def zipped(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)
