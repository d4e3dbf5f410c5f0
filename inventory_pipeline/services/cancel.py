"""Running asynchronous work so that SIGINT and SIGTERM end it at once."""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_cancellable(work: Coroutine[Any, Any, Result]) -> Result:
    """`asyncio.run` for a main thread whose SIGINT and SIGTERM handlers raise, as Dagster's and Python's own do.

    Without it, an exception that a handler raises inside a callback of the event loop is swallowed there or taken for a
    broken connection, so that a cancelled sync would retry and go on.

    1. While the work runs, the two signals cancel its task instead of calling their handlers.
    2. The work's cleanup runs.
    3. The handlers are put back, and called for the signals that came.
    """
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    caught: list[signal.Signals] = []

    async def watched() -> Result:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None

        def end(number: signal.Signals) -> None:
            caught.append(number)
            task.cancel()

        for number in handlers:
            loop.add_signal_handler(number, end, number)
        try:
            return await work
        finally:
            for number, handler in handlers.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        for number in caught:
            handlers[number](number, None)
        raise
