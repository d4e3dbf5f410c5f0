from pathlib import Path

import pytest

from inventory_pipeline.db.database import Database
from inventory_pipeline.services.integrations.service import Integrations
from inventory_pipeline_tests.services.integrations.integrating import Workplace


@pytest.fixture
def workplace(database: Database, tmp_path: Path) -> Workplace:
    feed_dir = tmp_path / "feeds"
    feed_dir.mkdir()
    return Workplace(database, feed_dir)


@pytest.fixture
def integrations(workplace: Workplace) -> Integrations:
    return workplace.integrations
