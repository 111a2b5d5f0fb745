"""Record what vendors' own libraries return, for tests that need none of them.

    python scripts/record_shapes.py LIBRARY [FOLDER]

LIBRARY is yfinance, ccxt, databento, alpaca, ib_async, polygon or tiingo, installed in the
environment that runs this, beside pandas and pyarrow. Its transport is replaced by answers in
the vendor's documented form, made from the bars in `bars.json`; everything else is the
library's own code. Shapes are written beside `bars.json` as Parquet and JSON, with a manifest
of how to read each.

Sources of the answers: query1.finance.yahoo.com /v8/finance/chart; the exchanges' candle
endpoints as ccxt calls them; databento.com, "DBN encoding"; docs.alpaca.markets, "Historical
bars"; interactivebrokers.github.io, "Historical bars"; polygon.io, "Aggregates"; tiingo.com,
"End-of-day".
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

FOLDER = Path(__file__).parents[1] / "tests" / "data" / "shapes" / "recorded"
UTC = dt.UTC
NEW_YORK = ZoneInfo("America/New_York")
SHARES = ("AAPL", "MSFT")
SECONDS = {"1m": 60, "5m": 300, "15m": 900, "30m": 1_800, "1h": 3_600}
FIELDS = ("open", "high", "low", "close", "volume")
HOUR = {"60m": "1h"}

Bar = list[Any]
"""When it begins (a date, or seconds since 1970), open, high, low, close, volume."""


class Recorder:
    """Writes shapes into a folder, and what they are into its manifest."""

    def __init__(self, library: str, package: str, folder: Path) -> None:
        self.bars: dict[str, dict[str, list[Bar]]] = json.loads((folder / "bars.json").read_text())
        self._folder = folder / library
        self._folder.mkdir(exist_ok=True)
        self._manifest: dict[str, Any] = {"library": f"{package} {version(package)}", "shapes": {}}

    def keep(
        self, name: str, shape: Any, interval: str, symbols: Iterable[str], *, ask: bool = False
    ) -> None:
        """Keep a frame, or a value that JSON has.

        Args:
            name: What the shape is called.
            shape: What the library returned.
            interval: How long its bars are.
            symbols: Whose they are.
            ask: Whether the symbol is not in it, and has to be asked for.
        """
        file = name.replace(" ", "-") + (".parquet" if hasattr(shape, "to_parquet") else ".json")
        if hasattr(shape, "to_parquet"):
            shape.to_parquet(self._folder / file)
        else:
            (self._folder / file).write_text(json.dumps(shape))
        facts = {"file": file, "interval": interval, "symbols": list(symbols), "ask": ask}
        self._manifest["shapes"][name] = facts

    def finish(self) -> None:
        """Write the manifest."""
        (self._folder / "manifest.json").write_text(json.dumps(self._manifest, indent=1) + "\n")
        print(f"{self._manifest['library']}: {len(self._manifest['shapes'])} shapes")

    def folded(self, symbol: str, interval: str) -> list[Bar]:
        """Return longer bars of a symbol's minutes, of shares counted from the open."""
        step = SECONDS[interval]
        done: dict[Any, Bar] = {}
        for when, *bar in self.bars[symbol]["1m"]:
            local = dt.datetime.fromtimestamp(when, NEW_YORK)
            opens = int(local.replace(hour=9, minute=30).timestamp()) if symbol in SHARES else 0
            _add(done, opens + (when - opens) // step * step, bar)
        return list(done.values())

    def periods(self, symbol: str, first: Callable[[dt.date], dt.date]) -> list[Bar]:
        """Return weeks or months of a symbol's days, by their first date."""
        done: dict[Any, Bar] = {}
        for text, *bar in self.bars[symbol]["1d"]:
            _add(done, first(dt.date.fromisoformat(text)), bar)
        return list(done.values())


def _add(done: dict[Any, Bar], begin: Any, bar: Bar) -> None:
    if begin not in done:
        done[begin] = [begin, *bar]
        return
    whole = done[begin]
    whole[2], whole[3], whole[4] = max(whole[2], bar[1]), min(whole[3], bar[2]), bar[3]
    whole[5] += bar[4]


class Answer:
    """What an HTTP client gives back."""

    status_code = status = 200
    url = ""
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it

    def __init__(self, value: Any) -> None:
        self.text = json.dumps(value)
        self.content = self.data = self.text.encode()

    def json(self) -> Any:
        """Return the value."""
        return json.loads(self.text)


def of_yfinance(recorder: Recorder) -> None:
    """Record `download` and `Ticker.history`."""
    import yfinance
    from yfinance.data import YfData

    adjustment = [1.0]

    def get(_self: Any, url: str, params: Any = None, timeout: float = 30) -> Answer:
        del timeout
        return Answer(_chart(recorder, url.rsplit("/", 1)[-1], params or {}, adjustment[0]))

    YfData.get = YfData.cache_get = get
    quiet = {"progress": False, "threads": False}
    days = {"start": "2023-03-01", "end": "2023-04-29"}
    minutes = {"start": "2023-03-10", "end": "2023-03-14"}
    for adjusted in (True, False):
        adjustment[0] = 1.0 if adjusted else 0.98
        options = {"auto_adjust": adjusted, **days}
        word = "adjusted" if adjusted else "as traded"
        for by in ("column", "ticker"):
            frame = yfinance.download(list(SHARES), group_by=by, **options, **quiet)
            recorder.keep(f"{word} by {by}", frame, "1d", SHARES)
        recorder.keep(f"{word} one", yfinance.download("AAPL", **options, **quiet), "1d", ["AAPL"])
        flat = yfinance.download("AAPL", multi_level_index=False, **options, **quiet)
        recorder.keep(f"{word} flat", flat, "1d", ["AAPL"], ask=True)
        history = yfinance.Ticker("AAPL").history(**options)
        recorder.keep(f"{word} history", history, "1d", ["AAPL"], ask=True)
    actions = yfinance.download(list(SHARES), actions=True, auto_adjust=False, **days, **quiet)
    recorder.keep("with actions", actions, "1d", SHARES)
    coin = yfinance.download("BTC-USD", auto_adjust=False, **days, **quiet)
    recorder.keep("a coin", coin, "1d", ["BTC-USD"])
    for interval in ("1m", "5m", "15m", "30m", "60m"):
        name = HOUR.get(interval, interval)
        options = {"interval": interval, **minutes}
        several = yfinance.download(list(SHARES), **options, **quiet)
        recorder.keep(f"several {name}", several, name, SHARES)
        history = yfinance.Ticker("AAPL").history(**options)
        recorder.keep(f"history {name}", history, name, ["AAPL"], ask=True)
    for interval, name, start in (("1wk", "1w", "2023-02-27"), ("1mo", "1mo", "2023-03-01")):
        options = {"interval": interval, "start": start, "end": "2023-04-29", "auto_adjust": False}
        recorder.keep(name, yfinance.download(list(SHARES), **options, **quiet), name, SHARES)


def _chart(recorder: Recorder, symbol: str, params: Any, adjustment: float) -> Any:
    interval = HOUR.get(params.get("interval", "1d"), params.get("interval", "1d"))
    zone = UTC if symbol == "BTC-USD" else NEW_YORK
    if interval in SECONDS:
        rows = recorder.folded(symbol, interval)
    else:
        first = {
            "1d": lambda day: day,
            "1wk": lambda day: day - dt.timedelta(days=day.weekday()),
            "1mo": lambda day: day.replace(day=1),
        }[interval]
        rows = [[_at(day, zone), *bar] for day, *bar in recorder.periods(symbol, first)]
    rows = [row for row in rows if params.get("period1", 0) <= row[0] < params.get("period2", 2e9)]
    opened = [dt.datetime.fromtimestamp(row[0], zone).date() for row in rows]
    hours = [_hours(day, zone) for day in dict.fromkeys(opened)]
    quote = {name: [row[place] for row in rows] for place, name in enumerate(FIELDS, 1)}
    quote["volume"] = list(map(int, quote["volume"]))
    meta = {
        "currency": "USD",
        "symbol": symbol,
        "exchangeName": "NMS",
        "instrumentType": "CRYPTOCURRENCY" if zone is UTC else "EQUITY",
        "exchangeTimezoneName": "UTC" if zone is UTC else "America/New_York",
        "priceHint": 2,
        "dataGranularity": interval,
        "tradingPeriods": [[one] for one in hours],
        "currentTradingPeriod": dict.fromkeys(("pre", "regular", "post"), hours[-1]),
        "regularMarketPrice": rows[-1][4],
        "validRanges": ["1d", "5d", "1mo", "max"],
    }
    result: dict[str, Any] = {
        "meta": meta,
        "timestamp": [row[0] for row in rows],
        "indicators": {"quote": [quote]},
    }
    if interval not in SECONDS:
        result["indicators"]["adjclose"] = [{"adjclose": [row[4] * adjustment for row in rows]}]
    if interval == "1d" and zone is not UTC:
        paid = rows[5][0]
        result["events"] = {"dividends": {str(paid): {"amount": 0.25, "date": paid}}}
    return {"chart": {"result": [result], "error": None}}


def _at(day: dt.date, zone: Any) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def _hours(day: dt.date, zone: Any) -> dict[str, Any]:
    midnight = _at(day, zone)
    begin, end = (0, 86_340) if zone is UTC else (34_200, 57_600)
    return {"timezone": "EST", "start": midnight + begin, "end": midnight + end, "gmtoffset": 0}


_ROWS: dict[str, tuple[str, str, Callable[[list[Bar], int], Any]]] = {
    "binance": ("BTC/USDT", "BTCUSDT", lambda rows, step: [
        [t * 1000, *map(repr, bar), (t + step) * 1000 - 1, "1.0", 10, "1", "1", "0"]
        for t, *bar in rows
    ]),
    "kraken": ("BTC/USD", "XXBTZUSD", lambda rows, _: {"error": [], "result": {"XXBTZUSD": [
        [t, *map(repr, bar[:4]), repr(bar[3]), repr(bar[4]), 3] for t, *bar in rows
    ], "last": rows[-1][0]}}),
    "coinbase": ("BTC/USD", "BTC-USD", lambda rows, _: {"candles": [
        {"start": str(t), **dict(zip(FIELDS, map(repr, bar), strict=True))}
        for t, *bar in reversed(rows)
    ]}),
    "okx": ("BTC/USDT", "BTC-USDT", lambda rows, _: {"code": "0", "msg": "", "data": [
        [str(t * 1000), *map(repr, bar), repr(bar[4]), "1.0", "1"] for t, *bar in reversed(rows)
    ]}),
    "bitfinex": ("BTC/USD", "tBTCUSD", lambda rows, _: [
        [t * 1000, o, c, h, low, v] for t, o, h, low, c, v in rows
    ]),
}  # fmt: skip
"""Exchange: pair, the exchange's name for it, and its answer."""


def of_ccxt(recorder: Recorder) -> None:
    """Record `fetch_ohlcv` of exchanges whose answers differ."""
    import ccxt

    for exchange, (pair, name, answer) in _ROWS.items():
        client = getattr(ccxt, exchange)()
        base, quote = pair.split("/")
        market = {"id": name, "symbol": pair, "base": base, "quote": quote, "spot": True}
        market |= {"type": "spot", "active": True, "precision": {"price": 1e-8, "amount": 1e-8}}
        client.set_markets([client.safe_market_structure(market)])
        for frame in ("5m", "1h"):
            rows = recorder.folded("BTC-USD", frame)[-250:]
            client.fetch = lambda *_, rows=rows, frame=frame, answer=answer, **__: answer(
                rows, SECONDS[frame]
            )
            bars = client.fetch_ohlcv(pair, frame, since=rows[0][0] * 1_000, limit=250)
            recorder.keep(f"{exchange} {frame}", bars, frame, ["BTC-USD"], ask=True)


def of_databento(recorder: Recorder) -> None:
    """Record what a store gives: frames, CSV and JSON."""
    import databento
    import databento_dbn as dbn

    def store(schema: str, kind: int, rows: dict[str, list[Bar]]) -> Any:
        mappings, records = [], []
        times = [when for bars in rows.values() for when, *_ in bars]
        first, last = (
            dt.datetime.fromtimestamp(t / 1e9, UTC).date() for t in (min(times), max(times))
        )
        for number, (symbol, bars) in enumerate(rows.items(), 1):
            span = SimpleNamespace(
                start_date=first, end_date=last + dt.timedelta(days=1), symbol=str(number)
            )
            mappings.append(SimpleNamespace(raw_symbol=symbol, intervals=[span]))
            for when, *bar in bars:
                fixed = [round(price * 1e9) for price in bar[:4]]
                records.append(dbn.OHLCVMsg(kind, 2, number, when, *fixed, int(bar[4])))
        records.sort(key=lambda one: (one.ts_event, one.instrument_id))
        metadata = dbn.Metadata(
            "XNAS.ITCH", min(times), dbn.SType.RAW_SYMBOL, dbn.SType.INSTRUMENT_ID,
            dbn.Schema.from_str(schema), list(rows), [], [], mappings, end=max(times) + 1,
        )  # fmt: skip
        return databento.DBNStore.from_bytes(bytes(metadata) + b"".join(map(bytes, records)))

    day = lambda text: _at(dt.date.fromisoformat(text), UTC) * 10**9  # noqa: E731 - used twice
    stores = {
        "1d": store(
            "ohlcv-1d",
            0x23,
            {s: [[day(t), *b] for t, *b in recorder.bars[s]["1d"]] for s in SHARES},
        ),
        "1m": store(
            "ohlcv-1m",
            0x21,
            {s: [[t * 10**9, *b] for t, *b in recorder.bars[s]["1m"]] for s in SHARES},
        ),
    }
    for interval, one in stores.items():
        recorder.keep(f"frame {interval}", one.to_df(), interval, SHARES)
        zoned = one.to_df(tz="America/New_York")
        recorder.keep(f"zoned {interval}", zoned, interval, SHARES)
        fixed = one.to_df(price_type="fixed", pretty_ts=False)
        recorder.keep(f"fixed {interval}", fixed, interval, SHARES)


def of_alpaca(recorder: Recorder) -> None:
    """Record `BarSet.df` and the bars as models."""
    from alpaca.data.historical import StockHistoricalDataClient
    from alpaca.data.requests import StockBarsRequest
    from alpaca.data.timeframe import TimeFrame

    client = StockHistoricalDataClient("key", "secret")
    frames = {"1d": TimeFrame.Day, "1m": TimeFrame.Minute}
    for interval, frame in frames.items():
        answer = {s: [_alpaca_bar(row) for row in recorder.bars[s][interval]] for s in SHARES}
        body = {"bars": answer, "next_page_token": None}
        client._one_request = lambda *_, body=body, **__: body  # noqa: SLF001 - its transport
        request = StockBarsRequest(
            symbol_or_symbols=list(SHARES),
            timeframe=frame,
            start=dt.datetime(2023, 3, 1, tzinfo=UTC),
        )
        bars = client.get_stock_bars(request)
        recorder.keep(f"frame {interval}", bars.df, interval, SHARES)
        one = bars.df.loc["AAPL"]
        recorder.keep(f"one {interval}", one, interval, ["AAPL"], ask=True)
        recorder.keep(f"models {interval}", json.loads(bars.model_dump_json()), interval, SHARES)


def _alpaca_bar(row: Bar) -> dict[str, Any]:
    when = row[0] if isinstance(row[0], int) else _at(dt.date.fromisoformat(row[0]), NEW_YORK)
    text = dt.datetime.fromtimestamp(when, UTC).isoformat().replace("+00:00", "Z")
    return {"t": text, **dict(zip("ohlcv", row[1:], strict=True)), "n": 10, "vw": row[4]}


def of_ib_async(recorder: Recorder) -> None:
    """Record `util.df` and `util.tree` of historical bars."""
    from ib_async import BarData, BarDataList, util

    eastern = ZoneInfo("US/Eastern")
    times = {
        "1d": dt.date.fromisoformat,
        "1m": lambda when: dt.datetime.fromtimestamp(when, eastern),
    }
    for interval, time in times.items():
        bars = BarDataList(
            BarData(time(when), *prices, volume, prices[3], 7)
            for when, *prices, volume in recorder.bars["AAPL"][interval]
        )
        recorder.keep(f"frame {interval}", util.df(bars), interval, ["AAPL"], ask=True)
        tree = json.loads(json.dumps(util.tree(bars), default=str))
        recorder.keep(f"tree {interval}", tree, interval, ["AAPL"], ask=True)


def of_polygon(recorder: Recorder) -> None:
    """Record `list_aggs` as a frame and as dicts."""
    import dataclasses

    import pandas as pd
    from polygon import RESTClient

    client = RESTClient("key")
    for interval, span in (("1d", "day"), ("1m", "minute")):
        results = [_polygon_bar(row) for row in recorder.bars["AAPL"][interval]]
        body = {"ticker": "AAPL", "status": "OK", "resultsCount": len(results), "results": results}
        client.client.request = lambda *_, body=body, **__: Answer(body)
        aggregates = list(client.list_aggs("AAPL", 1, span, "2023-03-01", "2023-04-28"))
        recorder.keep(f"frame {interval}", pd.DataFrame(aggregates), interval, ["AAPL"], ask=True)
        dicts = [dataclasses.asdict(one) for one in aggregates]
        recorder.keep(f"dicts {interval}", dicts, interval, ["AAPL"], ask=True)


def _polygon_bar(row: Bar) -> dict[str, Any]:
    when = row[0] if isinstance(row[0], int) else _at(dt.date.fromisoformat(row[0]), NEW_YORK)
    prices = dict(zip("ohlcv", row[1:], strict=True))
    return {"t": when * 1_000, **prices, "vw": row[4], "n": 5}


def of_tiingo(recorder: Recorder) -> None:
    """Record `get_dataframe` and `get_ticker_price`."""
    from tiingo import TiingoClient

    client = TiingoClient({"api_key": "key"})
    rows = [
        {"date": f"{day}T00:00:00.000Z", **dict(zip(FIELDS, bar, strict=True)), "divCash": 0.0}
        | {f"adj{name.title()}": value * 0.98 for name, value in zip(FIELDS, bar, strict=True)}
        for day, *bar in recorder.bars["AAPL"]["1d"]
    ]
    client._request = lambda *_, **__: Answer(rows)  # noqa: SLF001 - its transport
    span = {"startDate": "2023-03-01", "endDate": "2023-04-28"}
    recorder.keep("frame", client.get_dataframe("AAPL", **span), "1d", ["AAPL"], ask=True)
    recorder.keep("dicts", client.get_ticker_price("AAPL", **span), "1d", ["AAPL"], ask=True)


LIBRARIES: dict[str, tuple[str, Callable[[Recorder], None]]] = {
    "yfinance": ("yfinance", of_yfinance),
    "ccxt": ("ccxt", of_ccxt),
    "databento": ("databento", of_databento),
    "alpaca": ("alpaca-py", of_alpaca),
    "ib_async": ("ib_async", of_ib_async),
    "polygon": ("polygon-api-client", of_polygon),
    "tiingo": ("tiingo", of_tiingo),
}


def main(library: str, folder: str | None = None) -> None:
    """Record one library's shapes."""
    package, record = LIBRARIES[library]
    recorder = Recorder(library, package, FOLDER if folder is None else Path(folder))
    record(recorder)
    recorder.finish()


if __name__ == "__main__":
    main(*sys.argv[1:])
