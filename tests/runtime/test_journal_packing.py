"""Earlier rows of a journal are packed: they come back as they were, whatever happens
while they are packed or to the packed file, and take little room.
"""

import hashlib
import random
import shutil
import sqlite3
import zlib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbtlive.errors import JournalCorrupt, JournalError
from rbtlive.model.bar import Bar
from rbtlive.model.events import MarketDataEvent, column_slice
from rbtlive.model.slice_columns import Names, SliceColumns
from rbtlive.runtime.clock import VirtualClock
from rbtlive.runtime.journal import blocks, opening, store
from rbtlive.runtime.journal.chain import row_bytes
from rbtlive.runtime.journal.codec import (
    SliceText,
    canonical_json,
    datetime_text,
    decode_event,
    encode_event,
    parse_datetime,
)
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.journal_reader import RowKind
from rbtlive.runtime.journal.opening import open_journal, open_run
from rbtlive.runtime.journal.packing import MOST_BYTES, Packed, pack, unpack
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


@pytest.fixture
def folder(tmp_path):
    return StateFolder(tmp_path / "state")


# -- the form -----------------------------------------------------------------------------

TEXTS = st.text(max_size=12)
PRICES = st.one_of(
    st.decimals(0, 10**7, places=2),
    st.decimals(0, 10**16, allow_nan=False, allow_infinity=False),
    st.sampled_from([Decimal(0), Decimal("1E+3"), Decimal("1E-12"), Decimal("0.10"), Decimal(7)]),
)


@st.composite
def bars_of(draw, when):
    found = {}
    for symbol in draw(st.lists(st.one_of(st.sampled_from("ABC"), TEXTS), max_size=3)):
        low, first, last, high = sorted(draw(st.tuples(PRICES, PRICES, PRICES, PRICES)))
        found[symbol or "A"] = Bar(
            symbol=symbol or "A",
            timestamp=when - timedelta(minutes=draw(st.sampled_from([0, 0, 0, 5]))),
            open=first,
            high=high,
            low=low,
            close=last,
            volume=draw(PRICES),
        )
    return found


@st.composite
def rows(draw):
    found = []
    for number in range(draw(st.integers(1, 6))):
        when = draw(st.datetimes(timezones=st.just(UTC)))
        if draw(st.booleans()):
            event = MarketDataEvent(timestamp=when, bars=draw(bars_of(when)))
            facts = ("input", "MarketDataEvent", datetime_text(when), encode_event(event))
        else:
            value = draw(st.one_of(TEXTS, st.integers(), st.dictionaries(TEXTS, TEXTS)))
            kinds = ("note", draw(st.sampled_from(["Note", "MarketDataEvent"])))
            facts = (*kinds, datetime_text(when), canonical_json(value))
        found.append((17 + number, *facts, draw(st.integers(-(2**60), 2**60))))
    return found


@settings(deadline=None, max_examples=60)
@given(rows())
def test_every_row_comes_back_as_it_was(given_rows):
    packed = pack(given_rows)

    again = unpack(packed, first=17)

    assert again == given_rows
    for row in again:
        if type(row[4]) is SliceText:
            when = parse_datetime(row[3])
            assert row[4].event(when) == decode_event(row[2], timestamp=when, payload=str(row[4]))
    others = [row for row in again if type(row[4]) is not SliceText]
    assert unpack(packed, first=17, with_bars=False) == others


@pytest.mark.parametrize(
    "payload",
    [
        '{"bars":{"A":{"close":"1.50","high":"2","low":"1","open":"1","volume":"1"}}}',
        '{"bars":{"A":{"close":"01","high":"2","low":"1","open":"1","volume":"1"}}}',
        '{"bars":{"\\u0041":{"close":"1","high":"2","low":"1","open":"1","volume":"1"}}}',
        '{"bars":{"A":{"close":"1","high":"2","low":"1","open":"1","volume":"1"},}}',
        '{"bars":{,"A":{"close":"1","high":"2","low":"1","open":"1","volume":"1"}}}',
        '{"bars":{"A":{"close":"1","high":"2","low":"1","open":"1","volume":"-1"}}}',
        '{"bars":{}}}}',
        "{}",
        "",
    ],
)
def test_what_only_looks_like_a_slice_comes_back_as_it_was(payload):
    when = datetime_text(START)
    good = encode_event(slice_of(0, ["A"], random.Random(1)))
    given_rows = [
        (1, "input", "MarketDataEvent", when, good, 0),
        (2, "input", "MarketDataEvent", when, payload, 0),
        (3, "input", "MarketDataEvent", "no time", good, 0),
    ]

    assert unpack(pack(given_rows), first=1) == given_rows


