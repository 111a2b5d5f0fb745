"""Clocks: the machine's, and one that moves only by hand."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from rbtlive.runtime.clock import SystemClock, VirtualClock

START = datetime(2020, 1, 2, 21, tzinfo=UTC)


def test_the_system_clock_tells_aware_utc_and_steady_intervals():
    clock = SystemClock()

    before_us, now, before_ns = clock.now_us(), clock.now(), clock.monotonic_ns()

    assert now.tzinfo is UTC
    assert before_us <= (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert clock.monotonic_ns() >= before_ns
    asyncio.run(clock.sleep(-1))


def test_a_virtual_clock_stands_still_until_it_is_moved():
    clock = VirtualClock(START)

    assert (clock.now(), clock.monotonic_ns()) == (START, 0)
    clock.advance(1.5)

    assert clock.now() == START + timedelta(seconds=1.5)
    assert clock.monotonic_ns() == 1_500_000_000


def test_a_jump_moves_the_time_of_day_but_no_interval():
    clock = VirtualClock(START)

    clock.jump(-3600)

    assert clock.now() == START - timedelta(hours=1)
    assert clock.monotonic_ns() == 0


def test_sleepers_wake_in_order_of_their_due_time():
    async def scenario():
        clock, woken = VirtualClock(START), []

        async def sleeper(name, delay_s):
            await clock.sleep(delay_s)
            woken.append((name, clock.monotonic_ns() // 10**9))

        tasks = [
            asyncio.create_task(sleeper(*entry))
            for entry in (("c", 3), ("a", 1), ("b", 1), ("now", 0))
        ]
        tasks.append(asyncio.create_task(sleeper("cancelled", 2)))
        await asyncio.sleep(0)
        tasks[-1].cancel()
        await asyncio.sleep(0)
        while clock.advance_to_next():
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return woken

    assert asyncio.run(scenario()) == [("now", 0), ("a", 1), ("b", 1), ("c", 3)]


def test_a_virtual_clock_does_not_run_backwards_and_needs_an_aware_start():
    with pytest.raises(ValueError, match="must not be negative"):
        VirtualClock(START).advance(-1)
    with pytest.raises(ValueError, match="time zone"):
        VirtualClock(datetime(2020, 1, 2))  # noqa: DTZ001
