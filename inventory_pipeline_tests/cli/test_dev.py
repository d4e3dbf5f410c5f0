"""`inventory-pipeline dev`: `dagster dev` of this checkout, from any folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from inventory_pipeline.cli.demo_dagster import free_port, wait_until, web_ui_answers
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.defs.integrations.first_sync import daemon_is_running
from inventory_pipeline_tests.cli.conftest import Cli, processes_on

PATIENCE = 240.0


def test_it_starts_dagster_on_this_projects_history_from_any_folder(cli: Cli, data_dir: Path, tmp_path: Path) -> None:
    port = free_port()
    script = Path(sys.executable).with_name("inventory-pipeline")
    process = subprocess.Popen(
        [script, "dev", "--port", str(port)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert wait_until(lambda: web_ui_answers(f"http://127.0.0.1:{port}"), PATIENCE)
        with open_instance() as instance:
            assert wait_until(lambda: daemon_is_running(instance), PATIENCE), "its daemon beats in another history"
        assert "a Dagster daemon is running" in cli("doctor").stdout
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    assert wait_until(lambda: not processes_on(data_dir), 60)
