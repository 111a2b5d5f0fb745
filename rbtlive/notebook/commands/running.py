"""`rbtlive run`: zipline's command line for a file of callbacks, and a live version of
it.

The rule: zipline's options keep their names and meaning; options without a counterpart
are refused by name.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from rbtlive.brokers.paper import PaperBroker
from rbtlive.core.strategy.context import TradingAlgorithm
from rbtlive.core.strategy.strategy_executor import CALLBACKS
from rbtlive.errors import InvalidSetting, NotAStrategy
from rbtlive.notebook.commands import Commands
from rbtlive.notebook.exit_code import HALTED
from rbtlive.research.backtesting import backtest
from rbtlive.research.run_algorithm import run_algorithm

_LIVE_ONLY = ("broker", "feed", "name", "fresh", "log_level")


def add_run(commands: Commands) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "run",
        help="run a file of callbacks as a backtest, or live with --broker",
        description="Run a strategy's file, as `zipline run` does; with --broker it trades.",
    )
    add_options(parser)
    parser.add_argument("--broker", metavar="EXPR", help='live: "paper", "alpaca", or Python')
    parser.add_argument("--feed", metavar="DATA", help="live: data that a paper broker replays")
    parser.add_argument("--name", help="live: the session's name; default the file's")
    parser.add_argument("--log-level", help="live: debug, info (default), warning or error")
    parser.add_argument("--fresh", action="store_true", help="live: start a new run")
    parser.set_defaults(act=run)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add zipline's options."""
    add = parser.add_argument
    add("-f", "--algofile", metavar="FILE", help="the strategy's file")
    add("-t", "--algotext", metavar="TEXT", help="the strategy as text")
    add(
        "-D",
        "--define",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="set a name before the file runs, to any expression of those before; repeatable",
    )
    add("--data-frequency", choices=("daily", "minute"), default="daily", help="how long bars are")
    add("--frequency", metavar="INTERVAL", help='how long bars are, e.g. "5m"; ours')
    add("--capital-base", type=float, default=10_000_000.0, metavar="FLOAT", help="cash at start")
    add("-b", "--bundle", metavar="NAME", help="a registered or fetched bundle, or a sample")
    add("--data", metavar="PATH", help="a file or folder that rbt.read takes; ours")
    add("--bundle-timestamp", metavar="TIMESTAMP", help="refused: bundles have one version")
    add("-bf", "--benchmark-file", metavar="FILE", help="CSV of date and return")
    add("--benchmark-symbol", metavar="SYMBOL", help="asset to measure against")
    add("--benchmark-sid", type=int, metavar="SID", help="the same by its number")
    add("--no-benchmark", action="store_true", help="measure against nothing; the default")
    add("-s", "--start", metavar="DATE", type=_label, help="first session")
    add("-e", "--end", metavar="DATE", type=_label, help="last session")
    add(
        "-o",
        "--output",
        metavar="FILE",
        default="-",
        help="where the frame goes: .pickle, .csv, "
        ".parquet; '-' prints a summary; os.devnull writes nothing",
    )
    add("--trading-calendar", metavar="NAME", help="calendar; data bring their own")
    add("--print-algo", action="store_true", help="print the strategy first")
    add("--no-print-algo", dest="print_algo", action="store_false")
    add("--metrics-set", default="default", help="default; others are refused")
    add("--blotter", default="default", help="default; others are refused")


# Dates in any form that pandas accepts, as in zipline; invalid ones are refused later.
def _label(text: str) -> str:
    import pandas as pd

    try:
        return pd.Timestamp(text).date().isoformat()
    except (ValueError, OverflowError):
        return text


def run(options: argparse.Namespace) -> int:
    """Run a strategy's file; return the exit code."""
    source, name = _source(options)
    if options.print_algo:
        sys.stdout.write(source)
    module = _module(source, name, defined_names(options.define))
    if options.broker is not None:
        return _live(module, strategy_in(module), options)
    _refuse_live(options)
    strategy = strategy_in(module)
    if strategy is module:
        perf = backtest_perf(vars(module), options)
    else:
        perf = _class_perf(strategy, options)
    write_perf(perf, options.output)
    return 0


