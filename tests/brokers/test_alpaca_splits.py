"""Splits are asked for before a week is made of the days around them."""

from datetime import date

from rbtlive.brokers.alpaca_actions import ask_corporate_actions
from rbtlive.brokers.alpaca_splits import LearnedSplits
from rbtlive.data.calendars.calendar import get_calendar
from tests.builders import run

SPLIT = {
    "id": "1",
    "symbol": "IBM",
    "old_rate": 1,
    "new_rate": 4,
    "ex_date": "2005-01-05",
    "process_date": "2005-01-05",
}


class DataService:
    """Has a split of IBM, and remembers for which symbols it was asked."""

    def __init__(self):
        self.asked = []

    async def ask(self, path, query):
        self.asked.append(query["symbols"].split(","))
        splits = [SPLIT] if "IBM" in self.asked[-1] else []
        return {"corporate_actions": {"forward_splits": splits}}


def days(symbol, *numbers):
    return [{"symbol": symbol, "timestamp": date(2005, 1, number)} for number in numbers]


def test_a_symbol_that_joins_on_a_known_day_is_asked_for_too():
    service, calendar = DataService(), get_calendar("XNYS")
    learned = LearnedSplits(service.ask)

    async def week():
        first = await learned.through(days("AAPL", 7), ["AAPL"], later={}, calendar=calendar)
        both = await learned.through(
            days("IBM", 3, 4, 5, 6, 7), ["AAPL", "IBM"], later={}, calendar=calendar
        )
        again = await learned.through(days("IBM", 7), ["IBM"], later={}, calendar=calendar)
        return first, both, again

    first, both, again = run(week())

    assert first == {}
    assert [ratio for _us, ratio in both["IBM"]] == [0.25]
    assert again == both
    assert service.asked == [["AAPL"], ["AAPL", "IBM"]]


def test_many_symbols_are_asked_for_by_the_hundred():
    service = DataService()
    names = [f"A{number:03}" for number in range(250)] + ["IBM"]

    found = run(
        ask_corporate_actions(service.ask, names, start=date(2005, 1, 3), end=date(2005, 1, 7))
    )

    assert [len(one) for one in service.asked] == [100, 100, 51]
    assert [split.symbol for split in found.splits] == ["IBM"]
