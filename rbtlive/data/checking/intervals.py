"""The length of the bars that a user passes: as stated, and as the data shows."""

from __future__ import annotations

import polars as pl

from rbtlive.data.calendars.grid import period_keys
from rbtlive.data.checking.frames import read_frame
from rbtlive.data.checking.schema import typed_bars
from rbtlive.data.checking.typed_columns import instant_column
from rbtlive.errors import BadFrequency
from rbtlive.model.arrays import np
from rbtlive.model.interval import DAY, DAY_US, MINUTE, MINUTE_US, USUAL_INTERVALS, Interval


def interval_of(interval: str | Interval | None, *, minute_bars: object) -> Interval:
    """Return the interval for the argument `interval=` and the kind of bars passed.

    Raises:
        BadFrequency: it is not an interval, or does not fit the kind of bars.
    """
    finest = DAY if minute_bars is None else MINUTE
    if interval is None:
        return finest
    wanted = Interval.parse(interval, name="interval")
    if wanted.intraday != finest.intraday or (wanted.spans_sessions and minute_bars is not None):
        place = "minute_bars" if wanted.intraday else "bars, without minute_bars"
        raise BadFrequency(
            f"interval must be that of the bars given: was {wanted.text!r}, which is one of "
            f"{place}; pass them there"
        )
    return wanted


def no_such_bars(there: Interval, wanted: Interval) -> str:
    """Return the message for bars that do not add up to the wanted interval."""
    if wanted == MINUTE and not there.intraday:
        return (
            "frequency must be '1d' for a portal without minute bars: was '1m'; pass minute_bars= "
            "to the portal"
        )
    longer = "such as " + ", ".join(
        repr(text) for text in USUAL_INTERVALS if there.makes_up(Interval.parse(text))
    )
    return (
        f"frequency must be one that bars of {there.text!r} add up to, {longer}: was "
        f"{wanted.text!r}; give the portal shorter bars, or ask for longer ones"
    )


def has_shorter_rows(data: object, interval: Interval) -> bool:
    """Say whether a symbol has two bars in one week or month.

    Raises:
        DataError: the bars cannot be used.
    """
    bars = typed_bars(data, what="bars")
    times = bars.frame[bars.time_column].to_numpy()
    # A bar that ends at midnight belongs to the day before.
    labels = times if times.dtype.kind == "M" else ((times - 1) // DAY_US).astype("datetime64[D]")
    keys = pl.Series("period", period_keys(labels, interval))
    return bool(pl.DataFrame([keys, bars.frame["symbol"]]).is_duplicated().any())


def minutes_apart(data: object) -> int:
    """Return the number of minutes of which the distances between bar times are
    multiples; 0 if there is only one time.

    Raises:
        DataError: the bars cannot be used.
    """
    frame = read_frame(data, what="minute_bars", wanted=("timestamp",))
    if "timestamp" not in frame.columns:
        return 1  # the portal reports the error
    times = instant_column(frame, "timestamp", what="minute_bars").drop_nulls().unique().sort()
    apart = int(np.gcd.reduce(np.diff(times.to_numpy()), initial=0))
    return 1 if apart % MINUTE_US else apart // MINUTE_US
