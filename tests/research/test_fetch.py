"""Fetched bars are kept and extended, and each vendor's library is asked as it wants.

The shapes are what yfinance 1.7 `Ticker.history`, ccxt 4.5 `fetch_ohlcv`, alpaca-py 0.44
`get_stock_bars` (over loopback) and stooq.com's CSV (over loopback) return.
"""

import json
import sys
import threading
from collections import Counter
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlparse

import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.bundles import load
from rbtlive.data.catalog.shelves import Shelf, catalog_folder
from rbtlive.errors import BadFrequency, EmptyData, FetchFailed, InvalidSetting, UnreadableFile
from tests.data.shapes.plain import FIELDS, daily, round_the_clock, same_daily, same_minutes, titled

ONE, TWO = daily(("AAPL",)), daily(("AAPL", "MSFT"))
SPAN = ("2023-01-03", "2023-04-28")


@pytest.fixture(autouse=True)
def _own_catalog(tmp_path, monkeypatch):
    monkeypatch.setenv("RBTLIVE_CATALOG", str(tmp_path / "catalog"))


class YFPricesMissingError(Exception): ...


class YFTzMissingError(Exception): ...


@pytest.fixture
def yahoo(monkeypatch):
    calls = []
    config = SimpleNamespace(debug=SimpleNamespace(hide_exceptions=True))

    class Ticker:
        def __init__(self, symbol):
            self.symbol = symbol

        def history(self, start, end, **options):
            assert options["raise_errors"]
            assert not config.debug.hide_exceptions
            calls.append((self.symbol, start, end))
            if self.symbol not in ("AAPL", "MSFT"):
                raise YFTzMissingError(f"${self.symbol}: possibly delisted; no timezone found")
            one = titled(TWO, self.symbol)
            one = one[(one.index >= start) & (one.index < end)]
            if not len(one):
                raise YFPricesMissingError("no price data found")
            one = one.assign(**{"Adj Close": one["Close"] * 0.9, "Dividends": 0.0})
            if len(one) > 5:
                one.iloc[5, one.columns.get_loc("Dividends")] = 0.25
            return one.tz_localize("America/New_York")

    library = SimpleNamespace(Ticker=Ticker, config=config)
    monkeypatch.setitem(sys.modules, "yfinance", library)
    yield calls
    assert config.debug.hide_exceptions


def test_yfinance_is_asked_once_and_then_the_disk(yahoo):
    first = rbt.fetch("yfinance", ["AAPL", "MSFT"], *SPAN)
    again = rbt.fetch("yfinance", ["AAPL", "MSFT"], *SPAN)

    same_daily(first, TWO)
    same_daily(again, TWO)
    assert [call[0] for call in yahoo] == ["AAPL", "MSFT"]
    assert [float(paid.amount) for paid in again.dividends] == [0.25, 0.25]


def test_a_longer_span_asks_for_the_rest_only(yahoo):
    rbt.fetch("yfinance", "AAPL", "2023-02-01", "2023-02-28")

    same_daily(rbt.fetch("yfinance", "AAPL", *SPAN), ONE)
    assert yahoo[1:] == [
        ("AAPL", "2023-01-03", "2023-02-01"),
        ("AAPL", "2023-03-01", "2023-04-29"),
    ]


def test_today_is_asked_for_again(yahoo):
    class Noon:
        def now(self):
            return datetime(2023, 4, 28, 16, tzinfo=UTC)

    rbt.fetch("yfinance", "AAPL", *SPAN, clock=Noon())
    rbt.fetch("yfinance", "AAPL", *SPAN, clock=Noon())

    assert yahoo[1][1] == "2023-04-28"


