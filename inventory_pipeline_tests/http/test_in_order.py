"""Looking ahead: bounded, in order, and gone when the reader goes."""

import asyncio
from contextlib import aclosing
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_pipeline.http.client import in_order


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(1, 5))
def test_results_come_in_order_whichever_job_is_quicker(yields: list[int], width: int) -> None:
    running = most = 0

    async def job(number: int, turns: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        event = asyncio.Event()
        for _ in range(turns):
            asyncio.get_running_loop().call_soon(event.set)
            await event.wait()
            event.clear()
        running -= 1
        return number

    async def collect() -> list[int]:
        return [result async for result in in_order((partial(job, *pair) for pair in enumerate(yields)), width)]

    assert asyncio.run(collect()) == list(range(len(yields)))
    assert most <= width


@pytest.mark.parametrize("how", ["left", "failed", "cancelled"])
def test_no_job_outlives_the_reader(how: str) -> None:
    async def job(number: int) -> int:
        if number == 1 and how == "failed":
            raise ValueError("one of them")
        if number:
            await asyncio.Event().wait()
        return number

    async def read() -> None:
        async with aclosing(in_order((partial(job, number) for number in range(9)), 4)) as results:
            async for _ in results:
                if how == "left":
                    return

    async def main() -> None:
        task = asyncio.create_task(read())
        if how == "cancelled":
            asyncio.get_running_loop().call_later(0.05, task.cancel)
        await asyncio.wait([task])
        assert asyncio.all_tasks() == {asyncio.current_task()}
        if how == "failed":
            assert isinstance(task.exception(), ValueError)

    asyncio.run(main())
