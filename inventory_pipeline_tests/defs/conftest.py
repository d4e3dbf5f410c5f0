"""A data folder of its own for each test, with Dagster's history in it: the same code as in production."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from inventory_pipeline.core.stores import StoreIntegration
from inventory_pipeline.db.integrations import secrets, stores
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.demo.shops import demo_catalogue
from inventory_pipeline.demo.woocommerce import DemoStore
from inventory_pipeline.environment import load_environment
from inventory_pipeline.http.hosts import Host
from inventory_pipeline.wiring import Services, open_services


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """INVENTORY_DATA_DIR for this process and the ones it starts; nothing else of the outside is left."""
    for name in ("INVENTORY_DATABASE_URL", "INVENTORY_DAGSTER_DATABASE_URL", "INVENTORY_SYNC_CRON", "INVENTORY_TIMEZONE"):
        monkeypatch.setenv(name, "")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("INVENTORY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("INVENTORY_RETRY_WAIT_SECONDS", "0")
    monkeypatch.setenv("INVENTORY_ALLOW_PRIVATE_HOSTS", "127.0.0.1")  # where the tests' shops and receivers are
    return tmp_path / "data"


@pytest.fixture(scope="session")
def empty_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dagster's tables, made once: making them costs more than most tests."""
    folder = tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("INVENTORY_DATA_DIR", str(folder))
        monkeypatch.setenv("INVENTORY_DAGSTER_DATABASE_URL", "")
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        open_instance().dispose()
    return folder / "dagster"


@pytest.fixture
def instance(data_dir: Path, empty_history: Path) -> Iterator[dg.DagsterInstance]:
    shutil.copytree(empty_history, data_dir / "dagster")
    with open_instance() as instance:
        yield instance


@pytest.fixture
def services(data_dir: Path) -> Iterator[Services]:
    with open_services(load_environment()) as services:
        yield services


@pytest.fixture
def shop(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoStore]:
    """A WooCommerce shop that answers on a loopback port, registered as the active store `berlin`."""
    with DemoStore(demo_catalogue(1)) as shop:
        monkeypatch.setenv("INVENTORY_CRED_KEY", shop.key)
        monkeypatch.setenv("INVENTORY_CRED_SECRET", shop.secret)
        register(services, shop.url)
        yield shop


def register(services: Services, url: str, key: str = "berlin", **fields: Any) -> StoreIntegration:
    credentials = {"consumer_key": "env:INVENTORY_CRED_KEY", "consumer_secret": "env:INVENTORY_CRED_SECRET"}
    store = StoreIntegration(key=key, platform="woocommerce", url=url, credentials=credentials, **fields)
    with services.database.begin() as connection:
        stores.insert_store(connection, store, services.clock())
    bind(services, url)
    return store


def bind(services: Services, *hosts: str) -> None:
    """Says, as the command line does, where the two variables with a shop's key may be sent."""
    with services.database.begin() as connection:
        for name in ("KEY", "SECRET"):
            reference = f"env:INVENTORY_CRED_{name}"
            secrets.put_binding(connection, reference, "woocommerce", map(Host.of_text, hosts), services.clock())
