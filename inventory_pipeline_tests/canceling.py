"""A signal whose handler raises, and a statement that only such a thing ends."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

# A statement that does not end by itself within any test's time.
ENDLESS = {
    "sqlite": "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted) SELECT max(n) FROM counted",
    "postgresql": "SELECT pg_sleep(600)",
}


class Canceled(BaseException):
    """What Dagster's handler raises is no Exception either."""


class Signal:
    """A signal to this process whose handler raises in the main thread."""

    def __init__(self) -> None:
        self.raised_at = 0.0

    def handle(self, _number: int, _frame: object) -> None:
        self.raised_at = time.monotonic()
        raise Canceled

    def send(self) -> None:
        os.kill(os.getpid(), signal.SIGALRM)

    def send_soon(self) -> None:
        """Wherever the process is then."""
        signal.setitimer(signal.ITIMER_REAL, 0.2)

    @contextmanager
    def cancels(self) -> Iterator[None]:
        """The block must end by the cancel, and soon after it."""
        with pytest.raises(Canceled):
            yield
        assert time.monotonic() - self.raised_at < 2
