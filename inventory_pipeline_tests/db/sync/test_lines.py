"""What becomes of each line when a read is published."""

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from inventory_pipeline.core.quantity import UNTRACKED, Quantity
from inventory_pipeline.core.stock import Completeness, RejectedLine
from inventory_pipeline.core.sync import Counts
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.sync.stage import Stage
from inventory_pipeline.db.tables.stock import rejected_lines, stock_changes, stock_levels
from inventory_pipeline_tests.db.shop import Shop, line, reasons


def test_the_first_read_creates_and_the_same_read_again_skips_everything(database: Database) -> None:
    shop = Shop(database)
    lines = [line("a", 1, price=Decimal("9.90"), title="A"), line("b", quantity=UNTRACKED), line("c")]
    assert shop.sync(lines).counts == Counts(seen=3, created=3, updated=0, skipped=0, rejected=0)
    assert shop.sync(lines).counts == Counts(seen=3, created=0, updated=0, skipped=3, rejected=0)
    assert shop.changes() == []


def test_a_changed_line_is_updated_and_its_last_version_kept(database: Database) -> None:
    shop = Shop(database)
    first = shop.sync([line("a", 5, title="Tent"), line("b", 1)])
    second = shop.sync([line("a", 3, title="Tent 2"), line("b", 1)])
    assert second.counts == Counts(seen=2, created=0, updated=1, skipped=1, rejected=0)
    with database.connect() as connection:
        [change] = connection.execute(sa.select(stock_changes)).mappings()
    assert (change["kind"], change["valid_from"], change["snapshot_id"]) == ("updated", first.id, second.id)
    assert (change["title"], change["state"], change["available"]) == ("Tent", "tracked", 5)
    assert (change["state_after"], change["available_after"]) == ("tracked", 3)
    assert shop.level("a")["since_snapshot"] == second.id
    assert shop.level("b")["since_snapshot"] == first.id


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[
            ("product_id", "p"),
            ("sku", "s"),
            ("title", "t"),
            ("status", "draft"),
            ("on_hand", 0),
            ("committed", 0),
            ("incoming", 0),
        ],
        *[("sellable", False), ("oversell_allowed", False), ("shared_pool", "p"), ("location", "l"), ("location_active", False)],
        *[("barcode", "b"), ("price", Decimal("0")), ("currency", "EUR"), ("quantity", UNTRACKED), ("quantity", Quantity.of(0))],
    ],
)
def test_any_field_that_changes_makes_an_update(database: Database, field: str, value: Any) -> None:
    shop = Shop(database)
    shop.sync([line("a")])
    assert shop.sync([line("a", **{field: value})]).counts.updated == 1
    assert shop.sync([line("a", **{field: value})]).counts.skipped == 1
    assert shop.sync([line("a")]).counts.updated == 1


def test_number_not_tracked_and_unknown_stay_apart(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("zero", 0), line("minus", -3), line("untracked", quantity=UNTRACKED), line("unknown")])
    kept = {
        item: (shop.level(item)["state"], shop.level(item)["available"]) for item in ("zero", "minus", "untracked", "unknown")
    }
    assert kept == {
        "zero": ("tracked", 0),
        "minus": ("tracked", -3),
        "untracked": ("untracked", None),
        "unknown": ("unknown", None),
    }


def test_fractions_are_exact(database: Database) -> None:
    shop = Shop(database)
    result = shop.sync([line(f"{number}", quantity=Quantity.of(Decimal("0.1"))) for number in range(3)])
    assert shop.level("0")["available"] == Decimal("0.1")
    assert result.totals.units == Decimal("0.3")


def test_of_two_readings_of_one_line_the_later_holds(database: Database) -> None:
    shop = Shop(database)
    result = shop.sync([line("a", 1), line("b", 2), line("a", 5), line("a", 7)])
    assert result.counts == Counts(seen=2, created=2, updated=0, skipped=0, rejected=0, repeats=2)
    assert shop.level("a")["available"] == 7


@pytest.mark.parametrize(("first", "second"), [(None, 3), (3, None)])
def test_the_later_reading_holds_whichever_of_the_two_says_more(
    database: Database, first: int | None, second: int | None
) -> None:
    shop = Shop(database)
    shop.sync([line("a", 1, on_hand=first), line("a", 2, on_hand=second)])
    assert (shop.level("a")["available"], shop.level("a")["on_hand"]) == (2, second)


def test_a_later_good_reading_mends_a_rejected_one_and_the_other_way_round(database: Database) -> None:
    shop = Shop(database)
    bad = RejectedLine("broken", "a", "default")
    with Stage(database, shop.key) as stage:
        stage.add([], [bad])
        stage.add([line("a", 1)])
        mended = shop.publish(stage)
    assert mended.counts == Counts(seen=1, created=1, updated=0, skipped=0, rejected=0, repeats=1)
    assert mended.rejections == []
    with Stage(database, shop.key) as stage:
        stage.add([line("a", 1)])
        stage.add([], [bad])
        broken = shop.publish(stage)
    assert broken.counts == Counts(seen=1, created=0, updated=0, skipped=0, rejected=1, repeats=1)
    assert reasons(broken) == {"broken": 1}
    assert shop.level("a")["state"] == "unknown"


