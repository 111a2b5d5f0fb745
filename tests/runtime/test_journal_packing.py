"""Earlier rows of a journal are packed: they come back as they were, whatever happens
while they are packed or to the packed file, and take little room.
"""

import hashlib
import random
import shutil
import sqlite3
from contextlib import closing

import pytest

from rbtlive.errors import JournalError
from rbtlive.runtime.clock import VirtualClock
from rbtlive.runtime.journal import blocks, store
from rbtlive.runtime.journal.chain import row_bytes
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.journal_reader import RowKind
from rbtlive.runtime.journal.opening import open_run
from rbtlive.runtime.journal.packing import Packed
from rbtlive.runtime.journal.state_folder import StateFolder
from tests.runtime.packed_journals import ROWS, START, begin, packed_blocks, slice_of, write


@pytest.fixture
def folder(tmp_path):
    return StateFolder(tmp_path / "state")


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
    plain.close()


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
    plain.close()
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
