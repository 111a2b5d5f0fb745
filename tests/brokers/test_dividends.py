"""Dividends that the run's data pays and the broker reports: booked once, for what the
account got.
"""

import polars as pl
import pytest

from rbtlive.data.portal import PolarsDataPortal
from tests.builders import daily_frame, run, until
from tests.deck.cards import Holder, attached, days, looked
from tests.deck.memory_world import MemoryWorld

EX, PAID = 3, 5


def world_whose_data_pays(amount):
    world = MemoryWorld()
    label = [bars[0].timestamp.date() for bars in world.days]
    dividends = pl.DataFrame(
        {"symbol": ["AAA"], "ex_date": [label[EX]], "pay_date": [label[PAID]], "amount": [amount]}
    )
    world.portal = PolarsDataPortal(daily_frame(30), dividends=dividends)
    return world


def books_agree(session, world):
    return abs(session.portfolio.cash - world.account.cash) < 0.01


async def ended(session):
    said = [line for line in session.logs if "no activity explains" in line]
    state = session.trading_state
    await session.stop()
    assert (state, said) == ("running", [])


@pytest.mark.parametrize("at_broker", ["12.5", "8.75"])
@pytest.mark.parametrize("first", ["broker", "data"])
def test_a_dividend_of_the_data_is_booked_once_for_what_the_broker_paid(tmp_path, first, at_broker):
    async def play():
        world = world_whose_data_pays(1.25)
        session = await attached(world, tmp_path, Holder)
        await days(world, session, PAID - 1)
        await looked(session, 4)
        if first == "broker":
            await world.pay("dividend", at_broker, "AAA")
            await looked(session, 4)
        await days(world, session, 1)
        await looked(session, 4)
        if first == "data":
            await world.pay("dividend", at_broker, "AAA")
        await until(lambda: session.engine.failure or books_agree(session, world))
        await looked(session, 4)

        assert books_agree(session, world)
        await ended(session)

    run(play())


def test_the_tax_on_a_dividend_is_booked_though_it_comes_later(tmp_path):
    async def play():
        world = MemoryWorld()
        session = await attached(world, tmp_path, Holder)
        await days(world, session, 2)
        for amount in ("12.5", "-3.75", "0.4"):
            await world.pay("dividend", amount, "AAA")
            await looked(session, 3)

        await until(lambda: session.engine.failure or books_agree(session, world))
        await ended(session)

    run(play())


def test_a_dividend_that_was_booked_before_a_restart_is_not_matched_again(tmp_path):
    async def play():
        world = world_whose_data_pays(1.25)
        session = await attached(world, tmp_path, Holder)
        await days(world, session, PAID)
        await world.pay("dividend", "8.75", "AAA")
        await until(lambda: session.engine.failure or books_agree(session, world))
        await session.stop()
        await world.left()

        again = await attached(world, tmp_path, Holder)
        await looked(again, 3)
        await world.pay("dividend", "12.5", "AAA")  # the next one, which the data lacks
        await until(lambda: again.engine.failure or books_agree(again, world))
        await looked(again, 3)

        assert books_agree(again, world)
        await ended(again)

    run(play())