def _source(options: argparse.Namespace) -> tuple[str, str]:
    if (options.algofile is None) == (options.algotext is None):
        raise InvalidSetting("run takes a strategy: pass -f FILE, or -t TEXT, and not both")
    if options.algotext is not None:
        return options.algotext, "<algorithm>"
    path = Path(options.algofile)
    if not path.is_file():
        raise InvalidSetting(f"-f must be a file that exists: was {options.algofile!r}")
    return path.read_text(encoding="utf-8"), str(path)


def defined_names(pairs: list[str]) -> dict[str, Any]:
    """Return the names set by -D.

    Raises:
        InvalidSetting: it is not a pair, or its expression fails.
    """
    names: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name.isidentifier():
            raise InvalidSetting(f"-D takes NAME=VALUE: was {pair!r}")
        if value.isidentifier() and value not in {*names, "True", "False", "None"}:
            names[name] = value  # a word without quotes
            continue
        try:
            names[name] = eval(value, dict(names))  # noqa: S307 - the user's own command line
        except (NameError, SyntaxError):  # text without quotes
            names[name] = value
        except Exception as error:
            raise InvalidSetting(f"-D takes NAME=VALUE: {pair!r} fails: {error}") from error
    return names


# The file runs as its own module, so that its functions see each other; linecache has
# its lines for tracebacks, because it is compiled under its own path.
def _module(source: str, name: str, names: dict[str, Any]) -> ModuleType:
    module = ModuleType(Path(name).stem if name != "<algorithm>" else "algorithm")
    module.__file__ = name
    vars(module).update(names)
    sys.modules.setdefault(module.__name__, module)
    code = compile(source, name, "exec", dont_inherit=True)
    try:
        exec(code, vars(module))  # noqa: S102 - the user's own file
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "zipline":
            error.add_note("write rbtlive in place of zipline in the imports: the names are its")
        raise
    return module


def strategy_in(module: ModuleType) -> Any:
    """Return the strategy in a file: the module itself if it has callbacks, otherwise
    its only class.

    Raises:
        NotAStrategy: it has neither, or several classes.
    """
    if any(callable(vars(module).get(name)) for name in CALLBACKS):
        return module
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, TradingAlgorithm)
        and value.__module__ == module.__name__
    ]
    if len(classes) != 1:
        found = ", ".join(one.__name__ for one in classes) or "neither"
        raise NotAStrategy(
            f"{module.__file__} must define initialize(context) and handle_data(context, data), "
            f"or one subclass of rbtlive.TradingAlgorithm: has {found}"
        )
    return classes[0]


# A class is written for the objects that `backtest` shows; -D sets its parameters.
def _class_perf(strategy: type, options: argparse.Namespace) -> Any:
    data = options.data if options.data is not None else _bundle(options.bundle)
    if data is None:
        raise InvalidSetting("run takes bars: pass --data PATH, or -b us-daily")
    return backtest(
        strategy,
        data,
        start=options.start,
        end=options.end,
        capital_base=options.capital_base,
        frequency=_interval(options),
        calendar=options.trading_calendar,
        params=_params(strategy, options),
        benchmark=_benchmark(options),
    ).to_zipline()


def _params(strategy: object, options: argparse.Namespace) -> dict[str, Any]:
    if not isinstance(strategy, type):
        return {}
    return {k: v for k, v in defined_names(options.define).items() if hasattr(strategy, k)}


def _interval(options: argparse.Namespace) -> str:
    return options.frequency or {"daily": "1d", "minute": "1m"}[options.data_frequency]


def _refuse_live(options: argparse.Namespace) -> None:
    given = [name for name in _LIVE_ONLY if getattr(options, name, None)]
    if given:
        raise InvalidSetting(
            f"--{given[0].replace('_', '-')} belongs to a live run: pass --broker too"
        )


