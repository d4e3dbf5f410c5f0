"""Exact tri-state quantities: a number, not tracked, or unknown. Nothing here ever turns one into another."""

from decimal import Decimal, InvalidOperation
from typing import Literal, NamedTuple

from inventory_pipeline.core.errors import LineRejected

Number = int | Decimal
State = Literal["tracked", "untracked", "unknown"]

# Beyond this a quantity is a fault of the store's data, not stock (Shopify's own lower bound is minus one billion).
ABSURD = 1_000_000_000
# Decimal places kept exactly; the finest platform scale known is Square's five.
PLACES = 6


class Quantity(NamedTuple):
    """Units of one line: `value` is a number exactly when `state` is "tracked"."""

    state: State
    value: Number | None

    @classmethod
    def of(cls, value: Number) -> "Quantity":
        return cls("tracked", value)


UNTRACKED = Quantity("untracked", None)
UNKNOWN = Quantity("unknown", None)


def exact_number(raw: object, what: str = "quantity") -> Number:
    """Reads a platform's number exactly: an int, a Decimal, or text of either.

    Binary floats are taken by their shortest decimal text, which is what the JSON said for any number of at most 15
    digits. Raises LineRejected for booleans, anything not a finite number, more than `PLACES` decimals, or an absurd size.
    """
    if type(raw) is int:
        number: Number = raw
    elif isinstance(raw, bool) or not isinstance(raw, (int, float, str, Decimal)):
        raise LineRejected(f"{what} {_shown(raw)} is not a number")
    else:
        number = _decimal(raw, what)
    if not -ABSURD <= number <= ABSURD:
        raise LineRejected(f"{what} {_shown(raw)} is absurd: beyond {ABSURD:,}")
    return number


def _decimal(raw: object, what: str) -> Number:
    text = str(raw).strip()
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise LineRejected(f"{what} {_shown(raw)} is not a number") from None
    if not number.is_finite() or not text.isascii() or "_" in text:
        raise LineRejected(f"{what} {_shown(raw)} is not a number")
    if abs(number) > ABSURD:
        raise LineRejected(f"{what} {_shown(raw)} is absurd: beyond {ABSURD:,}")
    if number == number.to_integral_value():
        return int(number)
    number = number.normalize()
    if -int(number.as_tuple().exponent) > PLACES:
        raise LineRejected(f"{what} {_shown(raw)} has more than {PLACES} decimals")
    return number


def _shown(raw: object) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else text[:57] + "..."
