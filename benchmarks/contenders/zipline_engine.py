"""zipline-reloaded: a bundle ingested from frames, two history calls a bar; it runs a
slice of the workload.
"""

# ruff: noqa: E402, ARG001 - the folder is read at import; signatures are the engine's

import os
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("ZIPLINE_ROOT", tempfile.mkdtemp(prefix="zipline-bench-"))
warnings.simplefilter("ignore")

import pandas as pd
from zipline import run_algorithm
from zipline.api import order_target, order_target_percent, set_commission, set_slippage, symbol
from zipline.data import bundles
from zipline.finance.commission import PerDollar
from zipline.finance.slippage import NoSlippage
from zipline.utils.calendar_utils import get_calendar

from benchmarks.measure import Outcome, main
from benchmarks.workloads import (
    CAPITAL,
    COMMISSION,
    EVERY,
    FAST,
    SHARES,
    SLOW,
    WINDOW,
    Bars,
    symbols,
)

MINUTES, DAYS = 14 * 1_440, 1_000


def _costs():
    set_commission(PerDollar(COMMISSION))
    set_slippage(NoSlippage())


def initialize_crossover(context):
    _costs()
    context.asset, context.bars, context.was_above = symbol("A000"), 0, None


def crossover(context, data):
    context.bars += 1
    if context.bars < SLOW:
        return
    fast = data.history(context.asset, "close", FAST, "1m").mean()
    slow = data.history(context.asset, "close", SLOW, "1m").mean()
    above = fast > slow
    if context.was_above is not None and above != context.was_above:
        order_target(context.asset, SHARES if above else 0)
    context.was_above = above


def initialize_rotation(context):
    _costs()
    context.day = -1
    context.universe = [symbol(name) for name in symbols(50)]


def rotation(context, data):
    context.day += 1
    if context.day < WINDOW:
        return
    frame = data.history(context.universe, "close", WINDOW, "1d")
    context.closes, context.means = frame.iloc[-1], frame.mean()
    if context.day % EVERY == 0:
        for asset in context.universe:
            order_target_percent(asset, 1 / len(context.universe))


def _frames(bars, index, count):
    names = ("open", "high", "low", "close", "volume")
    fields = (bars.opens, bars.highs, bars.lows, bars.closes, bars.volumes)
    for place in range(bars.closes.shape[1]):
        yield pd.DataFrame(
            {name: field[:count, place] for name, field in zip(names, fields, strict=True)},
            index=index,
        )


def _bundle(bars: Bars, *, frequency):
    count = min(len(bars.times), MINUTES if frequency == "minute" else DAYS)
    calendar = get_calendar("24/7")
    if frequency == "minute":
        index = pd.to_datetime(bars.times[:count], unit="us", utc=True) - pd.Timedelta(
            minutes=1
        )  # its minutes begin at 00:00
        sessions = calendar.sessions_in_range(
            index[0].tz_localize(None).normalize(), index[-1].tz_localize(None).normalize()
        )
    else:
        index = pd.to_datetime(bars.times[:count], unit="D")
        sessions = calendar.sessions_in_range(index[0], index[-1])

    def ingest(environ, assets, minutes, daily, adjustments, *rest):
        width = bars.closes.shape[1]
        table = pd.DataFrame(
            {
                "symbol": symbols(width),
                "start_date": sessions[0],
                "end_date": sessions[-1],
                "exchange": "X",
            }
        )
        assets.write(
            equities=table,
            exchanges=pd.DataFrame(
                [{"exchange": "X", "canonical_name": "X", "country_code": "US"}]
            ),
        )
        frames = list(_frames(bars, index, count))
        if frequency == "minute":
            minutes.write(enumerate(frames))
            how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
            frames = [
                frame.groupby(frame.index.tz_localize(None).normalize()).agg(how)
                for frame in frames
            ]
        daily.write((place, frame.reindex(sessions)) for place, frame in enumerate(frames))
        adjustments.write()

    bundles.register(
        "benchmark",
        ingest,
        calendar_name="24/7",
        start_session=sessions[0],
        end_session=sessions[-1],
        minutes_per_day=1440,
    )
    bundles.ingest("benchmark")
    return calendar, sessions, count


def prepare(frequency):
    return lambda bars: (*_bundle(bars, frequency=frequency), frequency)


def run(initialize, handle_data):
    def of(ready):
        calendar, sessions, count, frequency = ready
        perf = run_algorithm(
            start=sessions[0]
            + (pd.Timedelta(days=1) if frequency == "minute" else pd.Timedelta(0)),
            end=sessions[-1],
            initialize=initialize,
            handle_data=handle_data,
            capital_base=CAPITAL,
            data_frequency=frequency,
            bundle="benchmark",
            trading_calendar=calendar,
            default_extension=False,
        )
        bars = count - 1_440 if frequency == "minute" else count
        return Outcome(perf["portfolio_value"].iloc[-1], sum(map(len, perf["transactions"])), bars)

    return of


if __name__ == "__main__":
    main(
        {
            "A1": (prepare("minute"), run(initialize_crossover, crossover)),
            "A2": (prepare("daily"), run(initialize_rotation, rotation)),
        }
    )
