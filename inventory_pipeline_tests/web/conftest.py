"""One served web UI for all tests of a file, on a history of its own. At the end it is killed, and must leave nothing behind."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline_tests.defs.live import until
from inventory_pipeline_tests.web.served import Served, ours

# Whatever the machine or a `.env` says must not reach a test; empty, since `.env` fills in what is unset.
OUTSIDE = (
    *("DAGSTER_HOME", "INVENTORY_DATABASE_URL", "INVENTORY_DAGSTER_DATABASE_URL", "INVENTORY_WEB_HOSTS"),
    *("INVENTORY_SECRET_KEY", "INVENTORY_SYNC_CRON", "INVENTORY_TIMEZONE", "INVENTORY_LOG_LEVEL", "INVENTORY_FEED_DIR"),
)


@pytest.fixture(scope="module", autouse=True)
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("web")
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in OUTSIDE:
            monkeypatch.setenv(name, "")
        monkeypatch.setenv("INVENTORY_DATA_DIR", str(folder))
        monkeypatch.setenv("INVENTORY_RETRY_WAIT_SECONDS", "0")
        yield folder


@pytest.fixture(scope="module")
def served(data_dir: Path) -> Iterator[Served]:
    with Served("dev", "--no-daemon") as served:
        assert not any("web.server daemon" in words for words in ours(data_dir).values())
        yield served
        served.process.kill()
        until(lambda: ours(data_dir) == {}, 60)


@pytest.fixture(scope="module")
def instance(served: Served) -> Iterator[dg.DagsterInstance]:
    with open_instance() as instance:
        yield instance
