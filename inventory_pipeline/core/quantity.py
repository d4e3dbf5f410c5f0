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

# A JSON number this near to one of at most PLACES decimals means that one: what binary floating point adds when a platform
# adds and subtracts fractions (7.350000000000001), relative to the number and, where little is left, absolute (5.6e-17).
_BINARY_ROUNDING = Decimal("1e-12")


def exact_number(raw: object, what: str = "quantity") -> Number:
    """Reads a number exactly, as a person or a file writes it: an int, a Decimal, or text of either.

    Binary floats are taken by their shortest decimal text, which is what the JSON said for any number of at most 15
    digits. Raises LineRejected for booleans, anything not a finite number, more than `PLACES` decimals, or an absurd size.
    """
    if type(raw) is int:
        number: Number = raw
    elif isinstance(raw, bool) or not isinstance(raw, (int, float, str, Decimal)):
        raise _refused(raw, what, "is not a number")
    else:
        number = _decimal(raw, what)
    if not -ABSURD <= number <= ABSURD:
        raise _refused(raw, what, f"is absurd: beyond {ABSURD:,}")
    return number


def platform_number(raw: object, what: str = "quantity") -> Number:
    """Reads the number of a platform's answer: JSON's own numbers (int, float, Decimal), or text of one.

    JSON numbers may have gone through binary floating point: one that lies within its rounding of a number of at most
    `PLACES` decimals means that number. Text is taken as it stands. What is finer or larger than can be kept comes back as
    it is: `storable_number` says what becomes of it, once for all platforms. Raises LineRejected for what is no finite
    number, and for text of more than `PLACES` decimals.
    """
    if type(raw) is int:
        return raw
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str, Decimal)):
        raise _refused(raw, what, "is not a number")
    number = _finite(raw, what)
    if abs(number) > ABSURD:
        # Not as an int: 1e300 would have 300 digits.
        return number
    if isinstance(raw, str):
        return _decimal(raw, what)
    nearest = round(number, PLACES)
    meant = nearest if abs(number - nearest) <= max(abs(number), 1) * _BINARY_ROUNDING else number
    return int(meant) if meant == meant.to_integral_value() else meant.normalize()


def storable_number(number: Number) -> Number | None:
    """The number as it is kept: rounded to `PLACES` decimals, None where it is absurdly large."""
    if not -ABSURD <= number <= ABSURD:
        return None
    if type(number) is int:
        return number
    rounded = round(Decimal(number), PLACES)
    return int(rounded) if rounded == rounded.to_integral_value() else rounded.normalize()


def show_total(available: Number | None, up_to: Number | None = None, *, at_least: bool = False) -> str | None:
    """A total for a person: "6", "at least 6", or where equal numbers may be one stock or several "6 to 18"."""
    if available is None:
        return None
    return f"{'at least ' if at_least else ''}{available:,}" + ("" if up_to is None else f" to {up_to:,}")


# What is said beside such totals.
ONE_OR_SEVERAL = (
    "ambiguous: lines with this SKU have equal numbers, which may be one stock or several; the setting same_sku decides"
)
ADDED_UP = "several variants of one store have this SKU: added up"


def total_mark(up_to: Number | None, *, ambiguous: bool) -> str:
    """What a person must know of a SKU's total; empty where it is plain."""
    return ONE_OR_SEVERAL if up_to is not None else ADDED_UP if ambiguous else ""


def _finite(raw: object, what: str) -> Decimal:
    text = str(raw).strip()
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise _refused(raw, what, "is not a number") from None
    if not number.is_finite() or not text.isascii() or "_" in text:
        raise _refused(raw, what, "is not a number")
    return number


def _decimal(raw: object, what: str) -> Number:
    number = _finite(raw, what)
    if abs(number) > ABSURD:
        raise _refused(raw, what, f"is absurd: beyond {ABSURD:,}")
    if number == number.to_integral_value():
        return int(number)
    number = number.normalize()
    if -int(number.as_tuple().exponent) > PLACES:
        raise _refused(raw, what, f"has more than {PLACES} decimals")
    return number


def _refused(raw: object, what: str, why: str) -> LineRejected:
    return LineRejected(f"{what} {_shown(raw)} {why}", what, _shown(raw))


def _shown(raw: object) -> str:
    text = repr(raw)
    return text if len(text) <= 60 else text[:57] + "..."
