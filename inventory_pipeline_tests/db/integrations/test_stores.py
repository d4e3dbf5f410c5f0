"""Rows of store integrations, secrets and the audit log."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from inventory_pipeline.core.errors import UsageError
from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.integrations import audit, secrets, stores
from inventory_pipeline.db.sync import leases
from inventory_pipeline.db.tables.stock import rejected_lines, snapshots, stock_changes, stock_levels
from inventory_pipeline.db.tables.stores import store_credentials
from inventory_pipeline_tests.db.shop import Shop, line
from inventory_pipeline_tests.db.times import HOUR, NOON

STORE = StoreIntegration(
    key="berlin",
    platform="woocommerce",
    url="https://berlin.example/shop",
    name="Berlin – Kreuzberg",
    group="outdoor",
    settings={"connections": "4"},
    credentials={"consumer_key": "secret:BERLIN_KEY", "consumer_secret": "env:INVENTORY_CRED_BERLIN"},
    auto_sync=True,
    freshness_limit=timedelta(minutes=90),
)


def add(database: Database, **fields: Any) -> StoreIntegration:
    given = {name: getattr(STORE, name) for name in StoreIntegration.__slots__}
    store = StoreIntegration(**{**given, **fields})
    with database.begin() as connection:
        stores.insert_store(connection, store, NOON)
    return store


def get(database: Database, key: str = "berlin") -> StoreIntegration | None:
    with database.connect() as connection:
        return stores.get_store(connection, key)


def change(database: Database, key: str = "berlin", **changes: Any) -> None:
    with database.begin() as connection:
        stores.update_store(connection, key, **changes)


def test_a_store_is_given_back_as_it_was_registered(database: Database) -> None:
    add(database)
    found = get(database)
    assert found is not None
    assert found.created_at == NOON
    given = {name: getattr(found, name) for name in StoreIntegration.__slots__ if name != "created_at"}
    assert StoreIntegration(**given) == STORE
    assert get(database, "rome") is None


def test_stores_are_listed_by_key_each_with_its_own_credentials(database: Database) -> None:
    add(database, key="rome", credentials={"api_key": "secret:ROME"})
    add(database)
    add(database, key="oslo", credentials={})
    with database.connect() as connection:
        listed = {store.key: dict(store.credentials) for store in stores.list_stores(connection)}
    assert list(listed) == ["berlin", "oslo", "rome"]
    assert listed == {"berlin": STORE.credentials, "oslo": {}, "rome": {"api_key": "secret:ROME"}}


def test_a_key_is_never_used_twice(database: Database) -> None:
    add(database)
    with pytest.raises(UsageError, match="'berlin' is taken"):
        add(database)
    with database.begin() as connection:
        stores.purge_store(connection, "berlin", NOON)
    with pytest.raises(UsageError, match="'berlin' belonged to a purged store"):
        add(database)


def test_any_field_of_a_person_can_be_changed(database: Database) -> None:
    add(database)
    changes: dict[str, Any] = {
        "name": "Mitte",
        "group": "city",
        "url": "https://mitte.example",
        "settings": {},
        "credentials": {"consumer_key": "secret:OTHER"},
        "is_active": False,
        "auto_sync": False,
        "freshness_limit": None,
    }
    change(database, **changes)
    found = get(database)
    assert {name: getattr(found, name) for name in changes} == changes
    change(database, credentials={})
    found = get(database)
    assert found is not None
    assert found.credentials == {}
    assert found.name == "Mitte"


@pytest.mark.parametrize("field", ["created_at", "purged_at", "colour"])
def test_what_is_fixed_cannot_be_changed(database: Database, field: str) -> None:
    add(database)
    with pytest.raises(ValueError, match=f"cannot change {field} of a store"):
        change(database, **{field: "x"})


def test_changing_an_unknown_store_is_an_error(database: Database) -> None:
    with pytest.raises(UsageError, match="no store 'rome' is registered"):
        change(database, "rome", name="x")


def test_the_first_sync_is_marked_once(database: Database) -> None:
    add(database)
    with database.begin() as connection:
        assert stores.mark_first_sync(connection, "berlin", NOON)
        assert not stores.mark_first_sync(connection, "berlin", NOON + HOUR)
    found = get(database)
    assert found is not None
    assert found.first_sync_at == NOON


def test_the_reason_for_a_new_authorization_is_kept_until_it_is_given(database: Database) -> None:
    add(database)
    kept = []
    for reason in ("consumer key refused", None):
        with database.begin() as connection:
            stores.set_needs_reauthorization(connection, "berlin", reason)
        found = get(database)
        assert found is not None
        kept.append(found.needs_reauthorization)
    assert kept == ["consumer key refused", None]


def test_a_purge_removes_all_but_the_key_and_the_coverage(database: Database) -> None:
    shop, other = Shop(database, "berlin", credentials={"key": "secret:S"}), Shop(database, "rome")
    for each in (shop, other):
        each.sync([line("a", 1)])
        each.sync([line("a", 2)])
    leases.acquire(database, "berlin", "run", NOON, HOUR)
    with database.begin() as connection:
        stores.purge_store(connection, "berlin", NOON)
    found = get(database)
    assert found is not None
    assert (found.purged_at, found.is_active, found.credentials) == (NOON, False, {})
    with database.connect() as connection:
        left = {
            table.name: set(connection.scalars(sa.select(table.c.store_key)))
            for table in (stock_levels, stock_changes, rejected_lines, store_credentials, snapshots)
        }
        assert [store.key for store in stores.list_stores(connection)] == ["rome"]
        assert [store.key for store in stores.list_stores(connection, include_purged=True)] == ["berlin", "rome"]
    assert left.pop("snapshots") == {"berlin", "rome"}
    assert left == {
        "stock_levels": {"rome"},
        "stock_changes": {"rome"},
        "rejected_lines": set(),
        "store_credentials": set(),
    }
    assert leases.current(database, "berlin") is None
    with pytest.raises(UsageError, match="no store 'berlin' is registered"):
        change(database, name="back")


def test_a_lease_needs_a_registered_store(database: Database) -> None:
    with pytest.raises(IntegrityError):
        leases.acquire(database, "nowhere", "run", NOON, HOUR)


def test_secrets_are_kept_replaced_listed_and_removed(database: Database) -> None:
    with database.begin() as connection:
        secrets.put_secret(connection, "B", "cipher-b", NOON)
        secrets.put_secret(connection, "A", "cipher-a", NOON)
        secrets.put_secret(connection, "A", "cipher-a2", NOON + HOUR)
    with database.begin() as connection:
        assert secrets.get_secret(connection, "A") == "cipher-a2"
        assert secrets.list_secrets(connection) == [("A", NOON + HOUR), ("B", NOON)]
        assert secrets.remove_secret(connection, "A")
        assert not secrets.remove_secret(connection, "A")
        assert secrets.get_secret(connection, "A") is None


def test_the_audit_log_is_listed_newest_first(database: Database) -> None:
    with database.begin() as connection:
        for number in range(3):
            audit.record(connection, NOON + number * HOUR, "cli", "set", f"store {number}", "name")
        assert [entry.subject for entry in audit.list_audit(connection, limit=2)] == ["store 2", "store 1"]
        assert audit.list_audit(connection)[-1] == (NOON, "cli", "set", "store 0", "name")
