"""Each rule of the broker that docs/venue.md lists: the venue says no in its words, and
lets by what is on the right side of it.
"""

import re
from decimal import Decimal
from pathlib import Path

from rbtlive.venue.bars import VenueMarket
from rbtlive.venue.rules import DayTrades
from tests.venue.process import VenueProcess
from tests.venue.test_book import Desk

ROOT = Path(__file__).parents[2]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def refused(answer, status, words):
    assert answer[0] == status
    assert words in answer[1]["message"]


def limit(venue, client_id, price, **facts):
    return venue.place(client_id, type="limit", limit_price=price, **facts)


def test_no_order_goes_through_zero_and_reserved_shares_are_not_free(venue):
    venue.place("held", qty="10")

    refused(venue.place("through", qty="11", side="sell"), 403, "insufficient qty available")
    assert limit(venue, "reserves", "200", qty="6", side="sell")[0] == 200
    refused(venue.place("taken", qty="5", side="sell"), 403, "available: 4")
    assert venue.place("free", qty="4", side="sell")[0] == 200


def test_orders_that_could_trade_with_each_other_are_refused(venue):
    limit(venue, "bid", "50")

    refused(venue.place("sale", side="sell"), 403, "potential wash trade detected")
    refused(limit(venue, "at bid", "50", side="sell"), 403, "potential wash trade detected")
    assert limit(venue, "above", "200", side="sell")[0] == 200


def test_prices_finer_than_the_tick_are_refused(venue):
    refused(limit(venue, "fine", "50.001"), 422, "sub-penny increment")
    refused(limit(venue, "finer", "0.50001"), 422, "sub-penny increment")
    assert limit(venue, "cents", "50.01")[0] == 200
    assert limit(venue, "below a dollar", "0.5001")[0] == 200


def test_parts_of_a_share_are_for_the_day_and_never_short(venue):
    refused(venue.place("gtc", qty="0.5"), 422, "fractional orders must be DAY orders")
    refused(
        venue.place("short", qty="0.5", side="sell", time_in_force="day"),
        403,
        "fractional orders cannot be sold short",
    )
    assert venue.place("day", qty="0.5", time_in_force="day")[0] == 200


def test_money_in_place_of_shares_is_for_market_orders_of_the_day(venue):
    money = {"qty": None, "notional": "100"}
    words = "notional orders must be market orders for the day"

    refused(venue.place("gtc", **money), 422, words)
    refused(limit(venue, "limit", "50", time_in_force="day", **money), 422, words)
    assert venue.place("day", time_in_force="day", **money)[0] == 200


def test_extended_hours_take_limit_orders_of_the_day_only(venue):
    words = "extended hours order must be DAY limit orders"

    refused(venue.place("market", time_in_force="day", extended_hours=True), 422, words)
    refused(limit(venue, "gtc", "50", extended_hours=True), 422, words)
    assert limit(venue, "day", "50", time_in_force="day", extended_hours=True)[0] == 200


def test_an_order_that_opens_a_short_counts_with_three_percent_more(venue):
    refused(venue.place("short", qty="2040", side="sell"), 403, "insufficient buying power")
    assert venue.place("long", qty="2040")[0] == 200


def test_the_fourth_day_trade_of_a_small_account_is_refused(venue):
    venue.control("cash", {"kind": "fee", "amount": "-80000"})
    venue.advance()
    for trade in range(3):
        assert venue.place(f"in {trade}", qty="1")[0] == 200
        assert venue.place(f"out {trade}", qty="1", side="sell")[0] == 200
        venue.advance()
    venue.place("in", qty="1")

    refused(venue.place("out", qty="1", side="sell"), 403, "pattern day trading protection")
    venue.advance()
    assert venue.place("tomorrow", qty="1", side="sell")[0] == 200


def test_each_round_trip_of_a_session_is_a_day_trade_and_each_part_of_one_is_not():
    trades = DayTrades()
    for _ in range(2):
        for before, amount in ((0, 10), (10, -4), (6, -6)):
            trades.note("IBM", 7, before=Decimal(before), amount=Decimal(amount))

    assert trades.count(7) == 2

    trades.note("IBM", 7, before=Decimal(0), amount=Decimal(5))
    trades.note("IBM", 8, before=Decimal(5), amount=Decimal(-5))  # held over night

    assert trades.count(8) == 2


def test_an_account_that_is_blocked_places_no_order_until_it_is_freed(venue):
    venue.control("account", {"account_blocked": True})
    refused(venue.place("blocked"), 403, "account is restricted from trading")
    venue.control("account", {"account_blocked": False, "status": "ACCOUNT_UPDATED"})
    refused(venue.place("inactive"), 403, "account is restricted from trading")
    venue.control("account", {"status": "ACTIVE", "trade_suspended_by_user": True})
    refused(venue.place("suspended"), 403, "new orders are rejected by user request")
    assert venue.control("account", {"balance": 5})["code"] == 40010001
    venue.control("restart")
    refused(venue.place("remembered"), 403, "new orders are rejected by user request")

    venue.control("account", {"trade_suspended_by_user": False})

    assert venue.place("freed")[0] == 200


def test_what_is_hard_to_borrow_is_not_sold_short():
    venue = VenueProcess("--start", "2005-01-03", "--hard-to-borrow", "IBM")
    try:
        refused(venue.place("short", side="sell"), 422, "cannot be sold short")
        assert venue.place("long")[0] == 200
        assert venue.place("other", side="sell", symbol="AAPL")[0] == 200
    finally:
        assert venue.stop() == ""


def test_a_reverse_split_pays_the_fraction_in_cash(monkeypatch):
    desk = Desk()
    desk.place("held", 10)
    before = desk.book.portfolio.cash
    (held,) = desk.book.portfolio
    monkeypatch.setattr(VenueMarket, "splits", lambda _market: [(held.asset, Decimal(4))])

    desk.advance()

    price = desk.book.market.price(held.asset)
    (paid,) = desk.book.activities
    assert desk.book.portfolio.amount_of(held.asset) == 2
    assert (paid.code, paid.symbol, paid.amount) == ("CIL", "IBM", price / 2)
    assert desk.book.portfolio.cash - before == price / 2


def test_a_dividend_is_debited_from_who_is_short():
    desk = Desk(start="2005-02-04")
    desk.place("short", -100)
    before = desk.book.portfolio.cash

    desk.advance(3)  # IBM pays 0.18 a share, ex 2005-02-08

    assert desk.book.portfolio.cash - before == -18


def test_each_rule_of_the_page_has_a_source_and_tests_that_exist():
    page = (ROOT / "docs/venue.md").read_text(encoding="utf-8")
    table = page.partition("## The broker's rules")[2].partition("## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]

    assert len(rows) >= 18
    for row in rows:
        *_, source, tests = [cell.strip() for cell in row.strip("|").split(" | ")]
        named = TEST.findall(tests)
        assert "](https://" in source, row
        assert named, row
        for path, name in named:
            assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), (path, name)