@pytest.mark.parametrize("part", ["facts", "bars"])
@pytest.mark.parametrize(
    "content",
    [b"", b"no zlib", zlib.compress(b"{}\n[]"), zlib.compress(bytes(MOST_BYTES + 1), 1)],
)
def test_what_was_not_packed_here_is_refused_within_bounds(part, content):
    packed = pack(
        [
            (1, "input", "MarketDataEvent", datetime_text(START), encode_event(event), 0)
            for event in [slice_of(0, ["A"], random.Random(1))]
        ]
    )

    with pytest.raises(ValueError, match=r"unpack|says|cut|substring|Expecting"):
        unpack(packed._replace(**{part: content}), first=1)


def test_a_bar_takes_at_most_fifteen_bytes(tmp_path):
    chance = random.Random(7)
    for symbols, minutes in ((1, 6_000), (10, 1_000), (600, 12)):
        names = [f"S{number:04d}" for number in range(symbols)]
        journal = begin(StateFolder(tmp_path / str(symbols)))
        size = 0
        for minute in range(minutes):
            journal.append_event(slice_of(minute, names, chance))
            if minute % 10 == 0:
                journal.commit()
                while journal.pack():
                    pass
        journal.close()
        with closing(sqlite3.connect(journal.path)) as connection:
            packed, size = connection.execute(
                "SELECT max(last), sum(length(facts) + length(bars) + 100) FROM blocks"
            ).fetchone()

        assert minutes - packed < 1_000
        assert size / (packed * symbols) < 15


# -- the file -----------------------------------------------------------------------------


def test_a_packed_journal_says_what_an_unpacked_one_says(folder):
    plain = Journal.in_memory({"x": 1, "name": "sma"}, run_id="ABCDEFGH", clock=VirtualClock(START))
    journal = begin(folder)
    write(journal)
    write(plain, packs=False)

    assert packed_blocks(journal.path) >= 3
    assert list(journal.rows()) == list(plain.rows())
    assert list(journal.events()) == list(plain.events())
    for after in (0, 1, 437, ROWS - 1, ROWS):
        assert list(journal.rows(after=after)) == list(plain.rows(after=after))
    for kind in RowKind:
        assert list(journal.rows_of_kind(kind)) == list(plain.rows_of_kind(kind))
    assert list(journal.rows_without_slices()) == list(plain.rows_without_slices())
    assert journal.hash() == plain.hash()
    journal.close()
    with open_run(folder, "sma") as reader:
        assert reader.hash() == plain.hash()
    with begin(folder) as again:
        assert (again.last_seq, again.cut) == (ROWS, None)
        write(again, begin_at=ROWS)
        write(plain, begin_at=ROWS, packs=False)
        assert again.hash() == plain.hash()


def test_few_rows_are_left_as_they_are(folder):
    with begin(folder) as journal:
        write(journal, 300)

        assert not journal.pack()
        assert packed_blocks(journal.path) == 0


