"""Splits, stock dividends, new symbols, and what a run cannot book, as Alpaca tells
them and as they come to a run.
"""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from rbtlive.brokers.alpaca_account import AlpacaAccount
from rbtlive.brokers.alpaca_actions import read_corporate_actions
from rbtlive.brokers.alpaca_values import Untranslatable
from rbtlive.brokers.base import BrokerAction
from rbtlive.core.state.order import split_amount
from tests.builders import run, until
from tests.deck.cards import Holder, attached, days, looked, settled
from tests.deck.memory_world import MemoryWorld


def read(**kinds):
    return read_corporate_actions({"corporate_actions": kinds})


def test_splits_both_ways_and_stock_dividends_are_ratios():
    two_for_one = {
        "id": "f",
        "symbol": "AAA",
        "old_rate": 1,
        "new_rate": 2,
        "ex_date": "2024-01-04",
    }
    one_for_ten = {
        "id": "r",
        "symbol": "BBB",
        "old_rate": 10,
        "new_rate": 1,
        "ex_date": "2024-01-05",
    }
    stock = {"id": "s", "symbol": "CCC", "rate": 0.25, "ex_date": "2024-01-08"}

    found = read(
        forward_splits=[two_for_one], reverse_splits=[one_for_ten], stock_dividends=[stock]
    )

    assert [(s.symbol, s.ratio, s.ex_date.day) for s in found.splits] == [
        ("AAA", Decimal("0.5"), 4),
        ("BBB", Decimal(10), 5),
        ("CCC", Decimal("0.8"), 8),
    ]
    assert found.symbol_changes == found.others == []


def test_a_new_symbol_is_a_change_and_a_new_cusip_alone_is_none():
    change = {"id": "n", "old_symbol": "FB", "new_symbol": "META", "process_date": "2022-06-09"}
    cusip = {"id": "c", "old_symbol": "AAA", "new_symbol": "AAA", "process_date": "2022-06-09"}

    (found,) = read(name_changes=[change, cusip]).symbol_changes

    assert (found.symbol, found.new_symbol, found.effective) == ("FB", "META", date(2022, 6, 9))


@pytest.mark.parametrize(
    ("kind", "facts", "symbol", "text"),
    [
        ("spin_offs", {"source_symbol": "AAA", "new_symbol": "NEW", "ex_date": "2024-01-04"},
         "AAA", "spin-off of NEW from AAA"),
        ("stock_mergers", {"acquiree_symbol": "AAA", "acquirer_symbol": "BBB",
                           "effective_date": "2024-01-04"},
         "AAA", "stock merger of AAA into BBB"),
        ("cash_mergers", {"acquiree_symbol": "AAA", "effective_date": "2024-01-04"},
         "AAA", "cash merger: AAA is paid out"),
        ("worthless_removals", {"symbol": "AAA", "process_date": "2024-01-04"},
         "AAA", "removal of AAA as worthless"),
    ],
)  # fmt: skip
def test_what_a_run_cannot_book_is_named(kind, facts, symbol, text):
    (found,) = read(**{kind: [facts]}).others

    assert (found.symbol, found.text, found.effective) == (symbol, text, date(2024, 1, 4))


@pytest.mark.parametrize(
    "body",
    [[], {"corporate_actions": ["a"]}, {"corporate_actions": {"forward_splits": {"a": 1}}},
     {"corporate_actions": {"name_changes": [{"old_symbol": "A", "new_symbol": "B"}]}},
     {"corporate_actions": {"forward_splits": [{"symbol": "A", "old_rate": 0, "new_rate": 1,
                                                "ex_date": "2024-01-04"}]}}],
)  # fmt: skip
def test_an_answer_of_another_shape_says_nothing(body):
    with pytest.raises(Untranslatable):
        read_corporate_actions(body)


@pytest.mark.parametrize(
    ("amount", "old", "new", "whole"),
    [
        ("100", 2, 3, "150"),
        ("7.5", 2, 3, "11.25"),
        ("100", 1, 3, "300"),
        ("3", 3, 1, "1"),
        ("-100", 2, 3, "-150"),
        ("10", 3, 1, "3.333333333"),
    ],
)
def test_a_ratio_without_an_exact_decimal_loses_no_lot(amount, old, new, whole):
    found, _rest = split_amount(Decimal(amount), Decimal(old) / new, Decimal("1E-9"))

    assert found == Decimal(whole)


def test_a_merger_of_what_a_run_holds_halts_it_by_name(tmp_path):
    async def play():
        world = MemoryWorld()
        session = await attached(world, tmp_path, Holder)
        await days(world, session, 1)
        coming = world.days[world.at + 1][0].timestamp.date()
        world.account.others.append(
            BrokerAction(
                action_id="m", symbol="AAA", effective=coming, text="stock merger of AAA into BBB"
            )
        )
        session.engine.link._splits_session = -1
        await looked(session, 2)
        assert session.trading_state == "running"
        assert any("stock merger of AAA into BBB" in line for line in session.logs)
        await days(world, session, 1)
        await until(lambda: session.trading_state == "halted")

        reason = session.engine.core.state.halt_reason
        assert "corporate action" in reason
        assert "stock merger of AAA into BBB" in reason
        session.resume()
        await looked(session, 2)
        assert session.trading_state == "running"
        await session.stop()

    run(play())


