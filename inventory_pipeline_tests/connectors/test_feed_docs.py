"""docs/feeds.md: every setting has an example, and every example reads what it says."""

import re
import shlex
from pathlib import Path

import pytest

from inventory_pipeline.connectors.feed.presets import PRESETS
from inventory_pipeline.connectors.feed.settings import SETTINGS
from inventory_pipeline.core.stock import StockLine
from inventory_pipeline_tests.connectors.feeding import read_text

PAGE = (Path(__file__).parents[2] / "docs" / "feeds.md").read_text()
EXAMPLES = re.findall(r"^```feed (\S+)([^\n]*)\n(.*?)^```\n→ ([^\n]+)\n", PAGE, re.MULTILINE | re.DOTALL)


def said(item: str, line: StockLine) -> str:
    stock = {"unknown": "?", "untracked": "not tracked"}.get(line.quantity.state, str(line.quantity.value))
    return f"{item} {stock}" + (f" {line.status}" if line.status != "active" else "")


@pytest.mark.parametrize("example", EXAMPLES, ids=[example[1].strip() for example in EXAMPLES])
def test_every_example_reads_what_it_says(example: tuple[str, str, str, str]):
    name, arguments, text, right = example
    settings = dict(argument.split("=", 1) for argument in shlex.split(arguments))
    whole = read_text(text, name, **settings)
    located = {location for _, location in whole.lines} - {"default"}
    lines = [said(f"{item}@{place}" if located else item, line) for (item, place), line in whole.lines.items()]
    assert ", ".join(lines) == right


def test_no_example_is_overlooked():
    assert PAGE.count("```feed ") == len(EXAMPLES) > 20


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_explained_with_an_example(setting: str):
    name = re.escape(setting.replace("FIELD", "").replace("HEADING", "").replace("WORD", ""))
    assert f"`{setting}`" in PAGE or f"`{setting}=" in PAGE
    assert re.search(rf"(?m)^(```feed|inventory-pipeline).*[\s\"]{name}[^ ]*=?", PAGE)


def test_every_known_shop_is_named():
    for preset in PRESETS:
        assert preset.title.split()[0] in PAGE
