"""Exit statuses, errors on one line, help."""

from pathlib import Path

import pytest

from inventory_pipeline.core.redaction import redact
from inventory_pipeline.environment import load_environment
from inventory_pipeline_tests.cli.conftest import Cli, command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "No such command 'nope' (see inventory-pipeline --help)"),
        (["stores"], "Missing command (see inventory-pipeline stores --help)"),
        (["sync-log", "--nope"], "No such option: --nope (Possible options: --store) (see inventory-pipeline sync-log --help)"),
        (["sync-log", "--limit", "many"], "Invalid value for '--limit'"),
        (["stores", "show", "nope"], "no store 'nope' is registered; `inventory-pipeline stores list` shows them"),
    ],
)
def test_wrong_usage_is_one_line_with_the_way_out_and_status_2(cli: Cli, arguments: list[str], message: str) -> None:
    result = cli(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"inventory-pipeline: {message}")
    assert result.stderr.count("\n") == 1


def test_a_bad_variable_names_itself(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_LOG_LEVEL", "LOUD")
    result = cli("stores", "list")
    assert result.exit_code == 2
    assert "INVENTORY_LOG_LEVEL" in result.stderr


def test_an_unexpected_error_is_one_line_and_its_traceback_only_with_debug(cli: Cli, data_dir: Path) -> None:
    redact.add("hidden-password-1")
    (data_dir / "inventory.db").write_text("not a database: hidden-password-1")
    result = cli("stores", "list")
    assert result.exit_code == 1
    assert result.stderr.startswith("inventory-pipeline: unexpected DatabaseError: ")
    assert result.stderr.count("\n") == 1
    result = cli("--debug", "stores", "list")
    assert "Traceback" in result.stderr
    assert "hidden-password-1" not in result.output


def test_without_a_command_it_shows_what_there_is(cli: Cli) -> None:
    result = cli()
    assert result.exit_code == 0
    for name in ("stores", "credentials", "sync-all-stores", "sync-log", "stock", "platforms", "doctor", "demo", "dev"):
        assert name in result.stdout


def test_help_costs_neither_dagster_nor_the_database() -> None:
    """Dagster takes seconds to import; a command that does not need it must not pay."""
    process = command("stores", "--help")
    shown, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert "purge" in shown


def test_verbose_and_the_variable_show_what_is_done(cli: Cli, monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    log = data_dir / "logs" / "inventory_pipeline.log"
    cli("stores", "list")
    assert not log.exists()
    (data_dir / "inventory.db").write_text("not a database")
    cli("--verbose", "stores", "list")
    assert "Traceback" in log.read_text()
    log.unlink()
    monkeypatch.setenv("INVENTORY_LOG_LEVEL", "DEBUG")
    cli("stores", "list")
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize("name", ["INVENTORY_DATABASE_URL", "INVENTORY_DAGSTER_DATABASE_URL"])
@pytest.mark.parametrize("port", ["abc", "99999", "0", ""])
def test_a_port_that_is_no_number_is_named_and_the_password_is_not(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, port: str
) -> None:
    monkeypatch.setenv(name, f"postgresql://lena:hunter:22@db.example:{port}/stock")
    result = cli("stores", "list")
    assert result.exit_code == 2
    assert result.stderr == f"inventory-pipeline: {name}: the port {port!r} is no number from 1 to 65535, such as 5432\n"


@pytest.mark.parametrize(
    "url", ["postgresql://a:b@h/x", "postgresql://a:b/c@h/x", "postgresql://a:b:c@h:5432/x", "postgresql://[::1]:5432/x?a=b:c"]
)
def test_a_usable_address_of_a_database_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("INVENTORY_DATABASE_URL", url)
    assert load_environment().database_url == url


def test_a_folder_that_cannot_be_made_is_named_with_the_way_out(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVENTORY_DATA_DIR", "/proc/no/such")
    for arguments in (("stores", "list"), ("sync-all-stores",)):
        result = cli(*arguments)
        assert result.exit_code in (1, 2)
        assert "/proc/no" in result.stderr
        assert "set INVENTORY_DATA_DIR to another folder" in result.stderr
