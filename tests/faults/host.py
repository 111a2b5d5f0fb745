"""A process that forks a session for every line it reads:
`FOLDER SESSIONS FREQUENCY CRASH_AT`.

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

import rbtlive as rbt
from rbtlive.model.interval import Interval
from rbtlive.runtime.journal.journal import Journal
from tests.builders import Churn, daily_frame, minute_frame


class Reporting(Churn):
    """The strategy, with a byte to the reader for every bar."""

    def handle_data(self, context, data):
        """Tell, then act."""
        os.write(1, b".")
        super().handle_data(context, data)


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


async def session(folder, sessions, frequency):
    """Attach, and wait for the end."""
    feed = rbt.ReplayFeed(bars_of(sessions, frequency))
    running = rbt.attach(
        Reporting,
        rbt.PaperBroker(),
        feed=feed,
        journal=folder,
        name="s",
        frequency=frequency,
        log_level="critical",
    )
    await running.wait()


def child(folder, sessions, frequency, number):
    """Run a session in a process of its own."""
    if number:
        crash_at(number)
    asyncio.run(session(folder, sessions, frequency))


def main():
    """Serve until there is nothing more to read."""
    for line in sys.stdin:
        folder, sessions, frequency, number = line.split()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                child(folder, int(sessions), frequency, int(number))
                code = 0
            finally:
                os._exit(code)
        os.write(1, f"pid {pid}\n".encode())
        _pid, status = os.waitpid(pid, 0)
        os.write(1, f"\nended {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main()
