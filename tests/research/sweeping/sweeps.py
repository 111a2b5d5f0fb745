"""A strategy with parameters, its bars, and ways to break a sweep."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import rbtlive as rbt
from tests.builders import daily_frame

SETS = {"fast": [2, 3, 5], "slow": [4, 6]}


class Cross(rbt.TradingAlgorithm):
    fast, slow = 2, 4

    def initialize(self, context):
        context.asset = self.symbol("AAA")

    def handle_data(self, context, data):
        prices = data.history(context.asset, "close", self.slow, "1d")
        self.order_target(context.asset, 5 if prices[-self.fast :].mean() > prices.mean() else 0)


class FailsOnThree(Cross):
    def handle_data(self, context, data):
        if self.fast == 3:
            raise RuntimeError("three is no good")
        super().handle_data(context, data)


class Counts(Cross):
    """Leaves a line in a file for each run."""

    note = ""

    def initialize(self, context):
        super().initialize(context)
        with Path(self.note).open("a", encoding="utf-8") as file:
            file.write("run\n")


class DiesOnce(Cross):
    """Kills its process the first time it is run with one set of parameters."""

    note, always = "", False

    def initialize(self, context):
        super().initialize(context)
        if self.fast == 3 and self.slow == 6 and (self.always or not Path(self.note).exists()):
            Path(self.note).touch()
            os.kill(os.getpid(), signal.SIGKILL)


class Loops(Cross):
    """Never ends, whatever is raised in it, until it is raised again."""

    def handle_data(self, context, data):
        try:
            while True:
                pass
        except BaseException:  # noqa: BLE001 - as a user's own code may
            while True:
                pass


class Sleeps(Cross):
    """Waits where no exception reaches it."""

    def handle_data(self, context, data):
        time.sleep(3600)


class Remembers(Cross):
    """Keeps what it has seen on its class."""

    seen, by_kind, names, _own = [], {"bars": []}, {"a"}, []

    def handle_data(self, context, data):
        self.seen.append(1)
        self.by_kind["bars"].append(1)
        self.names.add(len(self.seen))
        self._own.append(1)
        self.record(
            seen=len(self.seen),
            bars=len(self.by_kind["bars"]),
            names=len(self.names),
            own=len(self._own),
        )
        if len(self.seen) > 100 or self.by_kind is Remembers.by_kind:
            raise RuntimeError("another run's")


def portal(sessions: int = 40) -> rbt.PolarsDataPortal:
    return rbt.PolarsDataPortal(daily_frame(sessions, 2))


START = "2017-01-12"
"""Six sessions are history."""


def sweep(strategy=Cross, params=None, **options):
    options = {"start": START, "workers": 1, "progress": False, **options}
    data = options.pop("data", None)
    return rbt.sweep(strategy, portal() if data is None else data, params or SETS, **options)