def test_the_catalog_lists_what_is_there_and_where_it_came_from(yahoo):
    rbt.fetch("yfinance", "AAPL", *SPAN)

    (row,) = rbt.catalog().iter_rows(named=True)

    assert (row["vendor"], row["interval"], row["symbol"], row["bars"]) == (
        "yfinance",
        "1d",
        "AAPL",
        81,
    )
    assert (row["first"], row["last"]) == (date(2023, 1, 3), date(2023, 4, 28))
    record = json.loads(Path(row["path"], "provenance.json").read_text(encoding="utf-8"))
    assert record["fetches"][0]["arguments"]["interval"] == "1d"


def test_a_changed_file_is_refused(yahoo):
    rbt.fetch("yfinance", "AAPL", *SPAN)
    path = rbt.catalog()["path"][0]
    pl.DataFrame({"date": [date(2023, 1, 3)]}).write_parquet(f"{path}/2023-01.parquet")

    with pytest.raises(UnreadableFile, match="not what was fetched"):
        rbt.fetch("yfinance", "AAPL", *SPAN)


def test_nothing_and_nonsense_are_refused(yahoo):
    with pytest.raises(EmptyData, match="GONE"):
        rbt.fetch("yfinance", ["AAPL", "GONE"], *SPAN)
    assert rbt.catalog()["symbol"].to_list() == ["AAPL"]  # not known to be empty
    with pytest.raises(InvalidSetting, match="ccxt:EXCHANGE"):
        rbt.fetch("bloomberg", "AAPL", *SPAN)
    with pytest.raises(BadFrequency, match="resample"):
        rbt.fetch("yfinance", "AAPL", *SPAN, interval="2h")
    with pytest.raises(InvalidSetting, match="after"):
        rbt.fetch("yfinance", "AAPL", "2023-02-01", "2023-01-01")


def test_a_symbol_without_bars_in_the_span_is_warned_of(yahoo, monkeypatch):
    known = sys.modules["yfinance"].Ticker.history

    def history(self, **options):
        if self.symbol == "MSFT":
            raise YFPricesMissingError("no price data found")
        return known(self, **options)

    monkeypatch.setattr(sys.modules["yfinance"].Ticker, "history", history)

    with pytest.warns(UserWarning, match="no bars of MSFT from 2023-01-03 to 2023-04-28"):
        same_daily(rbt.fetch("yfinance", ["AAPL", "MSFT"], *SPAN), ONE)


def test_weeks_and_months_are_asked_for_whole_and_kept_once_they_are_over(yahoo, monkeypatch):
    weekly = rbt.resample(ONE, "1w").to_frame("1w")

    def history(self, start, end, **options):
        yahoo.append((start, end))
        mondays = weekly.with_columns(Date=pl.col("date").dt.truncate("1w"))
        asked = mondays.filter(
            pl.col("Date").cast(pl.String).is_between(pl.lit(start), pl.lit(end), closed="left")
        )
        frame = pd.DataFrame({name.title(): asked[name].to_numpy() for name in FIELDS})
        frame.index = pd.DatetimeIndex(asked["Date"].to_numpy(), name="Date")
        return frame.tz_localize("America/New_York")

    class Wednesday:
        def now(self):
            return datetime(2023, 4, 5, 16, tzinfo=UTC)

    monkeypatch.setattr(sys.modules["yfinance"].Ticker, "history", history)
    early = rbt.fetch("yfinance", "AAPL", "2023-02-01", "2023-04-05", "1w", clock=Wednesday())
    later = rbt.fetch("yfinance", "AAPL", "2023-02-01", "2023-04-12", "1w")

    assert yahoo == [("2023-01-30", "2023-04-10"), ("2023-04-03", "2023-04-17")]
    assert early.to_frame("1w")["date"][-1] == date(2023, 3, 31)
    same_daily(later, weekly.filter(pl.col("date").is_between(date(2023, 2, 1), date(2023, 4, 14))))