def test_a_merger_of_weeks_ago_halts_no_session_that_begins_today(tmp_path):
    async def play():
        world = MemoryWorld()
        session = await attached(world, tmp_path, Holder)
        await days(world, session, 1)
        world.account.others.append(
            BrokerAction(
                action_id="m",
                symbol="AAA",
                effective=world.days[world.at][0].timestamp.date() - timedelta(days=20),
                text="stock merger of AAA into BBB",
            )
        )
        session.engine.link._splits_session = -1
        await looked(session, 2)

        assert session.trading_state == "running"
        assert not any("merger" in line for line in session.logs)
        await session.stop()

    run(play())


def test_a_split_by_hand_splits_what_is_held_outside_too(tmp_path):
    async def play():
        world = MemoryWorld()
        await world.by_hand(6)
        session = await attached(world, tmp_path, Holder)
        await days(world, session, 1)
        await looked(session, 1)
        session.apply_split("AAA", 0.5)
        await world.split("0.5")
        await looked(session, 4)

        assert (session.engine.link.outside, session.trading_state) == ({"AAA": 12}, "running")
        assert await world.held() == {"AAA": 32}
        await session.stop()

    run(play())


def test_of_a_reverse_split_the_account_pays_one_fraction_and_the_books_agree(tmp_path):
    async def play():
        world = MemoryWorld()
        await world.by_hand(7)
        session = await attached(world, tmp_path, Holder)
        await days(world, session, 1)
        await world.announce_split(4)
        await session.stop()
        await world.left()
        world.account.held["AAA"] = Decimal(17 // 4)  # and a quarter of a share in cash
        await world.pass_days(1)

        again = await attached(world, tmp_path, Holder)
        await until(lambda: again.engine.failure or again.context.bars == 2)
        await settled(again)
        await looked(again, 4)

        ours = sum(p.amount for p in again.engine.core.state.portfolio)
        outside = again.engine.link.outside["AAA"]
        assert again.trading_state == "running"
        assert (await world.held())["AAA"] == ours + outside
        assert outside == 2
        await again.stop()

    run(play())


def test_pages_of_corporate_actions_are_all_read():
    pages = {
        None: {
            "corporate_actions": {
                "forward_splits": [
                    {
                        "id": "a",
                        "symbol": "A",
                        "old_rate": 1,
                        "new_rate": 2,
                        "ex_date": "2024-01-04",
                    }
                ]
            },
            "next_page_token": "2",
        },
        "2": {
            "corporate_actions": {
                "name_changes": [
                    {"id": "b", "old_symbol": "B", "new_symbol": "C", "process_date": "2024-01-04"}
                ]
            },
            "next_page_token": None,
        },
    }

    class Http:
        async def get(self, _path):
            return {"timestamp": "2024-01-03T15:00:00Z"}

    class Feed:
        async def ask_data(self, _path, query):
            assert (query["start"], query["end"]) == ("2023-12-03", "2024-01-07")
            return pages[query.get("page_token")]

    found = run(AlpacaAccount(Http(), Feed()).corporate_actions(["B", "A"]))

    assert [one.symbol for one in found.splits] == ["A"]
    assert [one.symbol for one in found.symbol_changes] == ["B"]


def test_a_symbol_that_is_changed_by_hand_is_found_by_both_names(tmp_path):
    async def play():
        world = MemoryWorld()
        session = await attached(world, tmp_path, Holder)
        await days(world, session, 1)
        with pytest.raises(ValueError, match="that no asset of it has"):
            session.change_symbol("AAA", "BBB")
        session.change_symbol("AAA", "ZZZ")
        await world.change_symbol("ZZZ")
        await looked(session, 3)

        assert session.trading_state == "running"
        found = await session.call(lambda context, data: context.symbol("ZZZ"))
        assert found.symbol == "AAA"
        report = await session.flatten()
        assert (report.confirmed, await world.held()) == (True, {})
        await session.stop()

    run(play())


def test_a_venue_tells_dividends_and_new_symbols_and_serves_the_new_one(venue):
    status, _answer = venue.place("resting", type="limit", limit_price="50")
    assert status == 200
    venue.place("bought", qty="10")
    assert venue.control("symbol", {"symbol": "IBM", "new_symbol": "IBMX"})["orders"] == 2
    path = "/v1/corporate-actions?symbols=IBM&types=name_change,cash_dividend&end=2005-03-01"

    _status, listed = venue.request(path, keys=True)
    venue.advance()

    (change,) = listed["corporate_actions"]["name_changes"]
    assert (change["old_symbol"], change["new_symbol"]) == ("IBM", "IBMX")
    assert change["process_date"] == "2005-01-04"
    assert "forward_splits" not in listed["corporate_actions"]
    _status, (position,) = venue.request("/v2/positions", keys=True)
    _status, (order,) = venue.request("/v2/orders", keys=True)
    assert (position["symbol"], position["qty"], order["symbol"]) == ("IBMX", "10", "IBMX")
    status, answer = venue.place("old name", qty="1")
    assert (status, answer["message"]) == (422, 'asset "IBM" not found')
    venue.control("restart")
    _status, (again,) = venue.request("/v2/positions", keys=True)
    assert again["symbol"] == "IBMX"


def test_a_venue_refuses_to_announce_a_symbol_that_is_taken(venue):
    answer = venue.control("symbol", {"symbol": "IBM", "new_symbol": "AAPL"})

    assert answer["code"] == 40010001
