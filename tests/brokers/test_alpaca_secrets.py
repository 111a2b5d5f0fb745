"""Keys are shown to the broker and to nobody else: no repr, no exception, no log, no
event.
"""

import logging
import pickle
import traceback

import pytest
from pydantic import SecretStr

from rbtlive.brokers import AlpacaBroker, AlpacaFeed
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.as_feed import FeedPlan
from rbtlive.errors import BrokerError, FeedError, InvalidSetting
from tests.brokers.alpaca_session import QUICK, connected, order
from tests.venue.process import KEY, SECRET, within

WRONG = "secret-that-is-wrong-81c2"


def everything_of(error):
    """Return all that a display may show of an exception: its chain, its frames'
    locals, its parts.
    """
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    parts = ["".join(shown.format()), repr(error), str(error), repr(vars(error))]
    parts += [
        everything_of(inner) for inner in (error.__cause__, error.__context__) if inner is not None
    ]
    return "\n".join(parts)


def test_a_repr_shows_no_key():
    broker = AlpacaBroker(KEY, SECRET)
    feed = AlpacaFeed("AAPL", key=KEY, secret=SecretStr(SECRET))

    for shown in (
        repr(broker),
        repr(feed),
        repr(vars(broker)),
        repr(vars(feed)),
        repr(broker._keys),
        str(broker._http),
    ):
        assert KEY not in shown
        assert SECRET not in shown
    assert SECRET not in repr(vars(broker._http)) + repr(broker._keys.key_id) + repr(
        broker._keys.secret
    )


def test_keys_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("APCA_API_KEY_ID", "from-environment")
    monkeypatch.setenv("ALPACA_SECRET_KEY", "from-environment-too")

    headers = AlpacaBroker()._keys.headers()

    assert headers == {
        "APCA-API-KEY-ID": "from-environment",
        "APCA-API-SECRET-KEY": "from-environment-too",
    }


def test_missing_and_impossible_keys_are_named_without_showing_them(monkeypatch):
    for variable in (
        "APCA_API_KEY_ID",
        "APCA_API_SECRET_KEY",
        "ALPACA_API_KEY",
        "ALPACA_SECRET_KEY",
    ):
        monkeypatch.delenv(variable, raising=False)

    with pytest.raises(
        InvalidSetting,
        match="key must be given: was None, and APCA_API_KEY_ID and ALPACA_API_KEY are not set",
    ):
        AlpacaBroker()
    for impossible in ("two words", "line\nbreak", "", "päss"):
        with pytest.raises(InvalidSetting) as refusal:
            AlpacaBroker(KEY, impossible)
        assert not impossible or impossible not in str(refusal.value)


def test_no_failure_of_a_request_shows_a_key(venue, caplog):
    caplog.set_level(logging.DEBUG)
    failures = []

    async def fail():
        async with connected(venue, timeout_s=0.2) as (broker, _reported):
            broker._http._backoff, broker._http._attempts = QUICK, 2
            for fault in ("reset_before", "error", "rate_limit", "delay"):
                venue.faults({"kind": fault, "where": "rest", "delay_s": 0.5})
                for attempt in (
                    lambda: broker.submit_order(order(1), client_order_id="RUN-1"),
                    broker.account,
                    broker.positions,
                    lambda: broker.find_order("RUN-1"),
                    broker.orders,
                    lambda: broker.cancel_order(client_order_id="RUN-1"),
                ):
                    try:
                        await attempt()
                    except BrokerError as failure:
                        failures.append(failure)
            venue.faults()

    within(fail(), seconds=30)

    assert len(failures) == 24
    for failure in failures:
        assert SECRET not in everything_of(failure)
        assert KEY not in everything_of(failure)
        assert failure.__cause__ is None
        assert failure.__context__ is None
    assert SECRET not in caplog.text


def test_refused_keys_are_not_shown(venue, caplog):
    caplog.set_level(logging.DEBUG)
    broker = AlpacaBroker(KEY, WRONG, url_override=venue.url)
    feed = AlpacaFeed("IBM", key=KEY, secret=WRONG, url_override=venue.url)
    feed.configure(FeedPlan(calendar=get_calendar("XNYS"), symbols=("IBM",)))

    async def connect():
        with pytest.raises(BrokerError) as refusal:
            await broker.connect()
        await broker.disconnect()
        with pytest.raises(FeedError) as refused_feed:
            async for _event in feed:
                pass
        return refusal.value, refused_feed.value

    for failure in within(connect()):
        assert WRONG not in everything_of(failure)
    assert WRONG not in caplog.text


def test_a_broker_is_not_written_to_a_file():
    with pytest.raises(TypeError, match="keys are not written to files"):
        pickle.dumps(AlpacaBroker(KEY, SECRET))
