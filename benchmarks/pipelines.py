"""Pipelines beside zipline's engine and a query of polars written by hand.

    python benchmarks/pipelines.py [--assets 500 3000 8000] [--years 10] [--workloads ...]
    [--zipline PYTHON] [--rounds 3] [--folder .bench]

Its rule: every contender has the same bars in memory before the clock starts, and gives
the whole table; CPU seconds of the process count, all threads. zipline's engine gets its
bars from matrices, without its files on disk, and no adjustments: its best case. rbtlive
gets a long frame, of which the first pipeline over a portal makes matrices; "again" is
the next one over the same portal.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

WORKLOADS = ("screen", "five", "custom")
FIELDS = ("open", "high", "low", "close", "volume")
WARM_UP = 130  # sessions before the first row, for the longest window


def write(folder: Path, *, assets: int, years: int) -> Path:
    """Write random walks of daily bars as matrices, sessions down and assets across."""
    from rbtlive.data.calendars.calendar import get_calendar

    place = folder / f"pipelines-{assets}-{years}"
    if (place / "days.npy").exists():
        return place
    place.mkdir(parents=True, exist_ok=True)
    labels = get_calendar("XNYS").labels.astype("datetime64[D]")
    first = int(np.searchsorted(labels, np.datetime64("2008-01-02")))
    days = labels[first : first + 252 * years + WARM_UP]
    rng = np.random.Generator(np.random.PCG64(assets))
    close = np.exp(rng.normal(0.0002, 0.02, (len(days), assets)).cumsum(axis=0)) * 50
    opens = close * np.exp(rng.normal(0.0, 0.005, close.shape))
    late = rng.integers(-len(days), len(days) // 2, assets)
    missing = np.arange(len(days))[:, None] < late
    for name, values in {
        "open": opens,
        "high": np.maximum(opens, close) * 1.005,
        "low": np.minimum(opens, close) * 0.995,
        "close": close,
        "volume": rng.integers(1_000, 1_000_000, close.shape).astype(np.float64),
    }.items():
        values[missing] = 0.0 if name == "volume" else np.nan
        np.save(place / f"{name}.npy", np.round(values, 3))
    np.save(place / "late.npy", np.maximum(late, 0))
    np.save(place / "days.npy", days)
    return place


def pipeline(engine: str, workload: str) -> Any:
    """Return the pipeline of a workload, made of an engine's terms."""
    names = importlib.import_module(f"{engine}.pipeline")
    factors = importlib.import_module(f"{engine}.pipeline.factors")
    pricing = importlib.import_module(f"{engine}.pipeline.data").USEquityPricing
    adv = factors.AverageDollarVolume(window_length=20)
    if workload == "screen":
        momentum = factors.Returns(window_length=126)
        liquid = adv.top(200)
        columns = {"momentum": momentum, "rank": momentum.rank(mask=liquid), "adv": adv}
        return names.Pipeline(columns, screen=liquid)
    if workload == "five":
        built = {
            "momentum": factors.Returns(window_length=60),
            "mean": factors.SimpleMovingAverage(inputs=[pricing.close], window_length=50),
            "adv": adv,
            "rsi": factors.RSI(window_length=15),
            "vwap": factors.VWAP(window_length=20),
        }
        ranks = {f"{name}_rank": term.rank() for name, term in built.items()}
        return names.Pipeline(built | ranks, screen=built["adv"].percentile_between(90, 100))

    class Acceleration(names.CustomFactor):
        inputs = (pricing.close,)
        window_length = 60

        def compute(self, _today: Any, _assets: Any, out: Any, close: Any) -> None:
            out[:] = close[-1] / close[-20] - close[-20] / close[0]

    return names.Pipeline({"x": Acceleration()}, screen=adv.top(200))


def rbtlive_contender(place: Path, workload: str) -> Callable[[], Any]:
    """Return what computes a workload with rbtlive."""
    import pandas as pd  # imports do not count, of no contender

    import rbtlive as rbt

    assert pd.__version__
    for module in ("engine", "output", "plan", "source"):
        importlib.import_module(f"rbtlive.pipeline.{module}")
    days = np.load(place / "days.npy")
    portal = rbt.PolarsDataPortal(long_frame(place))
    pipe = pipeline("rbtlive", workload)
    return lambda: rbt.run_pipeline(pipe, days[WARM_UP].item(), days[-1].item(), portal)


