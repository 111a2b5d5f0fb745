"""`rbtlive sessions` and `rbtlive show NAME`: the recorded sessions of this folder.

The rule: journals are opened read-only; nothing is started or changed.
"""

from __future__ import annotations

import argparse
import sys

import polars as pl

from rbtlive.errors import RbtliveError, RunNotFound
from rbtlive.model.wording import counted
from rbtlive.notebook.commands import Commands
from rbtlive.notebook.recorded_session import open_session
from rbtlive.runtime.journal.state_folder import StateFolder


def add_sessions(commands: Commands) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser("sessions", help="list the recorded sessions of this folder")
    parser.add_argument("--journal", metavar="FOLDER", help="folder of the journals")
    parser.set_defaults(act=sessions)


def add_show(commands: Commands) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser("show", help="show a recorded session")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--run", type=int, help="an earlier run, from 1; default the latest")
    parser.add_argument("--journal", metavar="FOLDER", help="folder of the journals")
    parser.add_argument("--orders", action="store_true", help="print all orders as CSV")
    parser.add_argument("--fills", action="store_true", help="print all executions as CSV")
    parser.set_defaults(act=show)


def sessions(options: argparse.Namespace) -> int:
    """Print one line per recorded session."""
    names = StateFolder(options.journal).names()
    if not names:
        sys.stdout.write("no session is recorded here\n")
    for name in names:
        try:
            sys.stdout.write(f"{_line(name, options)}\n")
        except RbtliveError as error:
            sys.stdout.write(f"{name}  cannot be read: {error}\n")
    return 0


def _line(name: str, options: argparse.Namespace) -> str:
    result = open_session(name, journal=options.journal).result()
    performance = result.performance
    if performance.is_empty():
        return f"{name}  no session closed yet, {counted(result.orders.height, 'order')}"
    first, last = performance["date"][0], performance["date"][-1]
    return (
        f"{name}  {first} to {last}, {counted(performance.height, 'session')}, "
        f"{counted(result.orders.height, 'order')}, value {result.metrics['final_value']}"
    )


def show(options: argparse.Namespace) -> int:
    """Print the result of a recorded run."""
    try:
        recorded = open_session(options.name, options.run, journal=options.journal)
    except RunNotFound as missing:
        sys.stderr.write(f"rbtlive: {missing}\n")
        return 1
    result = recorded.result()
    if options.orders or options.fills:
        frame = result.orders if options.orders else result.transactions
        sys.stdout.write(_csv(frame))
        return 0
    sys.stdout.write(f"{options.name}\n{result.summary()}\n")
    return 0


def _csv(frame: pl.DataFrame) -> str:
    nested = [
        name
        for name, kind in frame.schema.items()
        if kind.is_nested() or kind in (pl.Object, pl.Binary)
    ]
    return frame.drop(nested).write_csv()
