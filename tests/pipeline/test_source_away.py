"""A source that was away and does not catch up: the feed is asked for whole sessions."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from rbtlive.model.events import Event, MarketDataEvent
from tests.pipeline.test_joining import (
    Growing,
    Remembering,
    backtest,
    days_of,
    never,
    said,
    session,
)

AWAY = (date(2024, 1, 5), date(2024, 1, 8))
BACK = date(2024, 1, 9)


class Plain(Growing):
    """The same without a universe of its own."""

    def attach_pipeline(self, pipe: Any, name: str, **options: Any) -> Any:
        return super().attach_pipeline(pipe, name, **options | {"subscribe": False})


class Away(Remembering):
    """Gives empty slices in two sessions."""

    past_days_patience_s = 60.0

    async def __aiter__(self) -> AsyncIterator[Event]:
        async for event in super().__aiter__():
            if isinstance(event, MarketDataEvent) and event.timestamp.date() in AWAY:
                yield MarketDataEvent(timestamp=event.timestamp, bars={})
            else:
                yield event


@pytest.fixture(scope="module")
def tested() -> Any:
    return backtest(Plain).context


@pytest.mark.parametrize("strategy", [Plain, Growing])
def test_whole_sessions_without_a_bar_are_asked_for(tmp_path, tested, strategy):
    """Windows of days and tables after them are the backtest's."""
    feed = Away()

    ended = session(feed, tmp_path, strategy)

    assert days_of(ended.context, BACK) == days_of(tested, BACK)
    assert set(ended.context.days) >= {BACK.isoformat()}
    assert said(ended, "the feed") == []
    assert ended.parity().identical


def test_a_kill_loses_no_question_about_them(tmp_path, tested):
    first = Away(5, goes_on=True, waits=False, refuse=[never] * 9)
    first.past_days_patience_s = 0.0

    session(first, tmp_path, Plain, kill=True)
    second = Away()
    ended = session(second, tmp_path, Plain)

    assert first.asked != []
    assert AWAY[0] in {day for _symbols, day, _last in second.asked}
    assert days_of(ended.context, BACK) == days_of(tested, BACK)
    assert ended.parity().identical
