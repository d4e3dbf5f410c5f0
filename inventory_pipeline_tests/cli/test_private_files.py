"""What lies in the data folder is its owner's alone, whatever the umask and whoever wrote it."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory_pipeline import logs
from inventory_pipeline.db.database import Database
from inventory_pipeline.environment import PROJECT_ROOT, load_environment
from inventory_pipeline.private_files import make_file, make_folder
from inventory_pipeline_tests.cli.conftest import Cli, command
from inventory_pipeline_tests.cli.test_doctor import findings
from inventory_pipeline_tests.modes import PRIVATE, modes_of


@pytest.fixture
def open_umask() -> Iterator[None]:
    """This process, and what it starts, would let everybody in."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that is not there yet, nor is the one above it."""
    folder = tmp_path / "srv" / "data"
    monkeypatch.setenv("INVENTORY_DATA_DIR", str(folder))
    return folder


@pytest.mark.usefixtures("open_umask")
def test_what_commands_and_dagsters_runs_write(new_folder: Path) -> None:
    add = ("stores", "add", "supplier", "--platform", "feed", "--url", "supplier.csv", "--setting", "settle_seconds=0")
    run(command(*add))
    make_folder(new_folder / "feeds")
    make_file(new_folder / "feeds" / "supplier.csv")
    (new_folder / "feeds" / "supplier.csv").write_text("sku,available\nA,1\n")
    run(command("sync-all-stores"))
    run(command("credentials", "rotate-key"))
    dagster = (sys.executable, "-m", "dagster", "asset", "materialize", "-m", "inventory_pipeline.definitions")
    chosen = ("--select", "inventory_snapshot", "--partition", "supplier")
    subprocess.run([*dagster, *chosen], cwd=PROJECT_ROOT, capture_output=True, check=True)
    assert len(list((new_folder / "dagster").rglob("*.db"))) >= 4
    assert (new_folder / "logs").is_dir()
    assert (new_folder / "secret.key").exists()
    assert modes_of(new_folder.parent) == PRIVATE


def run(process: "subprocess.Popen[str]") -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


@pytest.mark.usefixtures("open_umask")
def test_a_database_and_the_files_beside_it(new_folder: Path) -> None:
    database = Database(f"sqlite:///{new_folder / 'inventory.db'}")
    with database.begin():
        assert {path.name for path in new_folder.iterdir()} == {"inventory.db", "inventory.db-wal", "inventory.db-shm"}
        assert modes_of(new_folder.parent) == PRIVATE
    database.close()


@pytest.mark.usefixtures("open_umask")
def test_logs_and_those_they_are_rotated_to(new_folder: Path) -> None:
    logs.configure_logging(load_environment())
    (handler,) = (one for one in logging.getLogger(logs.LOGGER).handlers if isinstance(one, logs._SharedFile))
    handler.maxBytes = 100
    for number in range(5):
        logging.getLogger(f"{logs.LOGGER}.test").warning("line %d %s", number, "x" * 80)
    assert len(list((new_folder / "logs").iterdir())) >= 4
    assert modes_of(new_folder) == PRIVATE


@pytest.mark.usefixtures("open_umask")
def test_a_report_is_for_others_except_in_the_data_folder(cli: Cli, data_dir: Path, tmp_path: Path) -> None:
    for folder, mode in ((tmp_path, 0o644), (data_dir, 0o600)):
        cli("report", "--html", str(folder / "report.html"))
        assert (folder / "report.html").stat().st_mode & 0o777 == mode


def test_doctor_says_where_others_are_let_in_and_its_cure_cures(cli: Cli, data_dir: Path) -> None:
    (data_dir / "feeds").chmod(0o755)
    (data_dir / "inventory.db").chmod(0o640)
    found = findings(cli, 0)["privacy"]
    assert found["status"] == "warn"
    assert str(data_dir / "feeds") in found["detail"]
    assert str(data_dir / "inventory.db") in found["detail"]
    assert (data_dir / "feeds").stat().st_mode & 0o777 == 0o755, "what somebody may have chosen was changed"
    subprocess.run(found["cure"], shell=True, check=True)
    assert findings(cli, 0)["privacy"]["status"] == "ok"


def test_a_folder_that_is_there_stays_as_it_is(cli: Cli, data_dir: Path) -> None:
    (data_dir / "inventory.db").unlink()
    data_dir.chmod(0o750)
    assert cli("stores", "list").exit_code == 0
    assert cli("sync-log").exit_code == 0
    assert data_dir.stat().st_mode & 0o777 == 0o750
