"""Keys, hosts and how long a snapshot may be believed."""

from datetime import UTC, datetime, timedelta

import pytest

from inventory_pipeline.core.clock import parse_instant, show_instant
from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import StoreIntegration, checked_key, freshness, host_of


@pytest.mark.parametrize("key", ["a", "berlin-shop", "shop_2", "0", "a" * 64])
def test_a_slug_is_a_key(key: str) -> None:
    assert checked_key(key) == key


@pytest.mark.parametrize("key", ["", "Berlin", "a b", "-a", "a-", "a" * 65, "ä", "a/b", "a\n", "a,b"])
def test_what_is_no_slug_is_refused_with_the_way_out(key: str) -> None:
    with pytest.raises(UsageError, match="use lower-case letters"):
        checked_key(key)


def test_the_host_is_scheme_name_and_port_without_user_and_path() -> None:
    assert host_of("HTTPS://me:pw@Shop.Example:8443/wp?x=1") == "https://shop.example:8443"
    assert host_of("http://shop.example") != host_of("https://shop.example")
    assert host_of("https://shop.example/a") == host_of("https://shop.example/b")


def test_a_snapshot_holds_for_a_quarter_more_than_the_interval_unless_set() -> None:
    store = StoreIntegration(key="a", platform="feed", url="")
    assert freshness(store) == timedelta(hours=5)
    assert freshness(store, timedelta(hours=2)) == timedelta(hours=2, minutes=30)
    set_by_hand = StoreIntegration(key="a", platform="feed", url="", freshness_limit=timedelta(days=2))
    assert freshness(set_by_hand) == timedelta(days=2)


def test_instants_are_utc_and_a_missing_offset_is_taken_so() -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    for text in ("2026-11-23T12:00:00Z", "2026-11-23T13:00:00+01:00", "2026-11-23 12:00"):
        assert parse_instant(text) == noon
    assert show_instant(noon) == "2026-11-23T12:00:00Z"
    with pytest.raises(ValueError, match="yesterday"):
        parse_instant("yesterday")
