"""Which format a feed is in, by what is said of it; its content is asked only where it contradicts."""

from collections.abc import Mapping

from inventory_pipeline.connectors.feed.json import DOCUMENT_LIMIT, JsonRows
from inventory_pipeline.connectors.feed.rows import Rows
from inventory_pipeline.connectors.feed.settings import FeedSettings
from inventory_pipeline.connectors.feed.source import Source
from inventory_pipeline.connectors.feed.table import TableRows
from inventory_pipeline.connectors.feed.text import MAX_LINE, FeedText
from inventory_pipeline.core.errors import StoreMisconfigured

_ENDINGS: Mapping[str, str] = {"csv": "csv", "tsv": "tsv", "tab": "tsv", "json": "json", "jsonl": "jsonl", "ndjson": "jsonl"}
_CONTENT_TYPES: Mapping[str, str] = {
    "text/csv": "csv",
    "application/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/json": "json",
    "application/jsonl": "jsonl",
    "application/x-jsonlines": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/ndjson": "jsonl",
}


def format_of(source: Source, settings: FeedSettings) -> str:
    """csv, tsv, json or jsonl. Raises StoreMisconfigured where neither the setting, the name nor the content type says."""
    ending = source.name.lower().removesuffix(".gz").rpartition(".")[2]
    content_type = source.content_type.partition(";")[0].strip().lower()
    said = None if settings.format == "auto" else settings.format
    found = said or _ENDINGS.get(ending) or _CONTENT_TYPES.get(content_type)
    if found is None:
        raise StoreMisconfigured(f"{source.name} does not say whether it is CSV, TSV, JSON or JSON lines; set format=")
    return found


def open_rows(source: Source, settings: FeedSettings) -> tuple[Rows, str]:
    """The source's rows, and what was found out about it, for a person."""
    found = format_of(source, settings)
    text = FeedText(source, settings, DOCUMENT_LIMIT + 1 if found == "json" else MAX_LINE)
    if found in ("csv", "tsv"):
        end_proved = source.ends_proved or text.gzipped
        rows: Rows = TableRows(text, settings, tabs=found == "tsv", end_proved=end_proved)
    else:
        rows = JsonRows(text, settings, lines=found == "jsonl")
    return rows, f"{found.upper()}{', gzipped' if text.gzipped else ''}, {text.encoding}, {rows}"