def rbtlive_again(place: Path, workload: str) -> Callable[[], Any]:
    """Return what computes it over bars that an earlier pipeline has laid out."""
    run = rbtlive_contender(place, workload)
    run()
    return run


def long_frame(place: Path) -> Any:
    """Return the bars as a long polars frame, sorted by symbol and date."""
    import polars as pl

    days = np.load(place / "days.npy")
    close = np.load(place / "close.npy")
    width = close.shape[1]
    symbols = [f"A{number:05d}" for number in range(width)]
    columns: dict[str, Any] = {
        "date": np.tile(days, width),
        "symbol": pl.Series(symbols).gather(np.repeat(np.arange(width), len(days))),
    }
    for name in FIELDS:
        columns[name] = np.load(place / f"{name}.npy").T.reshape(-1)
    return pl.DataFrame(columns).filter(pl.col("close").is_not_nan())


def zipline_contender(place: Path, workload: str) -> Callable[[], Any]:
    """Return what computes a workload with zipline's engine."""
    import pandas as pd

    days = pd.DatetimeIndex(np.load(place / "days.npy").astype("datetime64[ns]"))
    arrays = {name: np.load(place / f"{name}.npy") for name in FIELDS}
    late = np.load(place / "late.npy")
    pipe = pipeline("zipline", workload)
    engine = zipline_engine(arrays, days, late)
    return lambda: engine.run_pipeline(pipe, days[WARM_UP], days[-1])


class Matrices:
    """zipline's reader of raw bars, out of matrices.

    Args:
        arrays: By field, sessions x assets.
        days: Labels of the sessions.
    """

    def __init__(self, arrays: dict[str, Any], days: Any) -> None:
        self._arrays = arrays
        self._days = days

    def load_raw_arrays(self, columns: Any, start: Any, end: Any, assets: Any) -> list[Any]:
        """Return copies of the rows `start` to `end` of some assets."""
        first, last = self._days.get_loc(start), self._days.get_loc(end)
        return [self._arrays[name][first : last + 1][:, list(assets)] for name in columns]


class NoAdjustments:
    """zipline's reader of adjustments, of a market without any."""

    def load_pricing_adjustments(self, columns: Any, _dates: Any, _assets: Any) -> list[Any]:
        """Return no adjustments, a column each."""
        return [{} for _ in columns]


def zipline_engine(arrays: dict[str, Any], days: Any, late: Any) -> Any:
    """Return zipline's engine over matrices of bars."""
    import pandas as pd

    def module(name: str) -> Any:
        return importlib.import_module(f"zipline.{name}")

    sql = importlib.import_module("sqlalchemy").create_engine("sqlite://")
    width = len(late)
    equities = pd.DataFrame(
        {
            "symbol": [f"A{number:05d}" for number in range(width)],
            "start_date": days[late],
            "end_date": days[-1],
            "exchange": "NYSE",
        }
    )
    exchanges = pd.DataFrame({"exchange": ["NYSE"], "country_code": ["US"]})
    module("assets").AssetDBWriter(sql).write(equities=equities, exchanges=exchanges)
    loader = module("pipeline.loaders").USEquityPricingLoader.without_fx(
        Matrices(arrays, days), NoAdjustments()
    )
    return module("pipeline.engine").SimplePipelineEngine(
        lambda _column: loader,
        module("assets").AssetFinder(sql),
        module("pipeline.domain").US_EQUITIES,
    )


