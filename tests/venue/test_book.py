"""The book keeps orders, money and positions by the same rules as everything else, and
the same inputs give the same book.
"""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from rbtlive.data.calendars.calendar import datetime_of
from rbtlive.data.samples import load_sample
from rbtlive.finance.commission import NoCommission
from rbtlive.finance.slippage import FixedBasisPointsSlippage, NoSlippage
from rbtlive.venue.bars import VenueMarket
from rbtlive.venue.book import VenueBook
from rbtlive.venue.faults import Fault, Faults
from rbtlive.venue.order_requests import OrderRequest, Refused
from rbtlive.venue.shapes import activity_shape, order_shape, position_shape
from rbtlive.venue.venue_clock import VenueClock

PORTAL = load_sample("us-daily")


class Desk:
    """A book, and what it reported; time passes a second an input."""

    def __init__(self, *, start="2005-01-03", slippage=None, fills="now", cash=100_000):
        from datetime import date

        market = VenueMarket(
            PORTAL, frequency="1d", start=date.fromisoformat(start), lot_size=Decimal("1E-9")
        )
        market.step()
        self.updates = []
        self.book = VenueBook(
            market,
            book_id=UUID(int=7),
            cash=Decimal(cash),
            slippage=slippage or NoSlippage(),
            commission=NoCommission(),
            fills=fills,
            on_update=self.updates.append,
        )
        self.now = datetime_of(market.now_us)

    def place(self, client_id, amount, *, symbol="IBM", tif="gtc", limit=None, stop=None):
        kind = {(0, 0): "market", (1, 0): "limit", (0, 1): "stop", (1, 1): "stop_limit"}[
            limit is not None, stop is not None
        ]
        amount = Decimal(amount)
        ticket = OrderRequest(
            client_order_id=client_id,
            symbol=symbol,
            qty=abs(amount),
            side="buy" if amount > 0 else "sell",
            type=kind,
            time_in_force=tif,
            limit_price=limit and Decimal(limit),
            stop_price=stop and Decimal(stop),
        )
        self.book.check(ticket)
        self.now += timedelta(seconds=1)
        return self.book.place(ticket, self.now)

    def advance(self, days=1):
        for _day in range(days):
            self.now = datetime_of(self.book.market.next_end_us)
            self.book.advance(self.now)

    def events(self):
        return [(u.order.request.client_order_id, u.event) for u in self.updates]


def test_an_order_fills_at_once_or_with_the_next_bar():
    at_once, later = Desk(), Desk(fills="next")

    assert at_once.place("a", 5).average_price == Decimal("97.75")
    waiting = later.place("a", 5)
    assert waiting.is_open
    later.advance()

    assert at_once.events() == later.events() == [("a", "new"), ("a", "fill")]
    assert waiting.average_price != Decimal("97.75")


def test_an_order_larger_than_the_market_fills_in_parts():
    desk = Desk(slippage=FixedBasisPointsSlippage(basis_points=0, volume_limit=0.0001))

    order = desk.place("a", 1500)
    desk.advance(2)

    shares = [execution.cumulative for execution in order.executions]
    assert len(shares) == 3
    assert shares == sorted(shares)
    assert desk.events()[:3] == [("a", "new"), ("a", "partial_fill"), ("a", "partial_fill")]
    assert [e.leaves for e in order.executions] == [1500 - done for done in shares]
    assert [Decimal(activity_shape(e)["cum_qty"]) for e in order.executions] == shares
    assert len({execution.id for execution in order.executions}) == 3


def test_a_day_order_expires_with_its_session_and_another_does_not():
    desk = Desk()
    desk.place("day", 1, limit="50", tif="day")
    desk.place("gtc", 1, limit="50")

    desk.advance()

    assert desk.events() == [("day", "new"), ("gtc", "new"), ("day", "expired")]
    assert [o.request.client_order_id for o in desk.book.open_orders()] == ["gtc"]
    assert (
        order_shape(desk.book, desk.book.by_client_id("day"))["expired_at"]
        == "2005-01-04T21:00:00Z"
    )


def test_a_cancelled_order_fills_no_more_and_a_filled_one_is_not_cancelled():
    desk = Desk()
    resting, filled = desk.place("a", 1, limit="50"), desk.place("b", 1)

    desk.book.cancel(resting, desk.now)
    desk.book.cancel(filled, desk.now)

    assert desk.events()[-1] == ("a", "canceled")
    assert order_shape(desk.book, filled)["status"] == "filled"


