"""Settings of a feed: each fault names the setting and what it may be, before anything is read."""

import pytest

from inventory_pipeline.connectors.feed.settings import SETTINGS, read_settings
from inventory_pipeline.connectors.feed.words import FIELDS
from inventory_pipeline.core.errors import UsageError


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"colour": "red"}, "setting 'colour' is not one of"),
        ({"column": "x"}, "setting 'column' is not one of"),
        ({"column.": "x"}, "setting 'column.' names no field"),
        ({"column.stock": "x"}, "setting 'column.stock' names no field; the fields are: id, sku, title, available"),
        ({"format": "pdf"}, "setting format='pdf' is none of: auto, csv, tsv, json, jsonl, xml, xlsx, xls, ods"),
        ({"words.plenty": "many"}, "setting 'words.plenty'='many' is neither a number nor unknown"),
        ({"header_row": "first"}, "setting header_row='first' is not a number"),
        ({"encoding": "klingon"}, "setting encoding='klingon' is not an encoding"),
        ({"encoding": "base64"}, "setting encoding='base64' is not an encoding"),
        ({"delimiter": "::"}, "setting delimiter='::' is neither one character"),
        ({"delimiter": '"'}, "setting delimiter="),
        ({"decimal": "·"}, "setting decimal='·' is neither '.' nor ','"),
        ({"thousands": "x"}, "setting thousands='x' is none of"),
        ({"decimal": ",", "thousands": ","}, "settings decimal and thousands are both ','"),
        ({"settle_seconds": "600"}, "setting settle_seconds='600' is not a number from 0 to 60"),
        ({"final_newline": "maybe"}, "setting final_newline='maybe' is none of: required, optional"),
        ({"exclude.Type": " , "}, r"setting 'exclude.Type' names no value; an empty cell is written \(empty\)"),
        ({"yes_values": "a,b", "no_values": "B,c"}, "setting yes_values and no_values both hold 'b'"),
    ],
)
def test_what_cannot_be_used_is_named(settings: dict[str, str], told: str):
    with pytest.raises(UsageError, match=told):
        read_settings(settings)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {f"column.{field}": "x" for field in FIELDS},
        {"exclude.Any heading, really?": "x", "filter.b": "(empty)"},
        {"encoding": "AUTO", "delimiter": "\t", "decimal": ",", "thousands": " ", "format": "CSV"},
        {"connections": "2", "timeout": "5", "verify_tls": "false", "requests_per_second": "1"},
        dict.fromkeys(
            set(SETTINGS) - {"column.FIELD", "filter.HEADING", "exclude.HEADING", "untracked.HEADING", "words.WORD"}, ""
        ),
    ],
)
def test_what_can_be_used_is_taken_and_empty_means_the_default(settings: dict[str, str]):
    read_settings(settings)
    if set(settings.values()) == {""}:
        assert read_settings(settings) == read_settings({})
