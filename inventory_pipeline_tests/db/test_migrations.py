"""What a migration makes of the data that is there, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from inventory_pipeline.db import migrate
from inventory_pipeline.db.database import Database
from inventory_pipeline.db.engine import MODE, checked_url, make_engine
from inventory_pipeline.db.integrations.secrets import list_bindings
from inventory_pipeline_tests.postgres import PostgresServer

MIGRATIONS = Path(migrate.__file__).parent / "migrations"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/inventory.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create_empty_database()
    yield url
    server.drop_database(url)


def run(url: str, revision: str, *statements: str) -> None:
    """Brings an empty database to a revision, and puts data there as that version did."""
    engine = make_engine(checked_url(url))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.connect() as connection:
        connection.execution_options(**{MODE: "write"})
        with connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            for statement in statements:
                connection.execute(sa.text(statement))
    engine.dispose()


def store(key: str, platform: str, url: str, *references: str, purged: bool = False) -> list[str]:
    at = "'2026-11-01 00:00:00'"
    return [
        "INSERT INTO store_integrations (key, name, group_name, platform, url, settings, is_active, auto_sync, created_at,"
        f" purged_at) VALUES ('{key}', '{key}', 'default', '{platform}', '{url}', '{{}}', true, false, {at},"
        f" {at if purged else 'NULL'})",
        *(
            f"INSERT INTO store_credentials (store_key, name, reference) VALUES ('{key}', 'name{number}', '{reference}')"
            for number, reference in enumerate(references)
        ),
    ]


def test_credentials_are_bound_to_the_hosts_of_the_stores_that_use_them(empty_url: str) -> None:
    run(
        empty_url,
        "0002",
        "INSERT INTO secrets (name, ciphertext, created_at) VALUES ('UNUSED', 'x', '2026-11-01 00:00:00')",
        *store("berlin", "woocommerce", "https://Shop.Example:8443/wp", "secret:KEY", "env:INVENTORY_CRED_BOTH"),
        *store("paris", "woocommerce", "https://paris.example", "secret:KEY"),
        *store("plain", "woocommerce", "http://plain.example/", "secret:PLAIN"),
        *store("feed", "feed", "https://shop.example/stock.csv?key=old", "env:INVENTORY_CRED_BOTH", "secret:BOTH_WAYS"),
        *store("feed2", "feed", "http://shop.example/stock.csv", "secret:BOTH_WAYS"),
        *store("file", "feed", "stock.csv", "secret:FILE"),
        *store("odd", "woocommerce", "https://good.example\\@evil.example/", "secret:ODD", "secret:KEY"),
        *store("bücher", "feed", "https://bücher.example/x.csv", "secret:IDN"),
        *store("gone", "woocommerce", "https://gone.example", "secret:KEY", "secret:GONE", purged=True),
    )
    database = Database(empty_url)
    with database.connect() as connection:
        bound = {
            binding.reference: (binding.platform, tuple(map(str, binding.hosts)), binding.bound_at.year >= 2026)
            for binding in list_bindings(connection)
        }
        revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    database.close()
    assert revision == migrate.HEAD
    assert bound == {
        "secret:KEY": ("woocommerce", ("paris.example", "shop.example"), True),
        "env:INVENTORY_CRED_BOTH": (None, ("shop.example",), True),
        "secret:PLAIN": ("woocommerce", ("http://plain.example",), True),
        "secret:BOTH_WAYS": ("feed", ("http://shop.example",), True),
        "secret:IDN": ("feed", ("xn--bcher-kva.example",), True),
    }
