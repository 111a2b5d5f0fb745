"""Make the sample bars that ship with the package, from the PyPI package
bokeh_sampledata.

    python scripts/make_samples.py [FOLDER]

The source has unadjusted prices and an adjusted close that holds every split and
dividend. The ratio of the two closes steps on the day of a split or dividend and
nowhere else, so both can be read back from it:

* on an ex date the source multiplies all earlier prices by 1 / (1 + amount / close of
  the ex date);
* on the day of a split it multiplies them by the split's ratio (0.5 for two for one),
  and the price itself jumps.

Nothing is written unless splits and dividends, rounded as they are stored, give back
the source's adjusted close.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import polars as pl
from bokeh_sampledata import stocks

from rbtlive.data.calendars.exchange_library import evaluate

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
TARGET = Path(__file__).parents[1] / "rbtlive" / "data" / "samples"
STEP = 1e-9  # the ratio of the closes wobbles by less than this where nothing happened
JUMP = 1.3  # a split moves the price by more than this, up or down
AGREEMENT = 1e-9  # largest relative difference between our adjusted close and the source's


def read_source() -> pl.DataFrame:
    """Return the source's rows of all symbols, sorted by symbol and date."""
    frames = [
        pl.DataFrame(getattr(stocks, symbol)).with_columns(
            pl.col("date").str.to_date(),
            pl.lit(symbol).alias("symbol"),
            pl.col("volume").cast(pl.Int64),
        )
        for symbol in SYMBOLS
    ]
    return pl.concat(frames).sort("symbol", "date")


def keep_sessions(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose date is a session of the New York Stock Exchange; print how
    many are left out.
    """
    calendar = evaluate("XNYS", start="1999-01-01")
    sessions = pl.Series("date", calendar.sessions.to_numpy()).cast(pl.Date)
    kept = rows.filter(pl.col("date").is_in(sessions.implode()))
    left_out = rows.height - kept.height
    print(f"{kept.height} rows, {left_out} left out because their date is no XNYS session")
    expected = sessions.filter(sessions.is_between(rows["date"].min(), rows["date"].max()))
    for (symbol,), group in kept.group_by("symbol", maintain_order=True):
        first, last = group["date"].item(0), group["date"].item(-1)
        gaps = expected.filter(expected >= first).len() - group.height
        print(f"  {symbol}: {group.height} bars, {first} to {last}, {gaps} sessions without a bar")
    return kept


def steps(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the days on which close / adjusted close changes, with the size of the
    change and of the price's jump.
    """
    factor = pl.col("adj_close") / pl.col("close")
    return rows.with_columns(
        step=(factor / factor.shift(1)).over("symbol"),
        jump=(pl.col("close").shift(1) / pl.col("close")).over("symbol"),
    ).filter((pl.col("step") - 1).abs() > STEP)


def split_ratio(step: float, *, symbol: str, date: object) -> float:
    """Return new price / old price of a split as the simple fraction that `step` must
    be.

    Raises:
        ValueError: `step` is no simple fraction: a split and a dividend on one day, or
            a source that changed.
    """
    fraction = Fraction(step).limit_denominator(10)
    if abs(float(fraction) - step) > 1e-6:
        raise ValueError(
            f"the split of {symbol} on {date} must be a simple fraction: was {step}; look at the "
            "source"
        )
    return float(1 / fraction)


def derive_splits(changes: pl.DataFrame) -> pl.DataFrame:
    """Return the splits among the days of change: the price jumped with the factor."""
    found = changes.filter((pl.col("jump") > JUMP) | (pl.col("jump") < 1 / JUMP))
    rows = [
        (
            row["symbol"],
            row["date"],
            split_ratio(row["step"], symbol=row["symbol"], date=row["date"]),
        )
        for row in found.iter_rows(named=True)
    ]
    schema = {"symbol": pl.String, "effective_date": pl.Date, "ratio": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def derive_dividends(changes: pl.DataFrame) -> pl.DataFrame:
    """Return the dividends among the days of change, in dollars a share, rounded to the
    cent.
    """
    found = changes.filter(pl.col("jump").is_between(1 / JUMP, JUMP))
    return found.select(
        "symbol",
        pl.col("date").alias("ex_date"),
        pl.col("date").alias("pay_date"),
        ((pl.col("step") - 1) * pl.col("close")).round(2).alias("amount"),
    )


def adjusted_close(
    bars: pl.DataFrame, splits: pl.DataFrame, dividends: pl.DataFrame
) -> pl.DataFrame:
    """Return `bars` with `adjusted`: the close divided by every later step, 1 from the
    last step on.

    Args:
        bars: At least symbol, date, close; sorted by symbol and date.
        splits: symbol, effective_date, ratio.
        dividends: symbol, ex_date, amount.
    """
    return (
        bars.join(
            splits, left_on=["symbol", "date"], right_on=["symbol", "effective_date"], how="left"
        )
        .join(dividends, left_on=["symbol", "date"], right_on=["symbol", "ex_date"], how="left")
        .with_columns(
            step=(1 + pl.col("amount").fill_null(0.0) / pl.col("close"))
            / pl.col("ratio").fill_null(1.0)
        )
        .with_columns(
            later=pl.col("step").cum_prod(reverse=True).shift(-1, fill_value=1.0).over("symbol")
        )
        .with_columns(adjusted=pl.col("close") / pl.col("later"))
        .sort("symbol", "date")
    )


def disagreement(bars: pl.DataFrame, source: pl.DataFrame) -> float:
    """Return the largest relative difference between `adjusted` and the source's
    adjusted close.

    The source also knows of splits and dividends after the last bar: one constant
    factor a symbol, taken from its last row.
    """
    both = bars.join(source.select("symbol", "date", theirs="adj_close"), on=["symbol", "date"])
    constant = (pl.col("theirs") / pl.col("adjusted")).last().over("symbol")
    gap = both.select(((pl.col("adjusted") * constant / pl.col("theirs")) - 1).abs().max()).item()
    return float(gap)


def main(target: Path) -> None:
    """Make the three files in `target` and print what is in them.

    Raises:
        ValueError: the splits and dividends found do not explain the source's adjusted
            close.
    """
    print(f"bokeh_sampledata {version('bokeh_sampledata')}")
    source = keep_sessions(read_source())
    changes = steps(source)
    splits, dividends = derive_splits(changes), derive_dividends(changes)
    bars = source.select("date", "symbol", "open", "high", "low", "close", "volume")
    gap = disagreement(adjusted_close(bars, splits, dividends), source)
    print(
        f"{splits.height} splits, {dividends.height} dividends; applied to the close they give the adjusted close "
        f"of the source within a factor of 1 +- {gap:.1e}"
    )
    if gap > AGREEMENT:
        raise ValueError(
            f"the adjusted close must be explained within {AGREEMENT}: was {gap}; look at the "
            "source"
        )
    for name, frame in (("bars", bars), ("splits", splits), ("dividends", dividends)):
        path = target / f"us_daily_{name}.parquet"
        frame.write_parquet(path, compression="zstd", compression_level=19, statistics=False)
        print(f"{path.name}: {frame.height} rows, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
