"""The journal: rows in order, hashed, committed, found again; runs that end, go on, or
are set aside.
"""

import hashlib
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from rbtlive.errors import (
    BadSessionName,
    JournalCorrupt,
    JournalUnwritable,
    JournalVersion,
    RunNotFound,
    SessionLocked,
    UnsafeStateFolder,
)
from rbtlive.model.bar import Bar
from rbtlive.model.commands import SubmitOrder
from rbtlive.model.events import MarketDataEvent, OperatorEvent
from rbtlive.runtime.clock import VirtualClock
from rbtlive.runtime.journal import store as journal_store
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.journal_reader import RowKind
from rbtlive.runtime.journal.opening import open_journal, open_run
from rbtlive.runtime.journal.state_folder import StateFolder, client_order_id, new_run_id

START = datetime(2020, 1, 2, 21, tzinfo=UTC)


def slice_at(minute):
    moment = START + timedelta(minutes=minute)
    bar = Bar(
        symbol="A", timestamp=moment, open=1, high=2, low=0.5, close=1 + minute / 100, volume=10
    )
    return MarketDataEvent(timestamp=moment, bars={"A": bar})


@pytest.fixture
def folder(tmp_path):
    return StateFolder(tmp_path / "state")


@pytest.fixture
def begin(folder):
    """Opens journals of the session "sma", and closes them at the end."""
    opened = []

    def begin(name="sma", **settings):
        journal = open_journal(
            folder,
            name,
            **{
                "header": lambda: {"params": {"fast": 10}},
                "clock": VirtualClock(START),
                **settings,
            },
        )
        opened.append(journal)
        return journal

    yield begin
    for journal in opened:
        journal.close()


def test_rows_come_back_in_order_with_what_was_written(begin):
    journal = begin(run_id="ABCDEFGH")
    journal.append_event(slice_at(0))
    journal.append_event(OperatorEvent(timestamp=START, action="halt"), kind=RowKind.DERIVED)
    command = SubmitOrder(order_id="1", symbol="A", amount=5)
    journal.append(RowKind.INTENT, "SubmitOrder", timestamp=START, payload=command)
    journal.close()

    again = begin()

    assert again.resumed
    assert (again.run_id, again.last_seq, again.cut) == ("ABCDEFGH", 3, None)
    assert [(row.seq, row.kind, row.type) for row in again.rows()] == [
        (1, "input", "MarketDataEvent"),
        (2, "derived", "OperatorEvent"),
        (3, "intent", "SubmitOrder"),
    ]
    assert list(again.events()) == [(1, slice_at(0))]
    assert next(again.rows(after=2)).data() == {
        "amount": "5",
        "limit": None,
        "order_id": "1",
        "stop": None,
        "symbol": "A",
    }
    assert next(again.rows()).timestamp == START
    assert again.header == {
        "params": {"fast": 10},
        "name": "sma",
        "run_id": "ABCDEFGH",
        "created": "2020-01-02T21:00:00.000000Z",
    }


def test_rows_not_yet_committed_can_be_read_and_are_gone_if_never_committed(begin, folder):
    journal = begin()
    journal.append_event(slice_at(0))
    journal.commit()
    journal.append_event(slice_at(1))

    assert [row.seq for row in journal.rows()] == [1, 2]
    assert [row.seq for row in journal.rows(after=1)] == [2]
    with open_run(folder, "sma") as reader:
        assert [row.seq for row in reader.rows()] == [1]


def test_the_hash_is_sha256_over_the_rows_as_lines_of_canonical_json(begin, folder):
    journal = begin()
    journal.append(RowKind.NOTE, "Note", timestamp=START, payload={"b": 1, "a": "ä"})
    journal.append(RowKind.NOTE, "Note", timestamp=START, payload=None)

    lines = (
        '[1,"note","Note","2020-01-02T21:00:00.000000Z",{"a":"\\u00e4","b":1}]\n'
        '[2,"note","Note","2020-01-02T21:00:00.000000Z",null]\n'
    )
    assert journal.hash() == hashlib.sha256(lines.encode()).hexdigest()
    journal.commit()
    with open_run(folder, "sma") as reader:
        assert reader.hash() == journal.hash()


def test_the_hash_does_not_depend_on_wall_clock_run_or_commits(begin):
    first = begin("one")
    second = begin("two", clock=VirtualClock(START + timedelta(days=400)))
    for minute in range(5):
        first.append_event(slice_at(minute))
        first.commit(durable=True)
        second.append_event(slice_at(minute))

    assert first.hash() == second.hash()
    assert first.run_id != second.run_id
    assert [row.wall_us for row in first.rows()] != [row.wall_us for row in second.rows()]