def polars_contender(place: Path, workload: str) -> Callable[[], Any]:
    """Return what computes a workload as a query of polars, written by hand."""
    import polars as pl

    frame, days = long_frame(place), np.load(place / "days.npy")
    close, volume = pl.col("close"), pl.col("volume")

    def known(expression: Any) -> Any:
        return expression.shift(1).over("symbol")

    def ranked(name: str) -> Any:
        return pl.col(name).rank("ordinal").over("date").alias(f"{name}_rank")

    def change(length: int) -> Any:
        return close / close.shift(length - 1) - 1.0

    adv = known((close * volume).rolling_mean(20, min_samples=1)).alias("adv")
    largest = pl.col("adv").rank("ordinal", descending=True).over("date") <= 200
    step = close.diff()
    ups = step.clip(lower_bound=0.0).rolling_mean(14, min_samples=1)
    downs = (-step.clip(upper_bound=0.0)).rolling_mean(14, min_samples=1)
    traded = (close * volume).rolling_sum(20, min_samples=1)
    shown = frame.lazy()
    if workload == "screen":
        shown = shown.with_columns(adv, momentum=known(change(126))).filter(largest)
        shown = shown.with_columns(rank=pl.col("momentum").rank("ordinal").over("date"))
        shown = shown.select("date", "symbol", "momentum", "rank", "adv")
    elif workload == "five":
        names = ["momentum", "mean", "adv", "rsi", "vwap"]
        shown = shown.with_columns(
            adv,
            momentum=known(change(60)),
            mean=known(close.rolling_mean(50, min_samples=1)),
            rsi=known(100 - 100 / (1 + ups / downs)),
            vwap=known(traded / volume.rolling_sum(20, min_samples=1)),
        ).with_columns([ranked(name) for name in names])
        edge = pl.col("adv").quantile(0.9, "linear").over("date")
        shown = shown.filter(pl.col("adv") >= edge)
        shown = shown.select("date", "symbol", *names, *[f"{name}_rank" for name in names])
    else:
        x = known(close / close.shift(19) - close.shift(19) / close.shift(59)).alias("x")
        shown = shown.with_columns(adv, x).filter(largest).select("date", "symbol", "x")
    begin = days[WARM_UP].item()
    return lambda: shown.filter(pl.col("date") >= begin).sort("date", "symbol").collect()


CONTENDERS = {
    "rbtlive": rbtlive_contender,
    "again": rbtlive_again,
    "zipline": zipline_contender,
    "polars": polars_contender,
}


def inside(name: str, place: Path, workload: str) -> None:
    """Run one contender and print what it took as JSON."""
    run = CONTENDERS[name](place, workload)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, wall = time.process_time(), time.perf_counter()
    table = run()
    took = time.process_time() - began
    wall = time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    column = table["x" if workload == "custom" else "momentum"]
    total = float(np.nansum(np.asarray(column, dtype=np.float64)))
    facts = {"cpu_s": took, "wall_s": wall, "rows": len(table), "sum": total}
    print(json.dumps(facts | {"before_mb": before, "peak_mb": peak}))


def measured(name: str, python: str, place: Path, workload: str, rounds: int) -> dict[str, Any]:
    """Return the median round of a contender, each in a process of its own."""
    command = [python, __file__, "--inside", name, "--place", str(place), "--workloads", workload]
    outputs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(rounds)
    ]
    return sorted(outputs, key=lambda one: one["cpu_s"])[len(outputs) // 2]  # type: ignore[no-any-return]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, nargs="+", default=[500, 3_000, 8_000])
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--workloads", nargs="+", default=list(WORKLOADS), choices=WORKLOADS)
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS))
    parser.add_argument("--zipline", help="interpreter with zipline-reloaded; made if left out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(".bench"))
    parser.add_argument("--inside", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options.inside, options.place, options.workloads[0])
        return
    if "zipline" in options.contenders and options.zipline is None:
        from benchmarks import environments

        options.zipline = str(environments.python_of("zipline", environments.folder()))
    print("| assets | workload | engine | CPU s | wall s | rows | sum | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for assets in options.assets:
        place = write(options.folder, assets=assets, years=options.years)
        for workload in options.workloads:
            for name in options.contenders:
                python = options.zipline if name == "zipline" else sys.executable
                one = measured(name, python, place, workload, options.rounds)
                print(
                    f"| {assets:,} | {workload} | {name} | {one['cpu_s']:.2f} | {one['wall_s']:.2f} | "
                    f"{one['rows']:,} | {one['sum']:.6g} | {one['peak_mb']:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
