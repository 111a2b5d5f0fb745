"""Damage to a packed journal is harmless, cut or named, and never silent."""

import hashlib
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbtlive.errors import JournalCorrupt, JournalError
from rbtlive.runtime.journal import opening
from rbtlive.runtime.journal.chain import row_bytes
from rbtlive.runtime.journal.journal_reader import RowKind
from rbtlive.runtime.journal.opening import open_run
from rbtlive.runtime.journal.state_folder import StateFolder
from tests.runtime.packed_journals import ROWS, begin, laid_out, write


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