def test_a_run_that_has_not_ended_goes_on_and_one_that_has_is_followed_by_another(begin, folder):
    journal = begin(run_id="AAAAAAAA")
    journal.append_event(slice_at(0))
    journal.close()
    journal = begin()
    assert (journal.resumed, journal.run_id) == (True, "AAAAAAAA")
    journal.end(timestamp=START, reason="the feed ended")
    assert journal.ended
    journal.close()

    following = begin(run_id="BBBBBBBB")

    assert (following.resumed, following.last_seq, following.ended) == (False, 0, False)
    assert folder.earlier_runs("sma") == [1]
    with open_run(folder, "sma", 1) as earlier:
        assert (earlier.run_id, earlier.ended, earlier.last_seq) == ("AAAAAAAA", True, 2)
        assert list(earlier.events()) == [(1, slice_at(0))]


def test_nothing_is_written_after_the_end_of_a_run(begin):
    journal = begin()
    journal.end(timestamp=START, reason="the feed ended")

    with pytest.raises(JournalUnwritable, match="has ended"):
        journal.append_event(slice_at(0))

    assert journal.last_seq == 1


def test_fresh_starts_a_new_run_whatever_the_old_one_was(begin, folder):
    for run in range(3):
        journal = begin(fresh=True)
        journal.append_event(slice_at(run))
        journal.close()

    assert folder.earlier_runs("sma") == [1, 2]
    assert [list(open_events(folder, run)) for run in (1, 2, None)] == [
        [slice_at(0)],
        [slice_at(1)],
        [slice_at(2)],
    ]


def open_events(folder, run):
    with open_run(folder, "sma", run) as recorded:
        return [event for _, event in recorded.events()]


def test_an_earlier_run_left_with_its_write_ahead_log_can_still_be_read(begin, folder):
    journal = begin()
    journal.append_event(slice_at(0))
    journal.commit()
    path = journal.path
    saved = {p.name: p.read_bytes() for p in path.parent.glob("sma.sqlite*")}
    journal.close()
    for name, content in saved.items():  # as the death of its process leaves it
        (path.parent / name).write_bytes(content)

    begin(fresh=True)

    assert open_events(folder, 1) == [slice_at(0)]


def test_a_process_that_died_before_the_header_left_no_run_behind(begin, folder):
    folder.make()
    with closing(sqlite3.connect(folder.journal_path("sma"))) as blank, blank:
        blank.execute("PRAGMA journal_mode = WAL")
    blank.close()

    assert not begin().resumed
    assert folder.earlier_runs("sma") == []


def test_a_second_holder_learns_who_the_first_is(begin):
    begin()

    with pytest.raises(
        SessionLocked, match=r"'sma' is held by this process on .+ since 2020-01-02T21:00:00"
    ):
        begin()

    assert begin("other").resumed is False


def test_a_header_that_cannot_be_made_leaves_the_old_run_and_the_lock_free(begin, folder):
    journal = begin()
    journal.append_event(slice_at(0))
    journal.close()

    with pytest.raises(TypeError, match="canonical form"):
        begin(fresh=True, header=lambda: {"params": object()})
    with pytest.raises(KeyError):
        begin(fresh=True, header=lambda: {}["missing"])

    journal = begin()
    assert folder.earlier_runs("sma") == []
    assert (journal.resumed, journal.last_seq) == (True, 1)


def test_another_format_is_refused_by_name(begin, folder):
    begin().close()
    with closing(sqlite3.connect(folder.journal_path("sma"))) as connection, connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(JournalVersion, match="must have format 2: has 99"):
        begin()
    with pytest.raises(JournalVersion):
        open_run(folder, "sma")
    assert begin(fresh=True).last_seq == 0


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\x00" * 3000]
)
def test_a_file_that_is_no_journal_is_corrupt_and_is_set_aside_only_when_asked(
    begin, folder, content
):
    folder.make()
    folder.journal_path("sma").write_bytes(content)

    with pytest.raises(JournalCorrupt):
        begin()
    assert folder.journal_path("sma").read_bytes() == content

    assert begin(fresh=True).last_seq == 0
    assert folder.journal_path("sma", 1).read_bytes() == content


def test_a_database_of_somebody_else_is_no_journal(begin, folder):
    folder.make()
    with closing(sqlite3.connect(folder.journal_path("sma"))) as connection, connection:
        connection.execute("CREATE TABLE header (key, value)")
    connection.close()

    with pytest.raises(JournalCorrupt, match="header"):
        begin()


def test_hostile_strings_come_back_as_they_were(begin, folder):
    texts = [
        "'); DROP TABLE rows; --",
        '"\\',
        "\x00\x1f\u2028",
        "</script><img src=x>",
        "\ud800",
        "😀" * 1000,
    ]
    journal = begin()
    for text in texts:
        journal.append(RowKind.NOTE, "Note", timestamp=START, payload={"text": text, text: 1})
    journal.close()

    with open_run(folder, "sma") as reader:
        assert [row.data()["text"] for row in reader.rows()] == texts


