"""Column types that keep what SQLite and PostgreSQL would each keep differently: instants, exact numbers, texts as keys."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from inventory_pipeline.core.quantity import PLACES, Number

SCALE = 10**PLACES

# Byte order in both databases, whatever the server's locale: the same sorting everywhere, and the cheapest comparison.
Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
# SQLite counts up only an INTEGER primary key.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Json(sa.types.TypeDecorator[Any]):
    """JSON, JSONB on PostgreSQL; None is no JSON null but none at all."""

    impl = sa.JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name != "postgresql":
            return self.impl_instance
        # Here, so that SQLite does not load another database's dialect: a tenth of a second of every command.
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB(none_as_null=True))


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware datetime in UTC, microseconds kept. A naive one is refused: nobody knows which hour it means."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"instant {value!r} has no time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Millionths(sa.types.TypeDecorator[Number]):
    """An exact number kept as a whole count of millionths: no binary float on the way in, in the database, or out."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Number | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else to_millionths(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Number | None:  # noqa: ARG002
        return None if value is None else from_millionths(int(value))


def to_millionths(value: Number) -> int:
    """Raises ValueError for a number finer than a millionth: rounding would be a wrong quantity."""
    if type(value) is int:
        return value * SCALE
    scaled = value * SCALE
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"{value} has more than {PLACES} decimals")
    return whole


def from_millionths(millionths: int) -> Number:
    """An int where the number is whole, else the shortest Decimal: 1500000 is Decimal("1.5")."""
    whole, rest = divmod(millionths, SCALE)
    return whole if rest == 0 else Decimal(millionths).scaleb(-PLACES).normalize()
