"""Log lines: where they go, at which level, without secrets, from many processes at once."""

import io
import logging
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path

import pytest

from inventory_pipeline.core.redaction import redact
from inventory_pipeline.environment import Environment, load_environment
from inventory_pipeline.logs import LOGGER, configure_logging

http = logging.getLogger(f"{LOGGER}.http")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    yield replace(load_environment(), data_dir=tmp_path / "data", log_level="INFO")
    logger = logging.getLogger(LOGGER)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(logging.NOTSET)


def lines_of(environment: Environment) -> list[str]:
    return environment.log_file.read_text().splitlines()


def test_request_lines_are_written_only_at_debug(environment: Environment) -> None:
    configure_logging(environment)
    http.debug("GET https://shop.example/ 200")
    http.info("kept")
    assert [line.split("] ")[1] for line in lines_of(environment)] == ["kept"]
    configure_logging(replace(environment, log_level="DEBUG"))
    http.debug("GET https://shop.example/ 200")
    assert lines_of(environment)[-1].endswith("GET https://shop.example/ 200")


def test_verbose_shows_request_lines_on_standard_error_too(environment: Environment) -> None:
    shown = io.StringIO()
    with redirect_stderr(shown):
        configure_logging(environment, console=True)
        http.info("not on the console")
        http.warning("a warning")
        configure_logging(environment, console=True, verbose=True)
        http.debug("GET https://shop.example/ 200")
    assert shown.getvalue() == "WARNING a warning\nDEBUG GET https://shop.example/ 200\n"


def test_each_line_says_when_in_utc_and_which_process(environment: Environment) -> None:
    configure_logging(environment)
    http.info("hello")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO inventory_pipeline\.http \[\d+\] hello", lines_of(environment)[0]
    )


def test_secrets_leave_neither_message_nor_arguments_nor_traceback(environment: Environment) -> None:
    redact.add("cs_very_secret_value")
    configure_logging(environment)
    try:
        raise ValueError("refused cs_very_secret_value")
    except ValueError:
        http.exception("with cs_very_secret_value and %s", "https://u:pw@shop.example/?consumer_secret=abc")
    text = environment.log_file.read_text()
    assert "ValueError: refused ***" in text
    assert "with *** and https://***@shop.example/?consumer_secret=***" in text
    assert "cs_very_secret_value" not in text


def test_a_handler_added_by_someone_else_sees_the_redacted_record(environment: Environment) -> None:
    redact.add("cs_very_secret_value")
    seen: list[str] = []

    class Capture(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    logger = logging.getLogger(LOGGER)
    logger.addHandler(Capture())  # as Dagster does for a run, before the run's body configures logging
    configure_logging(environment)
    http.info("value %s", "cs_very_secret_value")
    assert seen == ["value ***"]


def test_a_message_from_outside_cannot_forge_a_second_line(environment: Environment) -> None:
    configure_logging(environment)
    http.warning("Not found\n2026-01-01 ERROR forged \x1b[31m")
    assert len(lines_of(environment)) == 1
    assert "\x1b" not in lines_of(environment)[0]


def test_configuring_again_replaces_and_never_doubles(environment: Environment) -> None:
    configure_logging(environment)
    configure_logging(environment)
    http.info("once")
    assert len(lines_of(environment)) == 1


def test_a_folder_that_cannot_be_made_is_said_once_and_sinks_nothing(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    shown = io.StringIO()
    with redirect_stderr(shown):
        configure_logging(replace(environment, data_dir=tmp_path / "a-file"))
        http.info("one")
        http.info("two")
    assert shown.getvalue().count("no log lines are kept") == 1
    assert "INVENTORY_DATA_DIR" in shown.getvalue()


def test_several_processes_rotate_one_file_without_losing_a_line(environment: Environment) -> None:
    writer = (
        "import logging, sys\n"
        "from dataclasses import replace\n"
        "from pathlib import Path\n"
        "from inventory_pipeline import logs\n"
        "from inventory_pipeline.environment import load_environment\n"
        "logs.FILE_BYTES, logs.FILES_KEPT = 4_000, 1_000\n"
        "logs.configure_logging(replace(load_environment(), data_dir=Path(sys.argv[1])))\n"
        "for number in range(200):\n"
        "    logging.getLogger('inventory_pipeline.http').info('%s-%d', sys.argv[2], number)\n"
    )
    command = [sys.executable, "-c", writer, str(environment.data_dir)]
    processes = [subprocess.Popen([*command, name]) for name in "abc"]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    files = [file for file in environment.log_file.parent.iterdir() if not file.name.endswith(".lock")]
    written = Counter(line.split("] ")[1] for file in files for line in file.read_text().splitlines())
    assert len(files) > 5
    assert written == Counter(f"{name}-{number}" for name in "abc" for number in range(200))


def test_a_process_follows_a_rotation_made_by_another(environment: Environment) -> None:
    configure_logging(environment)
    http.info("before")
    environment.log_file.rename(environment.log_file.with_suffix(".log.1"))
    http.info("after")
    assert [line.split("] ")[1] for line in lines_of(environment)] == ["after"]


def test_importing_the_module_installs_no_handler() -> None:
    check = "import logging, inventory_pipeline.logs; assert not logging.getLogger('inventory_pipeline').handlers"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
