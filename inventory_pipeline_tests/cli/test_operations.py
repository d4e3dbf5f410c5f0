"""What docs/operations.md says of running it for good, done as it stands there."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inventory_pipeline.cli.demo_dagster import wait_until
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.defs.integrations.first_sync import daemon_is_running
from inventory_pipeline.environment import PROJECT_ROOT
from inventory_pipeline_tests.cli.conftest import processes_on

OPERATIONS = (PROJECT_ROOT / "docs" / "operations.md").read_text()
PATIENCE = 240.0


def test_the_daemon_runs_with_no_more_than_the_document_gives_it(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    (block,) = re.findall(r"```sh\n([^`]*dagster-daemon run[^`]*)```", OPERATIONS)
    lines = [line for line in block.splitlines() if not line.startswith("dagster-webserver")]
    process = subprocess.Popen(
        ["bash", "-ec", "\n".join(lines)],
        cwd=PROJECT_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with open_instance() as instance:
            assert wait_until(lambda: daemon_is_running(instance) or process.poll() is not None, PATIENCE)
            assert process.poll() is None, "the daemon has ended by itself"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    assert wait_until(lambda: not processes_on(data_dir), 60)
