"""Quantities are exact, tri-state and never coerced."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.core.errors import LineRejected
from inventory_pipeline.core.quantity import (
    ABSURD,
    PLACES,
    UNKNOWN,
    UNTRACKED,
    Quantity,
    exact_number,
    platform_number,
    storable_number,
)

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


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        (7.350000000000001, "7.35"),
        (1.8999999999999995, "1.9"),
        (5.000000000000002, "5"),
        (5.551115123125783e-17, "0"),
        (-0.30000000000000004, "-0.3"),
        (0.1 + 0.7, "0.8"),
        (123456.70000000001, "123456.7"),
        (Decimal("7.350000000000001"), "7.35"),
        (2.5, "2.5"),
    ],
)
def test_what_binary_floating_point_adds_is_taken_off_again(told: float | Decimal, meant: str) -> None:
    number = platform_number(told)
    assert number == Decimal(meant)
    assert storable_number(number) == number


@given(st.lists(st.decimals(-1000, 1000, places=3), max_size=30))
def test_a_shop_that_sums_in_binary_has_the_exact_sum(parts: list[Decimal]) -> None:
    assert platform_number(sum(float(part) for part in parts)) == sum(parts)


@pytest.mark.parametrize("told", [1 / 3, 0.1234567, 7.3500000001, Decimal("0.0000004")])
def test_what_truly_has_more_decimals_is_rounded_only_where_it_is_kept(told: float | Decimal) -> None:
    number = platform_number(told)
    assert number == Decimal(str(told))
    kept = storable_number(number)
    assert kept == round(Decimal(str(told)), PLACES) != number


@pytest.mark.parametrize("text", ["7.350000000000001", "0.0000001", "0.33333333333333331"])
def test_text_is_taken_as_it_stands(text: str) -> None:
    with pytest.raises(LineRejected, match="more than 6 decimals"):
        platform_number(text)


@pytest.mark.parametrize("raw", [ABSURD + 1, 2147483647, 9999999999.0, "9999999999", 1e300, 10**40])
def test_a_number_beyond_the_bound_is_read_and_not_kept(raw: object) -> None:
    assert storable_number(platform_number(raw)) is None


@pytest.mark.parametrize("raw", [True, None, [], "", "seven", "1_000", float("nan"), float("inf"), "NaN", b"7"])
def test_a_platforms_answer_that_is_no_number_is_rejected(raw: object) -> None:
    with pytest.raises(LineRejected, match="is not a number"):
        platform_number(raw)


def test_the_three_states_are_three() -> None:
    assert Quantity.of(0) != UNTRACKED != UNKNOWN
    assert UNKNOWN.value is None
    assert UNTRACKED.value is None
    assert Quantity.of(0).value == 0
