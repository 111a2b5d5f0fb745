"""Terms of pipelines one by one, beside zipline's engine.

    python benchmarks/pipeline_terms.py [--assets 3000] [--years 1] [--rounds 2]
    [--zipline PYTHON] [--terms ...]

Its rule: that of `benchmarks/pipelines.py`, whose bars it takes. One process an engine
computes one pipeline a term, after a first one that does not count: bars are laid out.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks import pipelines

LIQUID = 100  # assets of the screen: what is shown of a term costs little


def _custom_terms(names: Any, pricing: Any) -> dict[str, Any]:
    class Sector(names.CustomClassifier):
        inputs = (pricing.close,)
        window_length = 1
        dtype = np.int64
        missing_value = -1

        def compute(self, _today: Any, assets: Any, out: Any, _close: Any) -> None:
            out[:] = np.asarray(assets) % 11

    class Mean(names.CustomFactor):
        inputs = (pricing.close,)
        window_length = 20

        def compute(self, _today: Any, _assets: Any, out: Any, close: Any) -> None:
            out[:] = np.nanmean(close, axis=0)

    class Gap(names.CustomFactor):
        inputs = (pricing.open, pricing.close)
        window_length = 2

        def compute(self, _today: Any, _assets: Any, out: Any, opens: Any, close: Any) -> None:
            out[:] = opens[-1] / close[0] - 1.0

    return {"sector": Sector(), "mean": Mean(), "gap": Gap()}


def terms(engine: str, first: Any) -> dict[str, Any]:
    """Return terms by name, made of an engine's classes.

    Args:
        engine: "rbtlive" or "zipline".
        first: The asset that others are compared with.
    """
    names = importlib.import_module(f"{engine}.pipeline")
    factors = importlib.import_module(f"{engine}.pipeline.factors")
    pricing = importlib.import_module(f"{engine}.pipeline.data").USEquityPricing
    own = _custom_terms(names, pricing)
    sector = own["sector"]
    momentum = factors.Returns(window_length=21)
    liquid = factors.AverageDollarVolume(window_length=20).percentile_between(50, 100)
    close, daily = pricing.close, factors.DailyReturns()
    bands = factors.BollingerBands(window_length=20, k=2)
    fit = factors.RollingLinearRegressionOfReturns(first, 2, 20)
    return {
        "close.latest": close.latest,
        "rank()": momentum.rank(),
        "rank(ascending=False)": momentum.rank(ascending=False),
        "rank(mask=half)": momentum.rank(mask=liquid),
        "rank(groupby=)": momentum.rank(groupby=sector),
        'rank("average")': factors.DailyReturns(mask=liquid).rank(method="average", mask=liquid),
        "top(200)": momentum.top(200),
        "bottom(50, mask=half)": momentum.bottom(50, mask=liquid),
        "top(5, groupby=)": momentum.top(5, groupby=sector),
        "top(1)": momentum.top(1),
        "top(1, groupby=)": momentum.top(1, groupby=sector),
        "percentile_between(10, 90)": momentum.percentile_between(10, 90),
        "quartiles()": momentum.quartiles(),
        "deciles(mask=half)": momentum.deciles(mask=liquid),
        "demean()": momentum.demean(),
        "demean(groupby=)": momentum.demean(groupby=sector),
        "zscore()": momentum.zscore(),
        "zscore(mask=half)": momentum.zscore(mask=liquid),
        "zscore(groupby=)": momentum.zscore(groupby=sector),
        "winsorize(0.05, 0.95)": momentum.winsorize(0.05, 0.95),
        "winsorize(groupby=)": momentum.winsorize(0.05, 0.95, groupby=sector),
        "peer_count()": sector.peer_count(),
        "mean()": momentum - momentum.mean(),
        "median()": momentum - momentum.median(),
        "clip()": momentum.clip(-0.1, 0.1),
        "fillna()": momentum.fillna(0.0),
        "if_else()": liquid.if_else(momentum, -momentum),
        "arithmetic": (momentum.log1p() / daily.abs() + 2.0 * momentum - 1.0) ** 2.0,
        "filters combined": (momentum > 0.02) & ~(daily < 0.0) | (momentum < -0.1),
        'downsample("month_start")': momentum.zscore().downsample("month_start"),
        "custom.downsample()": own["mean"].downsample("week_start"),
        "RSI(15)": factors.RSI(window_length=15),
        "MACDSignal()": factors.MACDSignal(),
        "EWMA(30)": factors.EWMA([close], window_length=30, decay_rate=0.9),
        "EWMSTD(30)": factors.EWMSTD([close], window_length=30, decay_rate=0.9),
        "LinearWeightedMovingAverage(20)": factors.LinearWeightedMovingAverage(
            [close], window_length=20
        ),
        "BollingerBands(20)": bands.upper,
        "Aroon(25)": factors.Aroon(window_length=25, mask=_present(names, pricing)).up,
        "FastStochasticOscillator(14)": factors.FastStochasticOscillator(),
        "IchimokuKinkoHyo()": factors.IchimokuKinkoHyo().senkou_span_b,
        "TrueRange()": factors.TrueRange(),
        "MaxDrawdown(60)": factors.MaxDrawdown([close], window_length=60),
        "AnnualizedVolatility(60)": factors.AnnualizedVolatility(window_length=60),
        "RollingPearsonOfReturns(2, 30)": factors.RollingPearsonOfReturns(first, 2, 30),
        "RollingSpearmanOfReturns(2, 30)": factors.RollingSpearmanOfReturns(first, 2, 30),
        "linear_regression(20)": fit.beta,
        "SimpleBeta(60)": factors.SimpleBeta(first, 60),
        "nanmean CustomFactor(20)": own["mean"],
        "gap CustomFactor(2)": own["gap"],
        "masked CustomFactor(20)": type(own["mean"])(mask=liquid),
        "AllPresent(20)": _present(names, pricing),
        "All(10)": _smoothed(engine, "All", momentum > 0.0, window_length=10),
        "AtLeastN(10)": _smoothed(engine, "AtLeastN", momentum > 0.0, window_length=10, N=3),
    }


def _present(names: Any, pricing: Any) -> Any:
    filters = importlib.import_module(f"{names.__name__}.filters")
    return filters.AllPresent([pricing.low], window_length=25)


def _smoothed(engine: str, name: str, condition: Any, **arguments: Any) -> Any:
    filters = importlib.import_module(f"{engine}.pipeline.filters")
    return getattr(filters, name)(inputs=[condition], **arguments)


def run_of(engine: str, place: Path) -> tuple[Callable[[Any], Any], Any]:
    """Return what computes a pipeline of an engine, and its first asset."""
    days = np.load(place / "days.npy")
    late = np.load(place / "late.npy")
    oldest = int(np.flatnonzero(late == 0)[0])
    begin, end = days[pipelines.WARM_UP].item(), days[-1].item()
    if engine == "zipline":
        import pandas as pd

        stamps = pd.DatetimeIndex(days.astype("datetime64[ns]"))
        arrays = {name: np.load(place / f"{name}.npy") for name in pipelines.FIELDS}
        made = pipelines.zipline_engine(arrays, stamps, late)
        finder = made._finder  # noqa: SLF001 - the engine hands its assets to nobody
        asset = finder.retrieve_asset(oldest)
        return lambda pipe: made.run_pipeline(pipe, stamps[pipelines.WARM_UP], stamps[-1]), asset
    import rbtlive as rbt

    portal = rbt.PolarsDataPortal(pipelines.long_frame(place))
    return lambda pipe: rbt.run_pipeline(pipe, begin, end, portal), portal.asset(f"A{oldest:05d}")


def inside(engine: str, place: Path, wanted: list[str], rounds: int) -> None:
    """Print the CPU seconds of terms as JSON, a line each."""
    run, first = run_of(engine, place)
    names = importlib.import_module(f"{engine}.pipeline")
    factors = importlib.import_module(f"{engine}.pipeline.factors")
    screen = factors.AverageDollarVolume(window_length=20).top(LIQUID)
    run(names.Pipeline({"x": factors.Returns(window_length=21)}, screen=screen))
    for name, term in terms(engine, first).items():
        if wanted and name not in wanted:
            continue
        took = []
        for _ in range(rounds):
            began = time.process_time()
            table = run(names.Pipeline({"x": term}, screen=screen))
            took.append(time.process_time() - began)
        values = np.asarray(table["x"], dtype=np.float64)
        facts = {"term": name, "cpu_s": min(took), "sum": float(np.nansum(values))}
        print(json.dumps(facts), flush=True)


def measured(engine: str, python: str, place: Path, options: Any) -> dict[str, Any]:
    """Return what each term took, by name."""
    command = [python, __file__, "--inside", engine, "--place", str(place)]
    command += ["--rounds", str(options.rounds), "--terms", *options.terms]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["term"]: one for one in found}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=3_000)
    parser.add_argument("--years", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--terms", nargs="*", default=[])
    parser.add_argument("--zipline", help="interpreter with zipline-reloaded; made if left out")
    parser.add_argument("--folder", type=Path, default=Path(".bench"))
    parser.add_argument("--inside", choices=("rbtlive", "zipline"), help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options.inside, options.place, options.terms, options.rounds)
        return
    if options.zipline is None:
        from benchmarks import environments

        options.zipline = str(environments.python_of("zipline", environments.folder()))
    place = pipelines.write(options.folder, assets=options.assets, years=options.years)
    theirs = measured("zipline", options.zipline, place, options)
    ours = measured("rbtlive", sys.executable, place, options)
    print("| term | rbtlive CPU s | zipline CPU s | times | sums |")
    print("| --- | --- | --- | --- | --- |")
    for name, one in ours.items():
        other = theirs[name]
        same = "same" if np.isclose(one["sum"], other["sum"], rtol=1e-9) else "differ"
        times = other["cpu_s"] / one["cpu_s"]
        print(f"| {name} | {one['cpu_s']:.3f} | {other['cpu_s']:.3f} | {times:.1f} | {same} |")


if __name__ == "__main__":
    main()
