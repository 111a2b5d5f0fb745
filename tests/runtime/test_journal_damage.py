"""What becomes of a journal that was damaged, and of one that cannot be written: never
a silent loss.
"""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbtlive.errors import JournalCorrupt, JournalError, JournalUnwritable
from rbtlive.runtime.journal.journal_reader import RowKind
from rbtlive.runtime.journal.opening import open_run
from rbtlive.runtime.journal.state_folder import StateFolder
from tests.runtime.packed_journals import START, begin, laid_out

ROWS = 120


def note(journal, number):
    journal.append(
        RowKind.NOTE, "Note", timestamp=START, payload={"number": number, "filler": "x" * 80}
    )


class Whole(dict):
    def __repr__(self):
        return "the whole journal"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Files of a run that was closed, of one whose process died, and the hash after
    each row.
    """
    folder = StateFolder(tmp_path_factory.mktemp("whole") / "state")
    journal = begin(folder)
    hashes = [journal.hash()]
    for number in range(ROWS):
        note(journal, number)
        hashes.append(journal.hash())
        journal.commit()
    dead = {path.name: path.read_bytes() for path in folder.path.glob("sma*")}
    journal.close()
    closed = {path.name: path.read_bytes() for path in folder.path.glob("sma*")}
    return Whole({"dead": dead, "closed": closed, "hashes": hashes})


def change(folder, *statements):
    with closing(sqlite3.connect(folder.journal_path("sma"))) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def check_nothing_was_lost_silently(folder, hashes):
    try:
        journal = begin(folder)
    except JournalError:  # loudly refused
        return
    with journal:
        assert journal.resumed
        assert journal.hash() == hashes[journal.last_seq]
        assert [row.data()["number"] for row in journal.rows()] == list(range(journal.last_seq))
        assert (journal.cut is None) == (journal.last_seq == ROWS)
        note(journal, journal.last_seq)
    with begin(folder) as again:
        assert again.cut is None
        assert again.last_seq == journal.last_seq


def place_in(files, place):
    """Turn any number into a database or log file and an offset in it, each byte as
    likely as the next.
    """
    names = sorted(name for name in files if name.endswith((".sqlite", "-wal")))
    place %= sum(len(files[name]) for name in names)
    for name in names:
        if place < len(files[name]):
            return name, place
        place -= len(files[name])
    raise AssertionError("the remainder lies in one of the files")


@settings(deadline=None, max_examples=80)
@given(st.sampled_from(["dead", "closed"]), st.integers(0, 10**7), st.integers(1, 255))
def test_a_flipped_byte_anywhere_is_harmless_or_cut_or_named(
    whole, tmp_path_factory, state, place, mask
):
    files = dict(whole[state])
    name, at = place_in(files, place)
    content = bytearray(files[name])
    content[at] ^= mask
    files[name] = bytes(content)

    check_nothing_was_lost_silently(laid_out(files, tmp_path_factory), whole["hashes"])


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(["dead", "closed"]), st.integers(0, 10**7))
def test_a_truncated_file_is_cut_or_named(whole, tmp_path_factory, state, place):
    files = dict(whole[state])
    name, length = place_in(files, place)
    files[name] = files[name][:length]

    check_nothing_was_lost_silently(laid_out(files, tmp_path_factory), whole["hashes"])


def test_a_file_cut_between_its_pages_keeps_its_good_rows(whole, tmp_path_factory):
    files = dict(whole["closed"])
    files["sma.sqlite"] = files["sma.sqlite"][: len(files["sma.sqlite"]) - 8192]
    folder = laid_out(files, tmp_path_factory)

    with begin(folder) as journal:
        assert 0 < journal.last_seq < ROWS
        assert journal.hash() == whole["hashes"][journal.last_seq]
        assert journal.cut.last_seq == journal.last_seq
    assert (folder.path / "sma.sqlite.damaged1").read_bytes() == files["sma.sqlite"]


def test_a_damaged_last_row_is_cut_and_the_run_goes_on(whole, tmp_path_factory):
    folder = laid_out(whole["closed"], tmp_path_factory)
    change(folder, f"UPDATE rows SET payload = '{{}}' WHERE seq = {ROWS}")

    with open_run(folder, "sma") as reader:
        assert (reader.last_seq, reader.cut.last_seq) == (ROWS - 1, ROWS - 1)
        assert len(list(reader.rows())) == ROWS - 1
    with begin(folder) as journal:
        assert journal.cut.reason == f"row {ROWS} is not what was written"
        note(journal, ROWS - 1)
        assert journal.hash() == whole["hashes"][ROWS]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rows SET payload = '{}' WHERE seq = 50",
        "UPDATE rows SET ts = '2020-01-02T21:00:00.000001Z' WHERE seq = 50",
        "UPDATE rows SET kind = 'input' WHERE seq = 1",
        "UPDATE rows SET checksum = zeroblob(32) WHERE seq = 50",
        "UPDATE rows SET payload = 7 WHERE seq = 50",
        "DELETE FROM rows WHERE seq = 50",
    ],
)
def test_damage_in_the_middle_is_corruption_and_nothing_is_cut(whole, tmp_path_factory, statement):
    folder = laid_out(whole["closed"], tmp_path_factory)
    change(folder, statement)

    with pytest.raises(JournalCorrupt, match="damaged in its middle"):
        begin(folder)
    with pytest.raises(JournalCorrupt, match="damaged in its middle"):
        open_run(folder, "sma")

    with closing(sqlite3.connect(folder.journal_path("sma"))) as connection:
        assert connection.execute("SELECT max(seq) FROM rows").fetchone() == (ROWS,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE header SET value = '2' WHERE key = 'x'",
        "DELETE FROM header WHERE key = 'x'",
        "INSERT INTO header VALUES ('y', '1')",
        "DROP TABLE header",
    ],
)
def test_a_changed_header_is_corruption(whole, tmp_path_factory, statement):
    folder = laid_out(whole["closed"], tmp_path_factory)
    change(folder, statement)

    with pytest.raises(JournalCorrupt):
        begin(folder)


def test_rows_that_vanish_with_the_write_ahead_log_are_missed(whole, tmp_path_factory):
    files = {name: content for name, content in whole["dead"].items() if not name.endswith("-wal")}
    folder = laid_out(files, tmp_path_factory)

    try:
        with begin(folder) as journal:
            assert journal.cut.reason == f"row {ROWS} had been written once and is gone"
    except JournalError:
        pytest.fail("the header was durable and must be readable")


def test_rows_deleted_at_the_end_are_missed(whole, tmp_path_factory):
    folder = laid_out(whole["closed"], tmp_path_factory)
    change(folder, f"DELETE FROM rows WHERE seq > {ROWS - 3}")

    with begin(folder) as journal:
        assert (journal.last_seq, journal.cut.last_seq) == (ROWS - 3, ROWS - 3)


def fill_until_it_fails(journal, match):
    for number in range(5, 200):
        note(journal, number)

    with pytest.raises(JournalUnwritable, match=match):
        journal.commit(durable=True)

    assert journal.failure is not None
    with pytest.raises(JournalUnwritable, match="has failed before"):
        note(journal, 0)
    with pytest.raises(JournalUnwritable, match="has failed before"):
        journal.commit()
    journal.close()


def check_the_first_five_are_there(folder, good):
    with begin(folder) as again:
        assert (again.last_seq, again.hash(), again.cut) == (5, good, None)


@pytest.fixture
def begun(tmp_path):
    folder = StateFolder(tmp_path / "state")
    journal = begin(folder)
    for number in range(5):
        note(journal, number)
    journal.commit()
    yield journal, folder
    journal.close()


def test_a_full_disk_stops_the_journal_at_once(begun):
    journal, folder = begun
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")

    good = journal.hash()
    fill_until_it_fails(journal, "disk is full")
    check_the_first_five_are_there(folder, good)


def test_a_read_only_file_stops_the_journal_at_once(begun):
    journal, folder = begun
    journal._connection.execute("PRAGMA query_only = ON")

    good = journal.hash()
    fill_until_it_fails(journal, "readonly")
    check_the_first_five_are_there(folder, good)


def test_another_writer_stops_the_journal_at_once(begun):
    journal, folder = begun
    good = journal.hash()
    with closing(sqlite3.connect(journal.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        fill_until_it_fails(journal, "locked")
    check_the_first_five_are_there(folder, good)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(JournalError, match="state folder"):
        begin(StateFolder(tmp_path / "file" / "state"))
    with pytest.raises(JournalError, match="must be a real folder"):
        begin(StateFolder(tmp_path / "file"))