@pytest.mark.parametrize("error", [OSError("no route to host"), KeyError("close")])
def test_a_failure_inside_yfinance_is_said_and_not_taken_for_no_bars(yahoo, monkeypatch, error):
    def history(self, **options):
        raise error

    monkeypatch.setattr(sys.modules["yfinance"].Ticker, "history", history)

    with pytest.raises(FetchFailed, match=f"yfinance did not give AAPL: {type(error).__name__}"):
        rbt.fetch("yfinance", "AAPL", *SPAN)
    assert rbt.catalog().is_empty()


def test_the_last_bar_of_a_day_belongs_to_it(monkeypatch):
    bars = round_the_clock()
    rows = bars.select(pl.col("timestamp").dt.epoch("ms") - 60_000, *FIELDS).rows()

    class Exchange:
        timeframes = None

        def __init__(self, options): ...

        def fetch_ohlcv(self, symbol, timeframe, since, limit):
            return [list(row) for row in rows if row[0] >= since][:limit]

    monkeypatch.setitem(sys.modules, "ccxt", SimpleNamespace(somewhere=Exchange))
    ask = ("ccxt:somewhere", "BTC/USDT")

    first = rbt.fetch(*ask, "2024-03-01", "2024-03-01", "1m")
    both = rbt.fetch(*ask, "2024-03-01", "2024-03-02", "1m")

    same_minutes(first, bars.head(1440))
    same_minutes(both, bars)


def test_a_refusal_of_an_exchange_is_said(monkeypatch):
    class Exchange:
        timeframes = None

        def __init__(self, options): ...

        def fetch_ohlcv(self, symbol, timeframe, since, limit):
            raise RuntimeError("somewhere does not have market symbol NO/PE")

    monkeypatch.setitem(sys.modules, "ccxt", SimpleNamespace(somewhere=Exchange))

    with pytest.raises(FetchFailed, match=r"ccxt's somewhere did not give NO/PE.*market symbol"):
        rbt.fetch("ccxt:somewhere", "NO/PE", "2024-03-01", "2024-03-02", "1m")


def test_ccxt_is_asked_page_by_page(monkeypatch):
    bars = round_the_clock()
    rows = [
        list(row)
        for row in bars.select(pl.col("timestamp").dt.epoch("ms") - 60_000, *FIELDS).iter_rows()
    ]
    pages = []

    class Exchange:
        def __init__(self, options):
            self.timeframes = {"1m": "1m"}

        def fetch_ohlcv(self, symbol, timeframe, since, limit):
            pages.append(since)
            return [row for row in rows if row[0] >= since][:limit]

    monkeypatch.setitem(sys.modules, "ccxt", SimpleNamespace(somewhere=Exchange))

    portal = rbt.fetch("ccxt:somewhere", "BTC/USDT", "2024-03-01", "2024-03-02", "1m")

    same_minutes(portal, bars[: portal.minutes.height])
    assert portal.minutes.height >= 2879
    assert len(pages) == 4
    assert portal.calendar.name == "24/7"
    with pytest.raises(BadFrequency, match="somewhere"):
        rbt.fetch("ccxt:somewhere", "BTC/USDT", "2024-03-01", "2024-03-02", "5m")


