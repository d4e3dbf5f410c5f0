import sys
from pathlib import Path

import pytest

from inventory_pipeline_tests.live.node_server import CommandLine


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(Path(sys.executable).with_name("inventory-pipeline"), tmp_path / "data")
