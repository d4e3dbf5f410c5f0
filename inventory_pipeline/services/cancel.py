"""Asynchronous work that a signal ends at once, whatever code it lands in."""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_cancellable(work: Coroutine[Any, Any, Result]) -> Result:
    """`asyncio.run` for a main thread whose SIGINT and SIGTERM handlers raise, as Dagster's and Python's own do.

    An exception raised by a handler inside an event-loop callback is swallowed there and taken for a broken
    connection, so that a cancelled sync would retry and go on. Here the signal cancels the work, its cleanup runs,
    and only then is the handler called that was in place before.
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