@pytest.mark.parametrize("word", ["", "a b", 'x"', "é", "x" * 65, None, 7])
def test_kinds_and_types_are_plain_words(begin, word):
    journal = begin()

    with pytest.raises(ValueError, match="letters, digits"):
        journal.append(RowKind.NOTE, word, timestamp=START, payload={})

    assert journal.last_seq == 0


def test_a_payload_without_canonical_form_changes_nothing(begin):
    journal = begin()
    before = journal.hash()

    with pytest.raises(TypeError, match="canonical form"):
        journal.append(RowKind.NOTE, "Note", timestamp=START, payload={"x": object()})

    assert (journal.last_seq, journal.hash()) == (0, before)


def test_the_state_folder_belongs_to_its_owner_and_is_ignored_by_git(begin, folder):
    journal = begin()
    journal.append_event(slice_at(0))
    journal.commit()

    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert (folder.path / ".gitignore").read_text() == "*\n"
    for path in folder.path.glob("sma.*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


@pytest.mark.parametrize("victim", ["sma.sqlite", "sma.sqlite-wal", "sma.lock"])
def test_links_in_the_state_folder_are_refused_and_left_alone(begin, folder, tmp_path, victim):
    folder.make()
    target = tmp_path / "precious"
    target.write_bytes(b"mine")
    if victim == "sma.sqlite-wal":
        begin().close()
    (folder.path / victim).symlink_to(target)

    with pytest.raises(UnsafeStateFolder, match=victim):
        begin()

    assert target.read_bytes() == b"mine"
    assert list(tmp_path.glob("precious*")) == [target]


def test_a_default_folder_that_is_a_link_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RBTLIVE_HOME", raising=False)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".rbtlive").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UnsafeStateFolder):
        StateFolder().make()

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_environment_moves_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RBTLIVE_HOME", raising=False)
    assert StateFolder().path == tmp_path / ".rbtlive"

    monkeypatch.setenv("RBTLIVE_HOME", str(tmp_path / "home"))
    assert StateFolder().path == tmp_path / "home"


@pytest.mark.parametrize(
    "name", ["", ".hidden", "../up", "a/b", "a b", "-x", "x" * 65, "a\n", "sma.0001", None, 3]
)
def test_names_that_would_be_no_file_or_another_runs_file_are_refused(begin, name):
    with pytest.raises(BadSessionName, match="session's name"):
        begin(name)


def test_sessions_and_runs_are_listed(begin, folder):
    begin("b.2").close()
    for _ in range(3):
        begin("a", fresh=True).close()

    assert folder.names() == ["a", "b.2"]
    assert folder.earlier_runs("a") == [1, 2]
    assert folder.earlier_runs("b") == []


def test_a_run_that_is_not_there_is_named_with_those_that_are(begin, folder):
    begin().close()

    with pytest.raises(RunNotFound, match=r"'sma' has number 7: earlier runs are none"):
        open_run(folder, "sma", 7)
    with pytest.raises(RunNotFound, match=r"'other' was recorded.+recorded sessions are sma"):
        open_run(folder, "other")


def test_a_finished_run_can_be_read_where_no_side_files_can_be_made(begin, folder):
    journal = begin()
    journal.append_event(slice_at(0))
    journal.close()
    (
        folder.path / "sma.sqlite-shm"
    ).mkdir()  # in the way, as a folder without write permission would be

    assert open_events(folder, None) == [slice_at(0)]


def test_a_closed_journal_takes_nothing_and_closing_twice_does_nothing(begin):
    journal = begin()
    journal.close()
    journal.close()

    with pytest.raises(JournalUnwritable, match="closed"):
        journal.append_event(slice_at(0))
    with pytest.raises(JournalUnwritable, match="closed"):
        journal.commit()


def test_a_journal_in_memory_works_like_one_on_disk():
    with Journal.in_memory({"x": 1}, run_id="ABCDEFGH") as journal:
        journal.append_event(slice_at(0))
        journal.commit(durable=True)
        journal.append_event(slice_at(1))

        assert list(journal.events()) == [(1, slice_at(0)), (2, slice_at(1))]
        assert (journal.size_bytes(), journal.run_id, journal.header["x"]) == (0, "ABCDEFGH", 1)


def test_many_rows_without_a_commit_do_not_pile_up_in_memory(begin):
    journal = begin()
    for minute in range(10_000):
        journal.append(RowKind.NOTE, "Note", timestamp=START, payload=minute)

    assert len(journal._buffer) < 4096
    assert [row.seq for row in journal.rows()] == list(range(1, 10_001))


def test_slices_that_wait_for_their_text_keep_their_place_among_other_rows(begin):
    journal = begin()
    numbers = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.5)
    for minute in range(6):
        moment = START + timedelta(minutes=minute)
        facts = {"symbol": "A", "timestamp": moment, **numbers, "volume": minute + 0.5}
        journal.append_event(MarketDataEvent.of(facts))
        journal.append(RowKind.NOTE, "Note", timestamp=moment, payload=minute)
        if minute == 2:
            assert [row.seq for row in journal.rows()] == [1, 2, 3, 4, 5, 6]
        if minute == 3:
            journal.commit()

    rows = list(journal.rows())

    assert [row.seq for row in rows] == list(range(1, 13))
    assert [row.type for row in rows] == ["MarketDataEvent", "Note"] * 6
    assert [row.payload.count('"close":"1.5"') for row in rows] == [1, 0] * 6
    assert [event.bars["A"].floats()[-1] for _, event in journal.events()] == [
        minute + 0.5 for minute in range(6)
    ]