def rows_left(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM rows").fetchone()[0]


def flood(journal, numbers, *, durable=False):
    chance = random.Random(numbers.start)
    for number in numbers:
        journal.append_event(slice_of(number, ["A"], chance))
    journal.commit(durable=durable)


def test_rows_of_a_flood_go_into_a_block_at_once_together_with_those_that_wait(folder):
    journal, plain = begin(folder), Journal.in_memory(run_id="ABCDEFGH", clock=VirtualClock(START))
    stretches = [range(10), range(10, 610), range(610, 1_200), range(1_200, 1_210)]

    found = []
    for numbers in stretches:
        flood(journal, numbers)
        flood(plain, numbers, durable=True)
        found.append((packed_blocks(journal.path), rows_left(journal.path)))

    assert found == [(0, 10), (1, 1), (2, 1), (2, 11)]
    assert [row.payload for row in journal.rows()] == [row.payload for row in plain.rows()]
    assert packed_blocks(journal.path) == 2
    journal.close()
    with begin(folder) as again:
        assert (again.last_seq, again.cut) == (1_210, None)
        assert len(list(again.events())) == 1_210


def test_what_must_be_on_the_disk_first_is_not_kept_waiting_by_packing(folder):
    with begin(folder) as journal:
        flood(journal, range(600), durable=True)

        assert (packed_blocks(journal.path), rows_left(journal.path)) == (0, 600)


def test_a_commit_that_fails_after_it_packed_leaves_all_as_it_was(folder, monkeypatch):
    journal = begin(folder)
    flood(journal, range(10))
    away = "INSERT INTO nowhere VALUES (?, ?, ?, ?, ?, ?, ?)"
    monkeypatch.setattr(store, "INSERT_ROW", away)

    with pytest.raises(JournalError):
        flood(journal, range(10, 610))

    assert (packed_blocks(journal.path), rows_left(journal.path)) == (0, 10)
    journal.close()
    monkeypatch.undo()
    with begin(folder) as again:
        assert (again.last_seq, again.cut) == (10, None)


def test_who_reads_while_rows_are_packed_misses_and_doubles_none(folder):
    journal = begin(folder)
    write(journal, 500)
    with open_run(folder, "sma") as reader:
        numbers = [row.seq for row, _ in zip(reader.rows(), range(3), strict=False)]
        reading = reader.rows(after=3)
        numbers.append(next(reading).seq)
        write(journal, 3_000, begin_at=500)

        numbers += [row.seq for row in reading]

    assert numbers == list(range(1, 501))
    assert [row.seq for row in journal.rows_of_kind(RowKind.INTENT)] == list(range(8, 3_501, 50))
    journal.close()


class Steps:
    """Passes everything on to a connection, and calls something around each
    statement.
    """

    def __init__(self, connection, around):
        self.connection, self.around = connection, around

    def __getattr__(self, name):
        real = getattr(self.connection, name)
        if name != "execute":
            return real

        def step(*arguments):
            self.around()
            result = real(*arguments)
            self.around()
            return result

        return step


def ready_to_pack(folder):
    journal = begin(folder)
    write(journal, 1_200, packs=False)
    return journal


def test_a_process_that_dies_at_any_step_of_packing_leaves_every_row(folder, tmp_path):
    journal = ready_to_pack(folder)
    expected, real, copies = journal.hash(), journal._connection, []

    def die():
        copies.append(tmp_path / f"dead{len(copies)}")
        shutil.copytree(folder.path, copies[-1])

    journal._connection = Steps(real, die)
    assert journal.pack()
    journal._connection = real
    journal.close()

    assert len(copies) >= 10
    for copy in copies:
        with begin(StateFolder(copy)) as again:
            assert (again.last_seq, again.cut, again.hash()) == (1_200, None, expected)
            again.pack()
            assert again.hash() == expected


def test_an_interrupt_at_any_step_of_packing_loses_and_doubles_nothing(folder):
    journal = ready_to_pack(folder)
    expected = list(journal.rows())
    real = journal._connection
    for at in range(12):
        left = [at]

        def interrupt(left=left):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt

        journal._connection = Steps(real, interrupt)
        with pytest.raises(KeyboardInterrupt):
            journal.pack()
        journal._connection = real
        assert not journal.pack()  # the next commit tidies first
        write(journal, 400, begin_at=len(expected), packs=False)
        expected += journal.rows(after=len(expected))

        assert [row.seq for row in expected] == list(range(1, len(expected) + 1))
        assert list(journal.rows()) == expected
    journal.close()
    assert packed_blocks(journal.path) == 1  # the one that was interrupted when it was done
    with begin(folder) as again:
        assert list(again.rows()) == expected


def test_a_journal_of_the_format_before_is_read_and_carried_on(folder):
    with begin(folder) as journal:
        write(journal, 1_200, begin_at=0)
        expected = journal.hash()
    with closing(sqlite3.connect(journal.path)) as connection, connection:
        assert packed_blocks(journal.path)
        rows = [*unpacked(connection, journal)]
        connection.execute("DELETE FROM rows")
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.execute("DROP TABLE blocks")
        connection.execute("PRAGMA user_version = 1")

    with open_run(folder, "sma") as reader:
        assert reader.hash() == expected
    with begin(folder) as again:
        assert (again.hash(), again.cut) == (expected, None)
        assert again.pack()
        assert again.hash() == expected
    assert packed_blocks(journal.path) == 1


def unpacked(connection, journal):
    """Yield all rows of a closed journal with their checksums."""
    texts = connection.execute("SELECT value FROM header WHERE key = ''").fetchone()[0]
    checksum = bytes.fromhex(texts)
    with open_run(StateFolder(journal.path.parent), "sma") as reader:
        for seq, kind, type_name, ts, payload, wall_us in reader.rows():
            text = row_bytes(seq=seq, kind=kind, type_name=type_name, ts=ts, payload=payload)
            checksum = hashlib.sha256(checksum + text).digest()
            yield seq, kind, type_name, ts, str(payload), checksum, wall_us


# -- damage -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Files of a packed run whose process died, and the hash after each row."""
    folder = StateFolder(tmp_path_factory.mktemp("whole") / "state")
    journal = begin(folder)
    write(journal)
    files = {path.name: path.read_bytes() for path in folder.path.glob("sma*")}
    digest, hashes = hashlib.sha256(), [hashlib.sha256().hexdigest()]
    for seq, kind, type_name, ts, payload, _wall_us in journal.rows():
        digest.update(row_bytes(seq=seq, kind=kind, type_name=type_name, ts=ts, payload=payload))
        hashes.append(digest.hexdigest())
    journal.close()
    closed = {path.name: path.read_bytes() for path in folder.path.glob("sma*")}
    return {"dead": files, "closed": closed, "hashes": hashes}


def laid_out(files, tmp_path_factory):
    folder = StateFolder(tmp_path_factory.mktemp("damaged") / "state")
    folder.make()
    for name, content in files.items():
        if not name.endswith("-shm"):  # an index that SQLite makes again
            (folder.path / name).write_bytes(content)
    return folder


def check_nothing_was_lost_silently(folder, hashes):
    try:
        journal = begin(folder)
    except JournalError:  # loudly refused
        return
    with journal:
        try:
            found = journal.hash()
        except JournalError:  # loudly refused where it is read
            return
        assert found == hashes[journal.last_seq]
        assert (journal.cut is None) == (journal.last_seq == ROWS)


@pytest.mark.parametrize("at_once", [0, 1 << 22])
@settings(deadline=None, max_examples=25)
@given(st.sampled_from(["dead", "closed"]), st.randoms(use_true_random=False), st.booleans())
def test_damage_to_a_packed_file_is_harmless_or_cut_or_named(
    whole, tmp_path_factory, at_once, state, chance, truncates
):
    files = dict(whole[state])
    name = chance.choice(sorted(name for name in files if name.endswith((".sqlite", "-wal"))))
    content = bytearray(files[name])
    if content:
        at = chance.randrange(len(content))
        if truncates:
            del content[at:]
        else:
            content[at] ^= chance.randint(1, 255)
    files[name] = bytes(content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "CHECKED_AT_ONCE_BYTES", at_once)
        check_nothing_was_lost_silently(laid_out(files, tmp_path_factory), whole["hashes"])


CHANGES = {
    "a changed number": "UPDATE blocks SET bars = zeroblob(length(bars)) WHERE last = {middle}",
    "changed facts": "UPDATE blocks SET facts = x'00' WHERE last = {middle}",
    "a changed seal": "UPDATE blocks SET seal = zeroblob(32) WHERE last = {middle}",
    "a changed checksum": "UPDATE blocks SET checksum = zeroblob(32) WHERE last = {middle}",
    "a changed kind": "UPDATE blocks SET kinds = ',note,' WHERE last = {middle}",
    "another type": "UPDATE blocks SET facts = 7 WHERE last = {middle}",
    "a block that is gone": "DELETE FROM blocks WHERE last = {middle}",
    "the last block that is gone": "DELETE FROM blocks WHERE last = {end}",
    "rows of other numbers": "UPDATE blocks SET first = first + 1 WHERE last = {middle}",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("at_once", [0, 1 << 22])
def test_a_changed_block_is_named_before_anything_is_written(
    whole, tmp_path_factory, monkeypatch, change, at_once
):
    folder = laid_out(whole["closed"], tmp_path_factory)
    with closing(sqlite3.connect(folder.journal_path("sma"))) as connection, connection:
        lasts = [last for (last,) in connection.execute("SELECT last FROM blocks ORDER BY last")]
        connection.execute(change.format(middle=lasts[1], end=lasts[-1]))
    monkeypatch.setattr(opening, "CHECKED_AT_ONCE_BYTES", at_once)

    with pytest.raises(JournalCorrupt, match="row"), begin(folder) as journal:
        list(journal.rows())
    with pytest.raises(JournalCorrupt, match="row"):
        open_run(folder, "sma")


def test_the_rows_that_are_read_first_are_checked_too(whole, tmp_path_factory, monkeypatch):
    folder = laid_out(whole["closed"], tmp_path_factory)
    with closing(sqlite3.connect(folder.journal_path("sma"))) as connection, connection:
        connection.execute(
            "UPDATE blocks SET bars = facts WHERE last = (SELECT min(last) FROM blocks)"
        )
    monkeypatch.setattr(opening, "CHECKED_AT_ONCE_BYTES", 0)

    with begin(folder) as journal:
        with pytest.raises(JournalCorrupt, match="rows 1 to"):
            next(journal.rows())
        with pytest.raises(JournalCorrupt, match="rows 1 to"):
            list(journal.rows_of_kind(RowKind.INTENT))


def test_a_torn_end_after_blocks_is_cut(whole, tmp_path_factory):
    folder = laid_out(whole["closed"], tmp_path_factory)
    with closing(sqlite3.connect(folder.journal_path("sma"))) as connection, connection:
        connection.execute("DELETE FROM rows")

    with begin(folder) as journal:
        assert journal.cut is not None
        assert journal.last_seq == journal.cut.last_seq
        assert journal.hash() == whole["hashes"][journal.last_seq]


def test_a_closed_journal_says_that_it_is_closed(folder):
    journal = begin(folder)
    write(journal, 10)
    journal.close()

    with pytest.raises(JournalError, match="closed: open it again"):
        list(journal.rows())
    with pytest.raises(JournalError, match="closed: open it again"):
        list(journal.rows_of_kind(RowKind.NOTE))
    assert blocks.PACKED_AT_BYTES == 2 * blocks.BLOCK_BYTES
    assert Packed._fields == ("facts", "bars")


@given(
    prices=st.lists(
        st.floats(0, 1e14) | st.sampled_from([0.0, 0.1, 1e-7, 123456789.123456, 1e13, 1 / 3]),
        min_size=1,
        max_size=12,
    ),
    wide=st.booleans(),
)
@settings(deadline=None)
def test_floats_that_slices_were_made_of_pack_as_their_texts_do(prices, wide):
    with Journal.in_memory() as journal:
        for number, price in enumerate(prices):
            when = START + timedelta(minutes=number)
            value = {"open": price, "high": price, "low": price, "close": price, "volume": 7.0}
            if wide:
                names = Names(["B", "A"])
                columns = SliceColumns(when, names, np.array([[price] * 2] * 4 + [[7.0, 0.5]]))
                journal.append_event(column_slice(columns))
            else:
                journal.append_event(
                    MarketDataEvent.of({"symbol": "A", "timestamp": when, **value})
                )
        journal.commit()
        rows = list(journal.rows())
        floats = journal._unpacked.floats

        assert unpack(pack(rows, floats), first=1) == unpack(pack(rows), first=1) == rows
        assert set(floats) <= {row.seq for row in rows}
        assert floats or not all(price == 0 or price >= 1e-30 for price in prices)
