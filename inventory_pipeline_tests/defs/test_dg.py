"""Dagster's own command lines in the checkout: `dg`, and `dagster` beside it, with nothing set."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from inventory_pipeline.defs import names
from inventory_pipeline.defs.instance import open_instance
from inventory_pipeline.environment import PROJECT_ROOT

SCRIPTS = Path(sysconfig.get_path("scripts"))


def run(*command: str) -> str:
    ended = subprocess.run(
        [str(SCRIPTS / command[0]), *command[1:]], cwd=PROJECT_ROOT, env=os.environ, capture_output=True, text=True, timeout=180
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_dg_finds_the_definitions_and_no_fault_in_them(data_dir: Path) -> None:
    assert "All definitions loaded successfully" in run("dg", "check", "defs")


def test_dg_launches_a_job_into_the_one_history_and_with_its_home_set_dagster_sees_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("dg", "launch", "--job", "deliver_notices")
    with open_instance() as instance:
        assert [(run.job_name, run.is_finished) for run in instance.get_runs()] == [("deliver_notices", True)]
    monkeypatch.setenv("DAGSTER_HOME", str(PROJECT_ROOT))
    assert "deliver_notices" in run("dagster", "run", "list", "--limit", "1")


def test_dg_lists_what_people_type(data_dir: Path) -> None:
    listed = json.loads(run("dg", "list", "defs", "--json"))
    assert {job["name"] for job in listed["jobs"]} >= set(names.JOBS)
    assert {asset["asset_key"] for asset in listed["assets"]} == set(names.ASSETS)