def test_an_interrupt_at_any_step_of_a_commit_loses_and_doubles_nothing(begin):
    class Interrupting:
        """Passes everything on to a connection, and interrupts before or after the n-th
        statement.
        """

        def __init__(self, connection, at, after):
            self.connection, self.at, self.after = connection, at, after

        def __getattr__(self, name):
            real = getattr(self.connection, name)
            if name not in ("execute", "executemany"):
                return real

            def step(*arguments):
                self.at -= 1
                if self.at == 0 and not self.after:
                    raise KeyboardInterrupt
                result = real(*arguments)
                if self.at == 0:
                    raise KeyboardInterrupt
                return result

            return step

    for at in range(1, 5):
        for after in (False, True):
            journal = begin(f"interrupted{at}{after}")
            journal.append_event(slice_at(0))
            real = journal._connection
            journal._connection = Interrupting(real, at, after)
            with pytest.raises(KeyboardInterrupt):
                journal.commit()
            journal._connection = real
            journal.append_event(slice_at(1))
            journal.commit(durable=True)
            journal.append_event(slice_at(2))

            assert [event for _, event in journal.events()] == [
                slice_at(0),
                slice_at(1),
                slice_at(2),
            ]


def test_run_ids_are_eight_characters_and_client_order_ids_at_most_eighteen():
    assert new_run_id(lambda n: bytes(range(n))) == "AAAQEAYE"
    assert client_order_id("AAAQEAYE", 17) == "AAAQEAYE-17"
    assert len(client_order_id(new_run_id(), 999_999_999)) == 18
    assert new_run_id() != new_run_id()
    with pytest.raises(ValueError, match="sequence must be from 1"):
        client_order_id("AAAQEAYE", 0)


def test_bars_are_stored_once_and_found_by_their_content(folder):
    bars = pl.DataFrame({"session": [1, 2], "close": [1.5, 2.5]})

    content = folder.store_bars(bars)

    assert folder.store_bars(bars) == content
    assert folder.store_bars(bars.head(1)) != content
    assert folder.load_bars(content).equals(bars)
    assert len(list((folder.path / "bars").iterdir())) == 2


def test_bars_that_changed_are_corrupt_and_repaired_by_storing_them_again(folder):
    bars = pl.DataFrame({"session": [1, 2], "close": [1.5, 2.5]})
    content = folder.store_bars(bars)
    path = folder.path / "bars" / f"{content}.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    with pytest.raises(JournalCorrupt, match=content):
        folder.load_bars(content)
    folder.store_bars(bars)

    assert folder.load_bars(content).equals(bars)


@pytest.mark.parametrize("content", ["0" * 64, "../../etc/passwd", ""])
def test_bars_that_were_never_stored_are_not_found(folder, content):
    with pytest.raises(RunNotFound):
        folder.load_bars(content)


def test_bars_behind_a_link_are_refused(folder, tmp_path):
    folder.make()
    (folder.path / "bars").symlink_to(tmp_path)

    with pytest.raises(UnsafeStateFolder, match="bars"):
        folder.store_bars(pl.DataFrame({"x": [1]}))


def test_a_run_whose_header_is_not_written_yet_is_not_there_yet(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.make()
    journal_store.create_file(folder.journal_path("young"))
    journal_store.connect(folder.journal_path("young")).close()

    with pytest.raises(RunNotFound, match="has not begun"):
        open_run(folder, "young")


def test_rows_of_one_kind_are_found_on_disk_and_in_memory(tmp_path: Path) -> None:
    at = datetime(2020, 1, 2, tzinfo=UTC)
    with open_journal(StateFolder(tmp_path), "kinds", header=dict) as journal:
        for number in range(6):
            kind = RowKind.STATE if number % 2 else RowKind.NOTE
            journal.append(kind, "Fact", timestamp=at, payload={"number": number})
            if number == 3:
                journal.commit()

        found = [row.data()["number"] for row in journal.rows_of_kind(RowKind.STATE)]

    assert found == [1, 3, 5]
