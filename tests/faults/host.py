"""A process that forks a session for every line it reads:
`FOLDER SESSIONS FREQUENCY CRASH_AT STRATEGY`.

The child writes a byte for every bar, so that its parent can kill it at any of them;
CRASH_AT, if not 0, is the number of the journal's commit at which it kills itself,
negative before the commit and positive after it. When a child has ended, the parent
writes a line with its exit code. Forking is what makes hundreds of processes
affordable.
"""

import asyncio
import os
import signal
import sys
from datetime import date

import polars as pl

import rbtlive as rbt
from rbtlive.api import time_rules
from rbtlive.model.interval import Interval
from rbtlive.pipeline import Pipeline
from rbtlive.pipeline.data import Column, DataSet
from rbtlive.pipeline.factors import Returns
from rbtlive.runtime.journal.journal import Journal
from tests.builders import Churn, daily_frame, minute_frame


class Reporting(Churn):
    """The strategy, with a byte to the reader for every bar."""

    def handle_data(self, context, data):
        """Tell, then act."""
        os.write(1, b".")
        super().handle_data(context, data)


class Scores(DataSet):
    """Custom data: a score that a vendor revises within a session."""

    score = Column(float, missing_value=0.0)


class Screened(Reporting):
    """The same, and orders by tables of custom data: the morning's and two of the day."""

    def initialize(self, context):
        """Attach the tables."""
        super().initialize(context)
        columns = {"score": Scores.score.latest, "gain": Returns(window_length=2)}
        self.attach_pipeline(Pipeline(columns), "morning")
        for name, minutes in (("early", 30), ("late", 200)):
            day = Pipeline({"gain": Returns(window_length=2)}, screen=Scores.score.latest > 1)
            self.attach_pipeline(day, name, when=time_rules.market_open(minutes=minutes))

    def handle_data(self, context, data):
        """Order as the tables say."""
        super().handle_data(context, data)
        if context.bars % 50 == 9:
            for row in self.pipeline_output("morning").iter_rows(named=True):
                self.order(self.symbol(row["symbol"]), int(row["score"]))
            for name in ("early", "late"):
                for row in self.pipeline_output(name).iter_rows(named=True):
                    self.order(self.symbol(row["symbol"]), 1 if row["gain"] > 0 else -1)


def use_scores():
    """Give each asset a score, and another one from the third and the fourth day on."""
    days = [date(2016, 12, 1), date(2017, 1, 4), date(2017, 1, 5)]
    rows = [(name, day, 2.0 + n + 3 * n * len(name)) for name in ("AAA", "BBB")
            for n, day in enumerate(days)]  # fmt: skip
    Scores.use(pl.DataFrame(rows, schema=["symbol", "timestamp", "score"], orient="row"))


STRATEGIES = {"churn": Reporting, "screened": Screened}


def crash_at(number):
    """Kill this process at a commit of the journal, counted from 1; before it if
    negative.
    """
    commit, seen = Journal.commit, []

    def counted(journal, durable=False):
        seen.append(1)
        if number < 0 and len(seen) == -number:
            os.kill(os.getpid(), signal.SIGKILL)
        commit(journal, durable)
        if number > 0 and len(seen) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    Journal.commit = counted


def bars_of(sessions, frequency):
    """Return the bars of a run; those of other intervals are made of these."""
    intraday = Interval.parse(frequency).intraday
    return minute_frame(sessions, every=2) if intraday else daily_frame(sessions)


async def session(folder, sessions, frequency, strategy):
    """Attach, and wait for the end."""
    use_scores()
    feed = rbt.ReplayFeed(bars_of(sessions, frequency))
    running = rbt.attach(
        STRATEGIES[strategy],
        rbt.PaperBroker(),
        feed=feed,
        journal=folder,
        name="s",
        frequency=frequency,
        log_level="critical",
    )
    await running.wait()


def child(folder, sessions, frequency, number, strategy):
    """Run a session in a process of its own."""
    if number:
        crash_at(number)
    asyncio.run(session(folder, sessions, frequency, strategy))


def main():
    """Serve until there is nothing more to read."""
    for line in sys.stdin:
        folder, sessions, frequency, number, strategy = line.split()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                child(folder, int(sessions), frequency, int(number), strategy)
                code = 0
            finally:
                os._exit(code)
        os.write(1, f"pid {pid}\n".encode())
        _pid, status = os.waitpid(pid, 0)
        os.write(1, f"\nended {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main()
