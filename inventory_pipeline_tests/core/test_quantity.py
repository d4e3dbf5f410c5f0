"""Quantities are exact, tri-state and never coerced."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.quantity import ABSURD, PLACES, UNKNOWN, UNTRACKED, Quantity, exact_number

exact_decimals = st.decimals(min_value=-ABSURD, max_value=ABSURD, places=PLACES)


@given(st.integers(-ABSURD, ABSURD))
def test_whole_numbers_stay_themselves_as_numbers_and_as_text(number: int) -> None:
    assert exact_number(number) == exact_number(str(number)) == number


@given(exact_decimals)
def test_fractions_are_kept_to_the_last_decimal(number: Decimal) -> None:
    assert exact_number(str(number)) == number
    assert exact_number(number) == number


@given(st.integers(-(10**12), 10**12), st.integers(0, 3))
def test_a_json_float_means_its_decimal_text_not_its_binary_neighbour(digits: int, places: int) -> None:
    meant = Decimal(digits).scaleb(-places)
    if abs(meant) <= ABSURD:
        assert exact_number(float(meant)) == meant


@pytest.mark.parametrize("raw", [True, None, [], "", "seven", "1_000", "٣", float("nan"), float("inf"), "NaN", b"7"])
def test_what_is_not_a_number_is_rejected_not_guessed(raw: object) -> None:
    with pytest.raises(LineRejected, match="is not a number"):
        exact_number(raw)


@pytest.mark.parametrize("raw", [ABSURD + 1, -ABSURD - 1, "1e300", 10**40, "99999999999"])
def test_an_absurd_size_is_rejected(raw: object) -> None:
    with pytest.raises(LineRejected, match="absurd"):
        exact_number(raw)


def test_more_decimals_than_are_kept_are_rejected_not_rounded() -> None:
    with pytest.raises(LineRejected, match="more than 6 decimals"):
        exact_number("0.0000001")


def test_the_three_states_are_three() -> None:
    assert Quantity.of(0) != UNTRACKED != UNKNOWN
    assert UNKNOWN.value is None
    assert UNTRACKED.value is None
    assert Quantity.of(0).value == 0
