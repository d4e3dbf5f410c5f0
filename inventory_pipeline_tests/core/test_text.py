"""Texts made shorter: what a person should do about an error stays."""

from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.core.text import short_with_cure

CURE = "let this program pass; or, if the address is right, the web application firewall"


def test_a_cure_is_kept_whole_and_the_middle_is_left_out() -> None:
    short = short_with_cure(f"shop.example answers 403 {'with a page ' * 40}; {CURE}")
    assert short.startswith("shop.example answers 403 with a page")
    assert short.endswith(f"…; {CURE}")
    assert len(short) == 250


def test_what_fits_stays_as_it_is() -> None:
    assert short_with_cure(f"refused; {CURE}") == f"refused; {CURE}"


@given(st.text(max_size=400), st.integers(20, 300))
def test_it_is_never_longer_than_asked(text: str, limit: int) -> None:
    assert len(short_with_cure(text, limit)) <= limit
