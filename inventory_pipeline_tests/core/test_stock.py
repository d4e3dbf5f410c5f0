"""The last check of a line: identities must be usable, texts storable, states consistent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.quantity import Number, Quantity
from inventory_pipeline.core.stock import TITLE_LENGTH, Completeness, StockLine, checked_line

any_text = st.text(st.characters(exclude_categories=()), max_size=50)  # lone surrogates and NUL included


@given(title=any_text, sku=st.none() | any_text, product=st.none() | any_text)
def test_every_text_becomes_one_that_databases_hold(title: str, sku: str | None, product: str | None) -> None:
    line = checked_line(StockLine("1", title=title, sku=sku, product_id=product))
    for text in (line.title, line.sku, line.product_id):
        assert text is None or "\0" not in text.encode("utf-8").decode()
    assert (line.sku is None) == (sku is None)


def test_a_title_of_megabytes_is_cut_and_its_stock_kept() -> None:
    line = checked_line(StockLine("1", title="x" * 5_000_000, quantity=Quantity.of(3)))
    assert len(line.title) == TITLE_LENGTH
    assert line.quantity == Quantity.of(3)


def test_spaces_around_a_sku_are_kept() -> None:
    assert checked_line(StockLine("1", sku=" A-1 ")).sku == " A-1 "


@pytest.mark.parametrize("identity", ["", "a\0b", "\ud800", "x" * 256])
def test_an_identity_that_cannot_be_stored_rejects_the_line(identity: str) -> None:
    with pytest.raises(LineRejected):
        checked_line(StockLine(identity))
    with pytest.raises(LineRejected):
        checked_line(StockLine("1", location_id=identity))


@pytest.mark.parametrize("quantity", [Quantity("tracked", None), Quantity("unknown", 0), Quantity("untracked", 4)])
def test_a_null_is_never_a_number_nor_a_number_null(quantity: Quantity) -> None:
    with pytest.raises(LineRejected, match="does not go with"):
        checked_line(StockLine("1", quantity=quantity))


def test_an_unknown_status_is_rejected() -> None:
    with pytest.raises(LineRejected, match="status"):
        checked_line(StockLine("1", status="unlisted"))  # pyright: ignore[reportArgumentType] -- the wrong value is the test


def test_the_gap_counts_only_what_the_platform_claims_beyond_the_read() -> None:
    assert Completeness(expected=10, read=8, how="total").gap == 2
    assert Completeness(expected=8, read=10, how="total").gap == 0
    assert Completeness(expected=None, read=5, how="walked to the empty page").gap == 0


@pytest.mark.parametrize("number", [10**10, Decimal("0.0000001"), Decimal("NaN")])
def test_a_number_that_cannot_be_kept_exactly_rejects_the_line_and_so_never_the_store(number: Number) -> None:
    with pytest.raises(LineRejected):
        checked_line(StockLine("1", quantity=Quantity("tracked", number)))
    with pytest.raises(LineRejected):
        checked_line(StockLine("1", on_hand=number))


@pytest.mark.parametrize(("price", "kept"), [("9.99", "9.99"), ("1e30", None), ("NaN", None), ("0.12345678", "0.123457")])
def test_an_absurd_price_is_no_price_and_does_not_cost_the_line(price: str, kept: str | None) -> None:
    assert checked_line(StockLine("1", price=Decimal(price))).price == (None if kept is None else Decimal(kept))
