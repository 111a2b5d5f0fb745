"""`%load_ext rbtlive`: `%%strategy`, `%backtest`, `%attach`, `%sessions`, `%stop`.

The rule: each magic is a thin wrapper that a user could write in Python; a magic can do
nothing that the functions cannot.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from rbtlive.brokers.paper import PaperBroker
from rbtlive.core.strategy.strategy_executor import CALLBACKS
from rbtlive.data.bundles.extensions import load_extensions
from rbtlive.errors import BadFrequency, UnknownSession
from rbtlive.model.interval import USUAL_INTERVALS, Interval
from rbtlive.notebook.attach import attach, sessions
from rbtlive.notebook.board import board
from rbtlive.notebook.cell_strategy import strategy_from_cell
from rbtlive.notebook.commands.running import (
    add_options,
    backtest_perf,
    defined_names,
    write_perf,
)
from rbtlive.notebook.completion import complete_in_callbacks
from rbtlive.notebook.session import LiveSession
from rbtlive.research.backtesting import backtest
from rbtlive.research.result import BacktestResult

_RUN_OPTIONS = (
    ("--start", "LABEL", "first session, e.g. 2005-01-03"),
    ("--end", "LABEL", "last session"),
    ("--capital-base", "MONEY", "cash at the start"),
    ("--frequency", "INTERVAL", "how long a bar is, e.g. 1d, 1m, 5m, 1h"),
    ("--calendar", "NAME", "exchange calendar, e.g. XNYS"),
    ("--commission", "EXPR", "commission model"),
    ("--slippage", "EXPR", "slippage model"),
    ("--benchmark", "SYMBOL", "what to measure against"),
    ("--frames", "polars|pandas", "what the strategy is shown"),
)
_EXPRESSIONS = {"commission", "slippage", "data", "feed", "broker"}
_CHOICES = {
    "--frames": ("polars", "pandas"),
    "--on-error": ("continue", "raise"),
}
_SUGGESTED = {**_CHOICES, "--frequency": USUAL_INTERVALS}


class _UsageError(Exception):
    # An error in a magic's line; shown without a traceback.
    pass


class _Parser(argparse.ArgumentParser):
    # Raises instead of ending the process, as argparse would do.
    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{self.prog}: {message}; {self.format_usage().strip()}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        del status
        raise _UsageError(message or self.format_help().strip())


def _interval(text: str) -> str:
    try:
        return Interval.parse(text).text
    except BadFrequency as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    for option, metavar, text in _RUN_OPTIONS:
        choices = _CHOICES.get(option)
        kind = _interval if option == "--frequency" else str
        parser.add_argument(option, metavar=metavar, help=text, choices=choices, type=kind)
    parser.add_argument(
        "--param",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a parameter of the strategy; repeatable",
    )
    parser.add_argument(
        "--zipline-quirks",
        action="store_true",
        help="restore the zipline quirks that are mended by default",
    )


def _backtest_parser() -> _Parser:
    parser = _Parser(prog="%backtest", add_help=True, allow_abbrev=False)
    parser.add_argument("strategy", metavar="NAME", help="variable that holds the strategy")
    parser.add_argument(
        "data", metavar="DATA", help="portal, frame or path: a variable or an expression"
    )
    _add_run_options(parser)
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")
    return parser


def _attach_parser() -> _Parser:
    parser = _Parser(prog="%attach", add_help=True, allow_abbrev=False)
    parser.add_argument("strategy", metavar="NAME", help="variable that holds the strategy")
    parser.add_argument(
        "--feed", metavar="EXPR", help="where bars come from; default: the broker's own"
    )
    parser.add_argument("--broker", metavar="EXPR", help="where orders go; default: a paper broker")
    parser.add_argument("--data", metavar="EXPR", help="history and assets; default: the feed's")
    parser.add_argument("--name", help="the session's name; default: NAME")
    parser.add_argument("--journal", metavar="FOLDER", help="folder of the journals")
    parser.add_argument("--fresh", action="store_true", help="start a new run")
    parser.add_argument(
        "--on-error",
        choices=_CHOICES["--on-error"],
        metavar="continue|raise",
        help="what a failing callback does",
    )
    _add_run_options(parser)
    return parser


def _stop_parser() -> _Parser:
    parser = _Parser(prog="%stop", add_help=True, allow_abbrev=False)
    parser.add_argument("names", metavar="NAME", nargs="*", help="a session's name; repeatable")
    parser.add_argument("--all", action="store_true", help="stop every session")
    return parser


class SessionList(Mapping[str, LiveSession]):
    """The sessions running in this process, by name; shown as the board's text,
    together with recorded ones.
    """

    def __init__(self, running: Mapping[str, LiveSession]) -> None:
        self._running = dict(running)

    def __getitem__(self, name: str) -> LiveSession:
        return self._running[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._running)

    def __len__(self) -> int:
        return len(self._running)

    def __repr__(self) -> str:
        return repr(board())

    def _repr_html_(self) -> str:
        return board().table_html()


class Magics:
    """The magics of one IPython shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._stopping: set[asyncio.Task[Any]] = set()
        self._parsers = {
            "backtest": _backtest_parser(),
            "attach": _attach_parser(),
            "stop": _stop_parser(),
        }

    # -- the magics -------------------------------------------------------------------

    def strategy(self, line: str, cell: str) -> None:
        """Make a strategy from this cell: %%strategy NAME.

        The cell contains zipline's functions (initialize, handle_data,
        before_trading_start, analyze, on_order_fill and so on) or one subclass of
        TradingAlgorithm. Afterwards the variable NAME is the strategy, for
        rbtlive.backtest, rbtlive.attach, %backtest and %attach. The cell's own names
        stay inside it; it also sees the notebook's.
        """
        name = line.strip()
        if not name.isidentifier():
            self._refuse(
                f"%%strategy: a name for the variable is expected: was {name!r}; write e.g. "
                "%%strategy sma"
            )
        self._shell.user_ns[name] = strategy_from_cell(self._shell, name, cell)

    def zipline(self, line: str, cell: str | None = None) -> Any:
        """Run this cell's functions like zipline's own magic: %%zipline -s 2015-01-02
        -e 2016-12-30 [-b BUNDLE] [-o perf]. It returns the frame; -o names the variable
        or file for the frame. %zipline uses the notebook's functions.
        """
        parser = _Parser(prog="%%zipline", allow_abbrev=False)
        add_options(parser)
        parser.add_argument(
            "--local-namespace", action="store_true", help="take the notebook's callbacks too"
        )
        parser.add_argument("--no-local-namespace", dest="local_namespace", action="store_false")
        try:
            options = parser.parse_args(shlex.split(line))
        except (_UsageError, ValueError) as error:
            self._refuse(str(error))
        load_extensions(())
        names = self._shell.user_ns
        names |= defined_names(options.define)
        if cell is not None:
            names = self._names_of(cell, hidden=() if options.local_namespace else CALLBACKS)
        if options.data in names:
            options.data = names[options.data]
        perf = backtest_perf(names, options)
        if options.output.isidentifier():
            self._shell.user_ns[options.output] = perf
            return None
        if options.output != "-":
            write_perf(perf, options.output)
        return perf

    # Callbacks left by another cell do not belong to this one.
    def _names_of(self, cell: str, *, hidden: Iterable[str]) -> dict[str, Any]:
        names = self._shell.user_ns
        left = {name: names.pop(name) for name in hidden if name in names}
        try:
            self._shell.run_cell(cell).raise_error()
            return dict(names)
        finally:
            names |= {name: value for name, value in left.items() if name not in names}

    def backtest(self, line: str) -> BacktestResult:
        """Backtest a strategy: %backtest NAME DATA [--start 2005-01-03] [--param
        fast=20] ...

        DATA and the models are variables or expressions (quote one that contains
        spaces). Returns the result: result = %backtest sma bars. %backtest --help lists
        every option.
        """
        options = self._parsed("backtest", line)
        progress = False if options.pop("no_progress") else None
        strategy, data = self._variable(options.pop("strategy")), options.pop("data")
        return backtest(strategy, data, progress=progress, **options)

    def attach(self, line: str) -> LiveSession:
        """Start a session: %attach NAME --feed "rbt.ReplayFeed(bars)" [--start
        2005-01-03] [--param fast=20] ...

        It trades on a paper broker unless --broker names another. Returns the session,
        which is shown as a live panel: session = %attach sma --feed feed. %attach
        --help lists every option.
        """
        options = self._parsed("attach", line)
        name = options.pop("strategy")
        broker = options.pop("broker", None)
        options.setdefault("name", name)
        return attach(self._variable(name), PaperBroker() if broker is None else broker, **options)

    def sessions(self, line: str) -> SessionList:
        """List the sessions running in this kernel, and recorded ones, like
        rbt.board(): %sessions.
        """
        if line.strip():
            self._refuse(f"%sessions takes no arguments: was {line.strip()!r}")
        return SessionList(sessions())

    def stop(self, line: str) -> None:
        """Stop sessions gracefully: %stop NAME ..., or %stop --all.

        Returns at once; %sessions shows when a session has stopped. To wait for it:
        await session.stop().
        """
        options = self._parsed("stop", line)
        running = sessions()
        names = list(running) if options.get("all") else options["names"]
        if not names and not options.get("all"):
            self._refuse("%stop: the name of a session is expected, or --all; %sessions lists them")
        unknown = [name for name in names if name not in running]
        if unknown:
            known = ", ".join(sorted(running)) or "none"
            raise UnknownSession(
                f"no session {unknown[0]!r} runs in this kernel: running are {known}"
            )
        for name in names:
            task = asyncio.get_running_loop().create_task(
                running[name].stop(), name=f"rbtlive stop {name}"
            )
            self._stopping.add(task)
            task.add_done_callback(self._stopped)

    def _stopped(self, task: asyncio.Task[Any]) -> None:
        self._stopping.discard(task)
        if not task.cancelled():
            task.exception()  # the session keeps and shows its own failure

    # -- arguments --------------------------------------------------------------------

    def _parsed(self, magic: str, line: str) -> dict[str, Any]:
        try:
            arguments = shlex.split(line)
        except ValueError as error:
            self._refuse(f"%{magic}: {error}; close the quotes")
        try:
            found = vars(self._parsers[magic].parse_args(arguments))
        except _UsageError as error:
            self._refuse(str(error))
        options = {
            key: value for key, value in found.items() if value is not None and value is not False
        }
        if magic == "backtest":
            options["no_progress"] = found["no_progress"]
        for key in _EXPRESSIONS & options.keys():
            options[key] = self._value(options[key])
        params = dict(self._param(magic, text) for text in options.pop("param", []))
        if params:
            options["params"] = params
        return options

    def _param(self, magic: str, text: str) -> tuple[str, Any]:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            self._refuse(
                f"%{magic}: --param must be NAME=VALUE: was {text!r}; write e.g. --param fast=20"
            )
        try:
            return name, ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return name, self._shell.user_ns.get(value, value)

    def _value(self, expression: str) -> Any:
        try:
            return eval(expression, self._shell.user_global_ns, self._shell.user_ns)  # noqa: S307 - the user's own words, in the user's own notebook
        except SyntaxError:
            return expression  # the path of a file

    def _variable(self, name: str) -> Any:
        if name not in self._shell.user_ns:
            self._refuse(
                f"no variable {name!r} is in this notebook: run the cell that defines the strategy "
                f"first, e.g. %%strategy {name}"
            )
        return self._shell.user_ns[name]

    def _refuse(self, message: str) -> NoReturn:
        from IPython.core.error import UsageError

        raise UsageError(message)

    # -- completion -------------------------------------------------------------------

    def complete(self, _shell: object, event: Any) -> list[str]:
        """Return the possible continuations of a magic's line: options, choices,
        strategies, sessions.
        """
        words = event.line.split()
        magic = words[0].lstrip("%")
        before = words[-2] if len(words) > 1 and event.symbol else words[-1]
        if before in _SUGGESTED:
            return list(_SUGGESTED[before])
        if magic == "stop":
            return [*sessions(), "--all"]
        actions = self._parsers[magic]._actions  # noqa: SLF001 - argparse has no public list of them
        options = [text for action in actions for text in action.option_strings]
        if event.symbol.startswith("-"):
            return options
        variables = [name for name in self._shell.user_ns if not name.startswith("_")]
        return [*variables, *options]


def load_ipython_extension(shell: Any) -> None:
    """Register the magics; `%load_ext rbtlive` calls this."""
    complete_in_callbacks()
    magics = Magics(shell)
    shell.register_magic_function(magics.strategy, magic_kind="cell", magic_name="strategy")
    shell.register_magic_function(magics.zipline, magic_kind="line_cell", magic_name="zipline")
    for name in ("backtest", "attach", "sessions", "stop"):
        shell.register_magic_function(getattr(magics, name), magic_kind="line", magic_name=name)
    for name in ("backtest", "attach", "stop"):
        shell.set_hook("complete_command", magics.complete, str_key=f"%{name}")
