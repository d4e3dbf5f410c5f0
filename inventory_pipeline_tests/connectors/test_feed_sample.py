"""WooCommerce's own sample export: a real feed, read whole."""

import csv
import io
import os
from collections import Counter
from pathlib import Path

import pytest

from inventory_pipeline_tests.connectors.feeding import check_file, read_file

SETTINGS = {"exclude.Type": "variable,grouped,external", "untracked_values": "(empty)", "parent_values": "parent"}


@pytest.fixture(scope="module")
def sample() -> Path:
    contracts = os.environ.get("INVENTORY_CONTRACTS")
    path = Path(contracts or "/nowhere").parent / "data" / "woocommerce-sample-products.csv"
    if not path.exists():
        pytest.skip("INVENTORY_CONTRACTS does not lead to the folder beside which WooCommerce's sample export lies")
    return path


def test_the_sample_gives_every_sellable_product_once_and_says_what_it_leaves_out(sample: Path):
    whole = read_file(sample, SETTINGS)
    assert whole.rejected == []
    assert dict(whole.excluded) == {"Type is variable": 2, "Type is grouped": 1, "Type is external": 1}
    lines = list(whole.lines.values())
    assert len(lines) == len({line.item_id for line in lines}) == 21
    assert (whole.proof.read, whole.proof.repeats) == (25, 0)
    # Its Stock column is empty throughout, which WooCommerce writes where stock is not managed.
    assert Counter((line.quantity.state, line.status, line.sellable) for line in lines) == {("untracked", "active", True): 21}
    assert Counter(line.product_id for line in lines) == {None: 14, "woo-vneck-tee": 3, "woo-hoodie": 4}


def test_it_is_known_without_settings(sample: Path):
    assert read_file(sample).lines == read_file(sample, SETTINGS).lines


def test_its_empty_stock_is_unknown_and_never_zero_where_it_is_taken_for_any_table(sample: Path):
    whole = read_file(sample, {"preset": "none"})
    assert (len(whole.lines), {line.quantity.state for line in whole.lines.values()}) == (25, {"unknown"})


def test_a_check_shows_how_the_sample_is_understood(sample: Path):
    found = check_file(sample, SETTINGS)
    assert all(item.ok for item in found.values())
    assert found["version"].detail.startswith(
        "WooCommerce product export; CSV, utf-8-sig, comma between cells, 51 headings; id ← ID, sku ← SKU, title ← Name,"
        " available ← Stock, status ← Published, sellable ← In stock?, oversell ← Backorders allowed?, parent ← Parent,"
        " price ← Regular price;"
        " 21 lines; 4 excluded (2: Type is variable; 1: Type is grouped; 1: Type is external)"
    )


def test_stock_that_is_zero_a_number_or_the_parents_is_read_as_such(sample: Path, tmp_path: Path):
    """The sample with stock written in as WooCommerce's exporter writes it (its Product CSV schema, column Stock)."""
    header, *rows = sample.read_text("utf-8-sig").splitlines()
    place = header.split(",").index("Stock")
    stock = {"44": "9", "76": "parent", "77": "parent", "78": "0", "46": "12", "47": "-2"}
    copy = tmp_path / "copy.csv"
    copy.write_text("\n".join([header, *(_with_stock(row, place, stock) for row in rows), ""]))
    lines = {item_id: line for (item_id, _), line in read_file(copy, SETTINGS).lines.items()}
    assert {item_id: (lines[item_id].quantity.value, lines[item_id].shared_pool) for item_id in stock if item_id != "44"} == {
        "76": (9, "44"),
        "77": (9, "44"),
        "78": (0, None),
        "46": (12, None),
        "47": (-2, None),
    }


def _with_stock(row: str, place: int, stock: dict[str, str]) -> str:
    cells = next(csv.reader([row]))
    cells[place] = stock.get(cells[0], cells[place])
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()
