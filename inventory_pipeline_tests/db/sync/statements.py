"""Acting at one moment inside a publish or a load: just before a statement that begins with given words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

# The middle of a publish: changes are written, levels are not yet.
WRITING_LEVELS = "INSERT INTO stock_levels"
# A comparison of the read with the levels.
COMPARING = "INSERT INTO stage_diff"
# An evaluation for alerts.
EVALUATING = "INSERT INTO alert_findings"


@contextmanager
def before(words: str, act: Callable[[], Any]) -> Iterator[None]:
    """Runs `act` before the first such statement, on the thread that runs the statement."""
    done = False

    def listen(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        nonlocal done
        if statement.startswith(words) and not done:
            done = True
            act()

    event.listen(sa.Engine, "before_cursor_execute", listen)
    try:
        yield
    finally:
        event.remove(sa.Engine, "before_cursor_execute", listen)
    assert done, f"no statement began with {words!r}"


@contextmanager
def instead(words: str, other: str) -> Iterator[None]:
    """Runs another statement, one without parameters, for each that begins so."""

    def replace(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> tuple[str, Any]:
        return (other, ()) if statement.startswith(words) else (statement, parameters)

    event.listen(sa.Engine, "before_cursor_execute", replace, retval=True)
    try:
        yield
    finally:
        event.remove(sa.Engine, "before_cursor_execute", replace)