def test_splits_restate_orders_and_positions():
    desk = Desk(start="2005-02-25")
    desk.place("held", 10, symbol="AAPL")
    desk.place("resting", 10, symbol="AAPL", limit="50")

    desk.advance()  # two for one on 2005-02-28

    (position,) = desk.book.portfolio
    assert position.amount == 20
    assert position_shape(desk.book, position)["qty"] == "20"
    resting = order_shape(desk.book, desk.book.by_client_id("resting"))
    assert (resting["qty"], resting["status"]) == ("20", "new")
    assert desk.book.portfolio.conservation_error() == 0


def test_dividends_are_paid_to_holders():
    desk = Desk(start="2005-02-04")
    desk.place("a", 100)
    before = desk.book.portfolio.cash

    desk.advance(3)  # IBM pays 0.18 a share, ex 2005-02-08

    assert desk.book.portfolio.cash - before == 18


def test_the_same_inputs_give_the_same_book():
    def story():
        desk = Desk(slippage=FixedBasisPointsSlippage())
        for day in range(20):
            desk.place(f"m{day}", 10 if day % 3 else -7, symbol="AAPL" if day % 2 else "IBM")
            desk.place(f"l{day}", 5, limit="90", tif="day")
            desk.advance()
        book = desk.book
        return (
            [order_shape(book, o) for o in book.orders.values()],
            [activity_shape(e) for e in book.executions],
            book.equity(),
        )

    assert story() == story()


@pytest.mark.parametrize(
    ("amount", "facts", "words"),
    [
        (1, {"symbol": "NONE"}, "not found"),
        (1, {"symbol": "FB"}, "no price yet"),
        (3000, {}, "insufficient buying power"),
        (-3000, {}, "insufficient buying power"),
    ],
)
def test_what_cannot_be_placed_is_refused(amount, facts, words):
    with pytest.raises(Refused, match=words):
        Desk().place("a", amount, **facts)


def test_resting_orders_reserve_buying_power_and_closing_needs_none():
    desk = Desk()
    desk.place("a", 1000, limit="97")

    with pytest.raises(Refused, match="insufficient buying power"):
        desk.place("b", 1500)
    desk.place("c", 1000)
    desk.place("d", -1000)

    assert desk.events()[-1] == ("d", "fill")


def test_nothing_is_known_before_it_is_over():
    desk = Desk()
    market = desk.book.market

    known = market.history(["IBM"], frequency="1d", start=None, end=None)

    assert str(known[-1].start.date()) == "2005-01-03"
    desk.advance()
    assert len(market.history(["IBM"], frequency="1d", start=None, end=None)) == len(known) + 1


def test_a_clock_with_a_speed_runs_and_one_without_stands():
    now_s = [100.0]
    running = VenueClock(1_000_000, speed=60.0, monotonic_s=lambda: now_s[0])
    standing = VenueClock(1_000_000, speed=None, monotonic_s=lambda: now_s[0])

    now_s[0] += 2

    assert running.now_us() == 1_000_000 + 120_000_000
    assert running.wait_s(running.now_us() + 60_000_000) == 1.0
    assert (standing.now_us(), standing.wait_s(5)) == (1_000_000, None)
    assert [standing.stamp_us() for _ in range(3)] == [1_000_001, 1_000_002, 1_000_003]
    assert standing.set(2_000_000) == 2_000_000
    assert standing.set(5) == 2_000_001


def test_faults_strike_by_their_seed_and_count():
    def struck(**facts):
        fault = Fault(kind="error", where="submit", **facts)
        return [fault.strikes() for _ in range(50)]

    assert (
        struck(probability=0.5, seed=1)
        == struck(probability=0.5, seed=1)
        != struck(probability=0.5, seed=2)
    )
    assert sum(struck(count=3)) == 3
    assert not any(struck(probability=0.0))


def test_faults_strike_at_their_place_only():
    faults = Faults()
    faults.switch(
        [
            {"kind": "error", "where": "submit"},
            {"kind": "drop", "where": "trade_updates", "event": "fill"},
        ]
    )

    assert [f.kind for f in faults.at_request("submit")] == ["error"]
    assert faults.at_request("orders") == []
    assert faults.at_message("trade_updates", "new") == []
    assert [f.kind for f in faults.at_message("trade_updates", "fill")] == ["drop"]
