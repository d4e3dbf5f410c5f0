"""A signal ends asynchronous work wherever it lands, cleanup included, and the caller's handler has the last word."""

import asyncio
import os
import signal

import pytest

from inventory_pipeline.services.cancel import run_cancellable


class Interrupted(BaseException):
    """What a framework's handler raises."""


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def number(request: pytest.FixtureRequest):
    def handler(*_: object) -> None:
        raise Interrupted

    before = signal.signal(request.param, handler)
    yield request.param
    signal.signal(request.param, before)


def test_a_signal_inside_a_callback_still_ends_the_work(number: signal.Signals) -> None:
    cleaned: list[str] = []

    async def work() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)  # an exception raised here would be swallowed
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 10)
        finally:
            cleaned.append("cleaned")

    with pytest.raises(Interrupted):
        run_cancellable(work())
    assert cleaned == ["cleaned"]


def test_the_handlers_are_as_before_afterwards(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    async def work() -> int:
        return 7

    assert run_cancellable(work()) == 7
    assert signal.getsignal(number) is before


def test_an_error_of_the_work_itself_arrives_unchanged() -> None:
    async def work() -> None:
        raise ValueError("of its own")

    with pytest.raises(ValueError, match="of its own"):
        run_cancellable(work())
