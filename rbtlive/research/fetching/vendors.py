"""Requests to each vendor: its own library's call, and its result.

The rule: a library's result is read by `rbtlive.data.reading` like any other source, so
a changed form gives an error and never a wrong number.
"""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import polars as pl

from rbtlive.brokers.alpaca_answers import LARGEST_ANSWER
from rbtlive.brokers.alpaca_http import checked_url
from rbtlive.brokers.alpaca_keys import AlpacaKeys
from rbtlive.data.reading.bar_reader import ReadBars, read_bars
from rbtlive.errors import BadFrequency, EmptyData, FetchFailed, InvalidSetting, MissingExtra
from rbtlive.model.given import is_one_of
from rbtlive.model.interval import Interval

_STOOQ_VARIABLE: Final = "RBTLIVE_STOOQ_URL"
_STOOQ: Final = "https://stooq.com/q/d/l/"
_PAGE: Final = 1_000


@dataclass(frozen=True)
class Fetched:
    """A vendor's answer for one symbol.

    Attributes:
        bars: The bars as read; None if there are none in the span.
        actions: Dividends, in a portal's form.
        arguments: Arguments of the library's call.
    """

    bars: ReadBars | None
    actions: dict[str, pl.DataFrame] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)


Ask = Callable[[str, date, date, Interval], Fetched]


def vendor_named(name: str) -> Ask:
    """Return the function that queries a vendor.

    Raises:
        InvalidSetting: the vendor is unknown.
    """
    if isinstance(name, str) and name.startswith("ccxt:") and len(name) > len("ccxt:"):
        exchange = name.partition(":")[2]
        return lambda symbol, first, last, interval: _ccxt(
            exchange, symbol, (first, last), interval
        )
    known: dict[str, Ask] = {"yfinance": _yfinance, "alpaca": _alpaca, "stooq": _stooq}
    if not is_one_of(name, known):
        raise InvalidSetting(
            'vendor must be "yfinance", "alpaca", "stooq" or "ccxt:EXCHANGE", e.g. '
            f'"ccxt:binance": was {name!r}'
        )
    return known[name]


def _library(name: str, extra: str) -> Any:
    try:
        with warnings.catch_warnings():  # the library's own imports may be deprecated
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(
            f"fetch() needs {name}: install it with pip install 'rbtlive[{extra}]'"
        ) from error


def _no_such_interval(vendor: str, interval: Interval, known: list[str]) -> BadFrequency:
    return BadFrequency(
        f"interval must be one that {vendor} has, {', '.join(known)}: was {interval.text!r}; fetch "
        "shorter bars and use rbt.resample"
    )


_YAHOO: Final = {
    "1m": "1m",
    "5m": "5m",
    "15m": "15m",
    "30m": "30m",
    "1h": "60m",
    "1d": "1d",
    "1w": "1wk",
    "1mo": "1mo",
}


# Yahoo's prices are always adjusted for splits; dividends are not, and come as their
# own rows. `download` would print a failure and return an empty frame. Source: yfinance
# 1.x, `Ticker.history`, auto_adjust and raise_errors.
def _yfinance(symbol: str, first: date, last: date, interval: Interval) -> Fetched:
    if interval.text not in _YAHOO:
        raise _no_such_interval("yfinance", interval, list(_YAHOO))
    arguments: dict[str, Any] = {
        "start": first.isoformat(),
        "end": (last + timedelta(days=1)).isoformat(),
        "interval": _YAHOO[interval.text],
        "auto_adjust": False,
        "actions": True,
        "raise_errors": True,
    }
    library = _library("yfinance", "yfinance")
    with _raising(library):
        try:
            frame = library.Ticker(symbol).history(**arguments)
        except Exception as error:
            if type(error).__name__ == "YFTzMissingError":
                raise EmptyData(f"yfinance does not know {symbol}: {error}; check it") from error
            if type(error).__name__ != "YFPricesMissingError":
                raise _failed("yfinance", symbol, error) from error
            frame = None
    if frame is None or not len(frame):
        return Fetched(None, arguments=arguments)
    bars = _read(frame, symbol, interval, "yfinance")
    actions = {}
    if "Dividends" in frame.columns and not interval.intraday:
        paid = frame["Dividends"][frame["Dividends"] > 0]
        days = [stamp.date() for stamp in paid.index]
        actions["dividends"] = pl.DataFrame(
            {
                "symbol": pl.Series([symbol] * len(days), dtype=pl.String),
                "ex_date": pl.Series(days, dtype=pl.Date),
                "pay_date": pl.Series(days, dtype=pl.Date),
                "amount": pl.Series([float(one) for one in paid], dtype=pl.Float64),
            }
        )
    return Fetched(bars, actions, arguments)


# Without this setting, a failure to get a symbol's time zone looks like an unknown
# symbol.
@contextmanager
def _raising(library: object) -> Iterator[None]:
    debug = getattr(getattr(library, "config", None), "debug", None)
    hidden = getattr(debug, "hide_exceptions", None)
    with warnings.catch_warnings():  # from the library's use of pandas, and of its own names
        warnings.simplefilter("ignore")
        if debug is not None:
            debug.hide_exceptions = False
        try:
            yield
        finally:
            if debug is not None:
                debug.hide_exceptions = hidden


def _failed(vendor: str, symbol: str, error: Exception) -> FetchFailed:
    said = f"{type(error).__name__}: {str(error)[:500]}"
    return FetchFailed(f"{vendor} did not give {symbol}: {said}; try later")


def _read(source: object, symbol: str, interval: Interval, vendor: str) -> ReadBars:
    labels: Any = "start" if interval.intraday else None
    try:
        return read_bars(source, symbol=symbol, interval=interval.text, labels_by_default=labels)
    except Exception as error:
        error.add_note(f"it was {symbol} as {vendor} gave it; its shape may have changed")
        raise