def test_a_line_missing_twice_is_deleted_and_its_return_is_a_creation(database: Database) -> None:
    shop = Shop(database)
    rest = line("rest", 1)
    shop.sync([rest, line("a", 4)])
    assert shop.sync([rest]).counts == Counts(seen=1, created=0, updated=0, skipped=1, rejected=0, missing=1)
    assert shop.presence("a") == ["missing"]
    assert shop.sync([rest]).counts == Counts(seen=1, created=0, updated=0, skipped=1, rejected=0, deleted=1)
    assert shop.presence("a") == ["deleted"]
    assert shop.sync([rest]).counts == Counts(seen=1, created=0, updated=0, skipped=1, rejected=0)
    assert shop.sync([rest, line("a", 4)]).counts == Counts(seen=2, created=1, updated=0, skipped=1, rejected=0)
    assert shop.changes() == [
        ("a", "missing", 4, None),
        ("a", "deleted", None, None),
        ("a", "returned", None, 4),
    ]


@pytest.mark.parametrize("units", [4, None])
def test_a_missing_line_that_returns_unaltered_is_an_update(database: Database, units: int | None) -> None:
    shop = Shop(database)
    shop.sync([line("rest", 1), line("a", units)])
    shop.sync([line("rest", 1)])
    back = shop.sync([line("rest", 1), line("a", units)])
    assert back.counts == Counts(seen=2, created=0, updated=1, skipped=1, rejected=0)
    assert shop.presence("a") == ["present"]
    assert shop.changes()[-1] == ("a", "updated", None, units)


def test_a_rejected_line_becomes_unknown_and_not_missing(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 4, on_hand=4, sellable=True, sku="S", title="T"), line("b", 1)])
    bad = RejectedLine("quantity 'x' is not a number", "a", "default", "{...}")
    result = shop.sync([line("b", 1)], [bad])
    assert result.counts == Counts(seen=2, created=0, updated=0, skipped=1, rejected=1)
    level = shop.level("a")
    assert (level["presence"], level["state"], level["available"], level["on_hand"]) == ("present", "unknown", None, None)
    assert (level["sellable"], level["sku"], level["title"]) == (None, "S", "T")
    assert shop.changes() == [("a", "updated", 4, None)]
    assert shop.sync([line("b", 1)], [bad]).counts.rejected == 1
    assert len(shop.changes()) == 1, "an unknown line that is rejected again has not changed"


def test_rejected_lines_are_kept_with_their_reasons(database: Database) -> None:
    shop = Shop(database)
    rejected = [RejectedLine("no id", excerpt="{}"), RejectedLine("no id"), RejectedLine("absurd", "new", "default", "1e99")]
    result = shop.sync([line("a", 1)], rejected)
    assert result.counts == Counts(seen=4, created=1, updated=0, skipped=0, rejected=3)
    assert reasons(result) == {"no id": 2, "absurd": 1}
    columns = (rejected_lines.c[name] for name in ("item_id", "location_id", "reason", "excerpt"))
    with database.connect() as connection:
        kept = {tuple(row) for row in connection.execute(sa.select(*columns))}
        items = set(connection.scalars(sa.select(stock_levels.c.item_id)))
    assert kept == {(None, None, "no id", "{}"), (None, None, "no id", ""), ("new", "default", "absurd", "1e99")}
    assert items == {"a"}, "a line never read well has no current line"


def test_a_rejected_item_without_a_location_makes_its_unread_lines_unknown(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", 1, location_id="1"), line("a", 2, location_id="2"), line("b", 3)])
    result = shop.sync([line("a", 5, location_id="2"), line("b", 3)], [RejectedLine("levels are not a list", "a")])
    assert result.counts == Counts(seen=3, created=0, updated=1, skipped=1, rejected=1)
    assert (shop.level("a", "1")["presence"], shop.level("a", "1")["state"]) == ("present", "unknown")
    assert shop.level("a", "2")["available"] == 5


def test_a_line_without_location_goes_silently_once_its_item_has_levels(database: Database) -> None:
    shop = Shop(database)
    shop.sync([line("a", location_id="-"), line("b", location_id="-")])
    with Stage(database, shop.key) as stage:
        stage.add([line("a", 3, location_id="7"), line("b", location_id="-")])
        assert stage.measure().missing_candidates == 0
        result = shop.publish(stage)
    assert result.counts == Counts(seen=2, created=1, updated=0, skipped=1, rejected=0)
    assert shop.presence("a", "b", location="-") == ["deleted", "present"]
    assert shop.sync([line("a", 3, location_id="7")]).counts.missing == 1
    shop.sync([line("b", 1, location_id="7")], [RejectedLine("one of its levels is broken", "b")])
    assert shop.presence("b", location="-") == ["deleted"]


def test_lines_unseen_in_a_read_with_a_small_gap_stay_unverified(database: Database) -> None:
    shop = Shop(database)
    first = shop.sync([line("a", 1), line("b", 2), line("c", 3)])
    shop.sync([line("a", 1), line("b", 2)])
    short = Completeness(expected=3, read=2, how="test")
    result = shop.sync([line("a", 1)], proof=short, unseen_go_missing=False)
    assert result.counts == Counts(seen=1, created=0, updated=0, skipped=1, rejected=0)
    assert shop.presence("a", "b", "c") == ["present", "present", "missing"]
    assert shop.level("b")["last_verified_snapshot"] == first.id + 1
    assert shop.level("a")["last_verified_snapshot"] is None
    assert result.totals.lines == 2
    assert shop.sync([line("a", 1)]).counts == Counts(seen=1, created=0, updated=0, skipped=1, rejected=0, missing=1, deleted=1)


def test_stores_do_not_touch_one_another(database: Database) -> None:
    berlin, rome = Shop(database), Shop(database, "rome")
    berlin.sync([line("a", 1), line("b", 1)])
    assert rome.sync([line("a", 9)]).counts.created == 1
    assert rome.sync([], [RejectedLine("broken", "b", "default")]).counts.missing == 1
    assert berlin.sync([line("a", 1), line("b", 1)]).counts.skipped == 2
