"""Journals with rows enough to be packed, and their files laid out anew."""

import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from rbtlive.model.bar import Bar
from rbtlive.model.events import MarketDataEvent
from rbtlive.runtime.clock import VirtualClock
from rbtlive.runtime.journal.journal_reader import RowKind
from rbtlive.runtime.journal.opening import open_journal
from rbtlive.runtime.journal.state_folder import StateFolder

START = datetime(2020, 1, 2, 21, tzinfo=UTC)

ROWS = 2_000


def begin(folder, **how):
    return open_journal(
        folder, "sma", header=lambda: {"x": 1}, clock=VirtualClock(START), run_id="ABCDEFGH", **how
    )


def slice_of(minute, symbols, chance):
    when, bars = START + timedelta(minutes=minute), {}
    for symbol in symbols:
        low, opened, last, high = sorted(chance.randint(9_900, 10_100) for _ in range(4))
        cents = {"open": opened, "high": high, "low": low, "close": last}
        bars[symbol] = Bar(
            symbol=symbol,
            timestamp=when,
            volume=Decimal(chance.randint(100, 1_000_000)),
            **{name: Decimal(value) / 100 for name, value in cents.items()},
        )
    return MarketDataEvent(timestamp=when, bars=bars)


def write(journal, count=ROWS, *, begin_at=0, packs=True):
    """Write slices, and something else every 50 rows; pack as an engine does."""
    chance = random.Random(begin_at)
    for number in range(begin_at, begin_at + count):
        if number % 50 == 7:
            payload = {"number": number, "text": 'é"\n\u2028'}
            journal.append(RowKind.INTENT, "SubmitOrder", timestamp=START, payload=payload)
        else:
            journal.append_event(slice_of(number, ["A", "B c"][: 1 + number % 2], chance))
        if number % 20 == 0:
            journal.commit()
            if packs:
                journal.pack()
    journal.commit(durable=True)


def packed_blocks(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM blocks").fetchone()[0]


def laid_out(files, tmp_path_factory):
    """Return a state folder with files of a journal, by name."""
    folder = StateFolder(tmp_path_factory.mktemp("damaged") / "state")
    folder.make()
    for name, content in files.items():
        if not name.endswith("-shm"):  # an index that SQLite makes again
            (folder.path / name).write_bytes(content)
    return folder