def backtest_perf(namespace: dict[str, Any], options: argparse.Namespace) -> Any:
    """Run callbacks of a namespace under zipline's options; return zipline's frame."""
    for name in ("start", "end"):
        if getattr(options, name) is None:
            raise InvalidSetting(f"run takes a --{name}: pass a date such as 2015-01-02")
    return run_algorithm(
        start=options.start,
        end=options.end,
        capital_base=options.capital_base,
        data_frequency=options.frequency or options.data_frequency,
        bundle=options.bundle,
        bundle_timestamp=options.bundle_timestamp,
        trading_calendar=options.trading_calendar,
        metrics_set=options.metrics_set,
        blotter=options.blotter,
        benchmark_returns=_returns(options.benchmark_file),
        benchmark=_benchmark(options),
        data=options.data,
        initialize=namespace.get("initialize"),
        handle_data=namespace.get("handle_data"),
        before_trading_start=namespace.get("before_trading_start"),
        analyze=namespace.get("analyze"),
    )


def _benchmark(options: argparse.Namespace) -> Any:
    if options.benchmark_sid is not None:
        return options.benchmark_sid
    return options.benchmark_symbol


def _returns(path: str | None) -> Any:
    if path is None:
        return None
    import pandas as pd

    frame = pd.read_csv(path)
    lower = {str(name).lower(): name for name in frame.columns}
    if "date" not in lower or "return" not in lower:
        raise InvalidSetting(
            f"--benchmark-file must have columns date and return: has {', '.join(lower)}"
        )
    return frame.set_index(pd.to_datetime(frame[lower["date"]]))[lower["return"]]


def write_perf(perf: Any, output: str) -> None:
    """Write the frame to the file in the option, or print its main columns."""
    if output == os.devnull:
        return
    if output == "-":
        last = perf.iloc[-1]
        sys.stdout.write(
            f"{len(perf):,} sessions, {perf.index[0]:%Y-%m-%d} to {perf.index[-1]:%Y-%m-%d}\n"
            f"portfolio value {last['portfolio_value']:,.2f}, return "
            f"{last['algorithm_period_return']:.2%}\n"
        )
        return
    path = Path(output)
    if path.suffix == ".csv":
        perf.to_csv(path)
    elif path.suffix == ".parquet":
        perf.to_parquet(path)
    else:
        perf.to_pickle(path)


def _live(module: ModuleType, strategy: object, options: argparse.Namespace) -> int:
    from rbtlive.data.feeds.as_feed import ReplayFeed
    from rbtlive.notebook.attach import run as run_session

    data = options.feed or options.data
    bundle = _bundle(options.bundle)
    known = data if data is not None else bundle
    arguments: dict[str, Any] = {
        "name": options.name or module.__name__,
        "frames": "pandas" if strategy is module else "polars",
        "params": _params(strategy, options),
        "zipline_quirks": False,
        "frequency": _interval(options),
        "calendar": options.trading_calendar,
        "start": options.start,
        "end": options.end,
        "fresh": options.fresh,
        "log_level": options.log_level or "info",
    }
    broker = _broker(options.broker)
    if known is not None:
        arguments["feed" if options.broker == "paper" else "data"] = (
            ReplayFeed(known) if options.broker == "paper" else known
        )
    if options.broker == "paper":
        arguments["capital_base"] = options.capital_base
    session = run_session(strategy, broker, **arguments)
    sys.stdout.write(f"{session.name}: {session.state}, {session.trading_state}\n")
    return HALTED if session.trading_state == "halted" else 0


def _bundle(name: str | None) -> Any:
    if name is None:
        return None
    from rbtlive.data.bundles import load

    return load(name)


def _broker(text: str) -> Any:
    if text == "paper":
        return PaperBroker()
    if text == "alpaca":
        from rbtlive.brokers.alpaca import AlpacaBroker

        return AlpacaBroker()
    package = sys.modules["rbtlive"]
    return eval(text, {"rbt": package, "rbtlive": package, "os": os})  # noqa: S307 - the user's own command line