@pytest.fixture
def loopback():
    """Serve what a test puts into `answers`, and note what was asked."""
    answers, asked = {}, []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlparse(self.path)
            asked.append(
                (parts.path, {key: value[0] for key, value in parse_qs(parts.query).items()})
            )
            body = answers.get("body", b"")
            self.send_response(answers.get("status", 200))
            self.send_header("Content-Type", answers.get("type", "text/csv"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_): ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield SimpleNamespace(
        answers=answers, asked=asked, url=f"http://127.0.0.1:{server.server_address[1]}"
    )
    server.shutdown()
    server.server_close()
    thread.join()


def test_stooq_over_loopback(loopback, monkeypatch):
    monkeypatch.setenv("RBTLIVE_STOOQ_URL", f"{loopback.url}/q/d/l/")
    frame = ONE.drop("symbol").rename({name: name.title() for name in ("date", *FIELDS)})
    loopback.answers["body"] = frame.write_csv().encode()

    same_daily(rbt.fetch("stooq", "AAPL", *SPAN), ONE)

    assert loopback.asked == [
        ("/q/d/l/", {"s": "aapl.us", "d1": "20230103", "d2": "20230428", "i": "d"})
    ]


@pytest.mark.parametrize(("body", "status"), [(b"Exceeded the daily hits limit", 200), (b"", 503)])
def test_a_refusal_of_stooq_is_said(loopback, monkeypatch, body, status):
    monkeypatch.setenv("RBTLIVE_STOOQ_URL", f"{loopback.url}/q/d/l/")
    loopback.answers |= {"body": body, "status": status}

    with pytest.raises(FetchFailed, match="stooq"):
        rbt.fetch("stooq", "AAPL", *SPAN)


def test_alpacas_library_over_loopback(loopback, monkeypatch):
    monkeypatch.setenv("APCA_API_DATA_URL", loopback.url)
    monkeypatch.setenv("APCA_API_KEY_ID", "key")
    monkeypatch.setenv("APCA_API_SECRET_KEY", "secret")
    bars = [
        {
            "t": f"{row['date']}T05:00:00Z"
            if row["date"] < date(2023, 3, 12)
            else f"{row['date']}T04:00:00Z",
            **{name[0]: row[name] for name in FIELDS},
            "n": 10,
            "vw": 100.0,
        }
        for row in ONE.to_dicts()
    ]
    loopback.answers |= {
        "type": "application/json",
        "body": json.dumps({"bars": {"AAPL": bars}, "next_page_token": None}).encode(),
    }

    same_daily(rbt.fetch("alpaca", "AAPL", *SPAN), ONE)

    assert loopback.asked[0][0] == "/v2/stocks/bars"
    assert loopback.asked[0][1]["timeframe"] == "1Day"


def kept(symbol, bars, calendar, interval="1d"):
    """Keep bars as if a vendor had given them."""
    shelf = Shelf(catalog_folder(), "yfinance", interval, symbol)
    stamp = {"at": datetime(2023, 5, 1, tzinfo=UTC).isoformat()}
    shelf.add(bars, span=(date(2023, 1, 1), date(2023, 4, 30)), calendar=calendar, provenance=stamp)


@pytest.mark.parametrize(
    ("other", "calendar"), [("BTC-USD", "24/7"), ("VOD.L", "24/5")], ids=["a coin", "London"]
)
def test_days_of_several_calendars_are_one_portal(other, calendar):
    theirs = daily((other,), calendar={"BTC-USD": "24/7"}.get(other, "XLON"))
    kept("AAPL", ONE, "XNYS")
    kept(other, theirs, {"BTC-USD": "24/7"}.get(other, "XLON"))

    with pytest.warns(UserWarning, match=f"all days of {calendar}, on which a symbol"):
        both = load("yfinance/1d")

    assert both.calendar.name == calendar
    same_daily(both, pl.concat([ONE, theirs]))
    seen = Counter()

    def handle_data(context, data):
        for asset in context.universe:
            seen[asset.symbol] += bool(data.can_trade(asset)) and not data.is_stale(asset)

    def initialize(context):
        context.universe = [context.symbol("AAPL"), context.symbol(other)]

    rbt.backtest(
        {"__name__": "both", "initialize": initialize, "handle_data": handle_data},
        both,
        progress=False,
    )
    assert seen == {"AAPL": ONE.height, other: theirs.height}


def test_weeks_of_several_calendars_stay_apart():
    kept("AAPL", rbt.resample(ONE, "1w").to_frame("1w"), "XNYS", "1w")
    kept("BTC-USD", rbt.resample(ONE, "1w").to_frame("1w"), "24/7", "1w")

    with pytest.raises(InvalidSetting, match="symbols of 1w bars must trade on one calendar"):
        load("yfinance/1w")
