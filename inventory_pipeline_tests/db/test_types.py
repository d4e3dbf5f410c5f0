"""Instants and exact numbers come back as they went in."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError

from inventory_pipeline.core.quantity import ABSURD, PLACES, exact_number
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.types import Instant, Millionths, from_millionths, to_millionths

numbers = st.integers(-ABSURD, ABSURD) | st.decimals(-ABSURD, ABSURD, places=PLACES).map(exact_number)


def through(database: Database, kind: Any, value: object) -> Any:
    """The value after the database has held it."""
    with database.begin() as connection:
        table = sa.Table("kept", sa.MetaData(), sa.Column("value", kind), prefixes=["TEMPORARY"])
        table.create(connection)
        connection.execute(table.insert().values(value=value))
        kept = connection.scalar(sa.select(table.c.value))
        table.drop(connection)
    return kept


@given(number=numbers)
def test_any_quantity_survives_its_millionths(number: int | Decimal) -> None:
    back = from_millionths(to_millionths(number))
    assert back == number
    assert type(back) is type(number)


@pytest.mark.parametrize("number", [0, -1, ABSURD, Decimal("0.1"), Decimal("-2.000001"), None])
def test_the_database_keeps_exactly_what_it_is_given(database: Database, number: Any) -> None:
    assert through(database, Millionths, number) == number


def test_a_number_finer_than_a_millionth_is_refused() -> None:
    with pytest.raises(ValueError, match="1E-7 has more than 6 decimals"):
        to_millionths(Decimal("0.0000001"))


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 11, 23, 12, 0, 0, 1, UTC),
        datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=1))),
        datetime(1999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-11))),
    ],
)
def test_an_instant_comes_back_in_utc(database: Database, instant: datetime) -> None:
    kept = through(database, Instant, instant)
    assert kept == instant
    assert kept.tzinfo is UTC


def test_an_instant_without_a_time_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="has no time zone"):
        through(database, Instant, datetime(2026, 11, 23, 12))  # noqa: DTZ001
