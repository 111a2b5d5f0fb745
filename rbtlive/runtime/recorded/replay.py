"""The market that a recorded run knew, as a portal.

The rule: the bars are those that the session saw, taken from its journal, never from
the source they came from.
"""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import polars as pl

from rbtlive.core.state.settings import RunSettings
from rbtlive.data.calendars.calendar import us_of
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import RunNotFound
from rbtlive.model.events import MarketDataEvent
from rbtlive.runtime.journal.files import StateFolder
from rbtlive.runtime.journal.journal import RecordedRun, open_run

_PRICES = ("open", "high", "low", "close", "volume")
_MOST_DIGITS = 38


def find_recorded(folder: StateFolder, name: str, run_id: str) -> RecordedRun:
    """Open the journal of a run by its id, wherever later runs of the same name have
    moved it.

    Raises:
        RunNotFound: its file is gone.
    """
    for number in (None, *reversed(folder.earlier_runs(name))):
        with contextlib.suppress(RunNotFound):
            recorded = open_run(folder, name, number)
            if recorded.run_id == run_id:
                return recorded
            recorded.close()
    raise RunNotFound(
        f"the journal of run {run_id} of session {name!r} is gone from the state folder"
    )


def recorded_portal(
    run: RecordedRun, folder: StateFolder, settings: RunSettings
) -> PolarsDataPortal:
    """Return everything the session knew of the market: its history, and every bar it
    was given since.
    """
    header = run.header
    stored = {
        kind: folder.load_bars(name) if name else None for kind, name in header["history"].items()
    }
    if stored["daily"] is not None:
        stored["daily"] = stored["daily"].filter(pl.col("date") < settings.start)
    if stored["minute"] is not None:
        calendar = settings.sessions
        opening = calendar.open(calendar.number(settings.start))
        stored["minute"] = stored["minute"].filter(pl.col("timestamp") <= opening)
    seen = _seen_bars(run, settings)
    daily, minute = (
        None if bars is None or bars.is_empty() else bars
        for bars in (stored["daily"], stored["minute"])
    )
    if settings.intraday:
        minute = seen if minute is None else pl.concat([minute, seen])
    else:  # which reads no intraday bars
        minute = None
        daily = seen if daily is None else pl.concat([daily, seen])
    assets = pl.DataFrame(header["assets"], infer_schema_length=None).with_columns(
        pl.col("start_date", "end_date", "auto_close_date").str.to_date(),
        pl.col("lot_size", "tick_size").cast(pl.Decimal(38, 12)),
    )
    return PolarsDataPortal(
        daily,
        minute_bars=minute,
        assets=assets,
        splits=_facts(header["splits"], ("effective_date",)),
        dividends=_facts(header["dividends"], ("ex_date", "pay_date")),
        calendar=settings.calendar,
        interval=settings.interval,
    )


def _facts(rows: list[dict[str, Any]], dates: tuple[str, ...]) -> pl.DataFrame | None:
    if not rows:
        return None
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(
        pl.col(*dates).cast(pl.String).str.to_date(),
        *(
            _exactly(name, [row[name] for row in rows])
            for name in ("ratio", "amount")
            if name in rows[0]
        ),
    )


# To the last digit: a ratio of one third has sixteen, and positions are valued with all
# of them.
def _exactly(name: str, texts: list[str]) -> pl.Series:
    numbers = [Decimal(text) for text in texts]
    digits = [len(text.partition(".")[2]) for text in texts]
    whole = max(number.adjusted() + 1 for number in numbers)
    if (
        max(digits) + max(whole, 1) > _MOST_DIGITS
    ):  # of such a spread they can only have been floats
        return pl.Series(name, [float(number) for number in numbers], dtype=pl.Float64)
    return pl.Series(name, numbers, dtype=pl.Decimal(_MOST_DIGITS, max(digits)))


def _seen_bars(run: RecordedRun, settings: RunSettings) -> pl.DataFrame:
    calendar = settings.sessions
    name = "timestamp" if settings.intraday else "date"
    columns: dict[str, list[Any]] = {key: [] for key in (name, "symbol", *_PRICES)}
    for _seq, event in run.events():
        if isinstance(event, MarketDataEvent) and event.bars:
            when: Any = event.timestamp
            if not settings.intraday:
                when = calendar.label(calendar.session_of_us(us_of(when)))
            for symbol, bar in event.bars.items():
                columns[name].append(when)
                columns["symbol"].append(symbol)
                for price in _PRICES:
                    columns[price].append(float(getattr(bar, price)))
    kind = pl.Datetime("us", "UTC") if settings.intraday else pl.Date()
    return pl.DataFrame(
        columns, schema={name: kind, "symbol": pl.String, **dict.fromkeys(_PRICES, pl.Float64())}
    )
