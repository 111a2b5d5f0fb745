"""Time on a virtual loop: it jumps, it keeps order, and it says when nothing can happen
any more.
"""

import asyncio
from datetime import timedelta

import pytest

from rbtlive.runtime.clock import VirtualClock
from tests.simulation.virtual_loop import NothingLeftToDoError, run_virtually


def test_sleepers_wake_in_the_order_of_their_time_and_nobody_waits():
    clock, woken = VirtualClock(), []
    began = clock.now()

    async def sleeper(name, delay_s):
        await asyncio.sleep(delay_s)
        woken.append((name, round(asyncio.get_running_loop().time(), 3)))

    async def all_of_them():
        await asyncio.gather(sleeper("late", 86_400), sleeper("soon", 0.5), sleeper("then", 30))

    run_virtually(all_of_them(), clock)

    assert woken == [("soon", 0.5), ("then", 30.0), ("late", 86_400.0)]
    assert abs(clock.now() - began - timedelta(days=1)) < timedelta(milliseconds=1)


def test_a_deadline_passes_in_virtual_time():
    async def too_long():
        async with asyncio.timeout(5):
            await asyncio.sleep(3600)

    with pytest.raises(TimeoutError):
        run_virtually(too_long(), VirtualClock())


def test_a_loop_in_which_nothing_can_happen_any_more_says_so():
    async def for_ever():
        await asyncio.get_running_loop().create_future()

    with pytest.raises(NothingLeftToDoError, match="no timer is set"):
        run_virtually(for_ever(), VirtualClock())