# Source: docs.ccxt.com, "OHLCV Candlestick Charts".
def _ccxt(exchange: str, symbol: str, span: tuple[date, date], interval: Interval) -> Fetched:
    library = _library("ccxt", "ccxt")
    if not hasattr(library, exchange):
        raise InvalidSetting(
            f"ccxt must have the exchange: was {exchange!r}; see ccxt.exchanges for its names"
        )
    client = getattr(library, exchange)({"enableRateLimit": True})
    frame = {"1mo": "1M"}.get(interval.text, interval.text)
    known = getattr(client, "timeframes", None) or {}
    if known and frame not in known:
        raise _no_such_interval(f"ccxt's {exchange}", interval, list(known))
    since, end = _ms(span[0]), _ms(span[1] + timedelta(days=1))
    rows: list[list[Any]] = []
    while since < end:
        try:
            page = client.fetch_ohlcv(symbol, frame, since=since, limit=_PAGE)
        except Exception as error:
            raise _failed(f"ccxt's {exchange}", symbol, error) from error
        fresh = [row for row in page if since <= row[0] < end]
        if not fresh:
            break
        rows += fresh
        since = int(fresh[-1][0]) + 1
    arguments = {"exchange": exchange, "symbol": symbol, "timeframe": frame, "limit": _PAGE}
    if not rows:
        return Fetched(None, arguments=arguments)
    return Fetched(
        read_bars(rows, symbol=symbol, interval=interval.text, calendar="24/7"),
        arguments=arguments,
    )


def _ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1_000)


# Source: stooq.com, "Download data in csv file".
def _stooq(symbol: str, first: date, last: date, interval: Interval) -> Fetched:
    letters = {"1d": "d", "1w": "w", "1mo": "m"}
    if interval.text not in letters:
        raise _no_such_interval("stooq", interval, list(letters))
    import urllib.error
    import urllib.parse
    import urllib.request

    arguments = {
        "s": (symbol if "." in symbol else f"{symbol}.US").lower(),
        "d1": f"{first:%Y%m%d}",
        "d2": f"{last:%Y%m%d}",
        "i": letters[interval.text],
    }
    address = os.environ.get(_STOOQ_VARIABLE, _STOOQ) + "?" + urllib.parse.urlencode(arguments)
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - http or https, by the two constants
            raw = answer.read(LARGEST_ANSWER)
    except urllib.error.URLError as error:
        raise FetchFailed(f"stooq could not be asked for {symbol}: {error}; try later") from error
    if raw.strip().lower() in (b"no data", b""):
        return Fetched(None, arguments=arguments)
    if not raw.lower().startswith((b"date,", b"data,")):
        said = raw[:120].decode("utf-8", "replace").strip()
        raise FetchFailed(f"stooq refused {symbol}: it said {said!r}; try later")
    frame = pl.read_csv(raw, infer_schema=False)
    return Fetched(_read(frame, symbol, interval, "stooq"), arguments=arguments)


def _alpaca_client(kind: Any) -> Any:
    address = os.environ.get("APCA_API_DATA_URL")
    return kind(
        api_key=os.environ.get(_ALPACA_KEYS[0]),
        secret_key=os.environ.get(_ALPACA_KEYS[1]),
        url_override=None if address is None else checked_url(address, "APCA_API_DATA_URL"),
    )


def _without_keys(text: str) -> str:
    if all(os.environ.get(name) for name in _ALPACA_KEYS):
        return AlpacaKeys.find(None, None).hidden(text)
    return text


_ALPACA_KEYS: Final = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")
_ALPACA: Final = {"minute": "Minute", "session": "Day", "week": "Week", "month": "Month"}


# Source: alpaca-py, `StockHistoricalDataClient.get_stock_bars`, `CryptoHistorical…`.
def _alpaca(symbol: str, first: date, last: date, interval: Interval) -> Fetched:
    client_of = _library("alpaca.data.historical", "alpaca-data")
    requests = _library("alpaca.data.requests", "alpaca-data")
    units = _library("alpaca.data.timeframe", "alpaca-data")
    unit = getattr(units.TimeFrameUnit, _ALPACA[interval.unit])
    size = max(1, interval.minutes)
    if interval.minutes >= 60 and interval.minutes % 60 == 0:
        unit, size = units.TimeFrameUnit.Hour, interval.minutes // 60
    coin = "/" in symbol
    kind = "Crypto" if coin else "Stock"
    client = _alpaca_client(getattr(client_of, f"{kind}HistoricalDataClient"))
    arguments: dict[str, Any] = {
        "symbol_or_symbols": symbol,
        "timeframe": units.TimeFrame(size, unit),
        "start": datetime(first.year, first.month, first.day, tzinfo=UTC),
        "end": datetime(last.year, last.month, last.day, 23, 59, 59, tzinfo=UTC),
    }
    if not coin:
        arguments["adjustment"] = "split"
    request = getattr(requests, f"{kind}BarsRequest")(**arguments)
    refusal = ""
    try:
        with warnings.catch_warnings():  # from the library's use of pandas
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            frame = getattr(client, "get_crypto_bars" if coin else "get_stock_bars")(request).df
    except Exception as error:  # noqa: BLE001 - any library below may raise, and the error may contain the request
        refusal = _without_keys(f"{type(error).__name__}: {error!s:.500}")
    if refusal:
        raise FetchFailed(f"alpaca refused {symbol}: {refusal}")
    given = {name: str(value) for name, value in arguments.items()}
    if not len(frame):
        return Fetched(None, arguments=given)
    return Fetched(_read(frame, symbol, interval, "alpaca"), arguments=given)
