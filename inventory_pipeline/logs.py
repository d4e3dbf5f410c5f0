"""Where log lines go: a rotating file that every process shares, and standard error for the command line.

Importing this module installs nothing. `configure_logging` is cheap and may be called again: in a new process, at the
start of each run, with other settings.
"""

import fcntl
import logging
import os
import sys
import time
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from inventory_pipeline.core.redaction import redact
from inventory_pipeline.core.text import one_line
from inventory_pipeline.environment import Environment
from inventory_pipeline.private_files import make_file, make_folder

LOGGER = "inventory_pipeline"
FILE_BYTES = 10_000_000
FILES_KEPT = 5
# A message is one line and not a page: a remote server's text must not be able to forge or flood the log.
MESSAGE_LENGTH = 4_000


def configure_logging(environment: Environment, *, console: bool = False, verbose: bool = False) -> None:
    """Sends the project's log lines to `environment.log_file`, and with `console` to standard error as well.

    `verbose` means DEBUG, whatever INVENTORY_LOG_LEVEL says. The console shows warnings, and everything at DEBUG.
    A file that cannot be written is said once on standard error; it never sinks what is being logged.
    """
    level = "DEBUG" if verbose else environment.log_level
    handlers: list[logging.Handler] = [_RedactInPlace()]
    if console:
        handlers.append(_StandardError("DEBUG" if level == "DEBUG" else "WARNING"))
    handlers.append(_SharedFile(environment.log_file))
    logger = logging.getLogger(LOGGER)
    others = [handler for handler in logger.handlers if not isinstance(handler, _Ours)]
    for handler in set(logger.handlers) - set(others):
        handler.close()
    # Ours stand first: what Dagster captures for the run's page has then been redacted already.
    logger.handlers[:] = [*handlers, *others]
    logger.setLevel(level)


class _Ours(logging.Handler):
    """Marks the handlers that a new call of `configure_logging` replaces."""


class _RedactInPlace(_Ours):
    """Not a destination: takes the secrets out of message, arguments and exception text for every handler after it."""

    def emit(self, record: logging.LogRecord) -> None:
        record.msg = one_line(redact(record.getMessage()), MESSAGE_LENGTH)
        record.args = None
        if record.exc_info:
            record.exc_text = redact(_LINES.formatException(record.exc_info))
            record.exc_info = None


class _StandardError(_Ours, logging.StreamHandler[TextIO]):
    """Writes to whatever `sys.stderr` is at that moment: a progress bar takes it over while it is shown."""

    def __init__(self, level: str) -> None:
        super().__init__(sys.stderr)
        self.setLevel(level)
        self.setFormatter(logging.Formatter("%(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _SharedFile(_Ours, RotatingFileHandler):
    """One file for many processes: each line is written under a file lock, after following another's rotation."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True)
        self.setFormatter(_LINES)
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            make_folder(Path(self.baseFilename).parent)
            # Opened for each line: a descriptor kept over a fork would share its lock with the child.
            lock_file = Path(f"{self.baseFilename}.lock")
            make_file(lock_file)
            with lock_file.open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._follow_rotation()
                super().emit(record)
        except OSError:
            self.handleError(record)

    def _open(self) -> TextIOWrapper:
        make_file(self.baseFilename)
        return super()._open()

    def _follow_rotation(self) -> None:
        if self.stream is None:
            return
        file = Path(self.baseFilename)
        if not file.exists() or not os.path.samestat(file.stat(), os.fstat(self.stream.fileno())):
            self.stream.close()
            self.stream = self._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the standard library's signature
        """A full disk or a read-only folder costs log lines, and says so once."""
        if not self._told:
            self._told = True
            sys.stderr.write(f"WARNING no log lines are kept: {sys.exc_info()[1]}; mend it, or set INVENTORY_DATA_DIR\n")


class _Lines(logging.Formatter):
    converter = time.gmtime
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


_LINES = _Lines("%(asctime)s %(levelname)s %(name)s [%(process)d] %(message)s")
