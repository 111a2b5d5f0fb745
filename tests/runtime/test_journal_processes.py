"""The journal and other processes: killed at any moment, holding a session, reading
along.
"""

import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from rbtlive.errors import SessionLocked
from rbtlive.runtime.clock import VirtualClock
from rbtlive.runtime.journal.journal_reader import RowKind
from rbtlive.runtime.journal.opening import open_journal, open_run
from rbtlive.runtime.journal.state_folder import StateFolder

START = datetime(2020, 1, 2, 21, tzinfo=UTC)

WRITER = """
import sys
from datetime import UTC, datetime
from rbtlive.runtime.journal.opening import open_journal
from rbtlive.runtime.journal.state_folder import StateFolder
journal = open_journal(StateFolder(sys.argv[1]), "sma", header=dict)
while True:
    for _ in range(3):
        seq = journal.append("note", "Note", timestamp=datetime(2020, 1, 2, tzinfo=UTC), payload="x" * 200)
    journal.commit(durable=seq % 2 == 0)
    print(seq, flush=True)
"""

HOLDER_WITH_A_FORKED_CHILD = """
import os, signal, sys
from rbtlive.runtime.journal.opening import open_journal
from rbtlive.runtime.journal.state_folder import StateFolder
journal = open_journal(StateFolder(sys.argv[1]), "sma", header=dict)
child = os.fork()
if child == 0:
    print(os.getpid(), flush=True)
    os.read(0, 1)  # lives until its standard input ends
    os._exit(0)
signal.pause()
"""


@contextmanager
def running(program, folder):
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def begin(folder):
    return open_journal(folder, "sma", header=dict, clock=VirtualClock(START))


def test_a_writer_killed_at_random_moments_leaves_a_whole_prefix_each_time(tmp_path):
    folder = StateFolder(tmp_path / "state")
    chance = random.Random(5)
    kept = 0
    for _ in range(5):
        with running(WRITER, folder) as process:
            acknowledged = [
                int(process.stdout.readline()) for _ in range(chance.randrange(1, 200))
            ][-1]
            os.kill(process.pid, signal.SIGKILL)
            process.wait()

        with open_run(folder, "sma") as reader:
            numbers = [row.seq for row in reader.rows()]
            assert reader.cut is None
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= acknowledged > kept
        with begin(folder) as journal:
            assert (journal.resumed, journal.cut, journal.last_seq) == (True, None, len(numbers))
        kept = len(numbers)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
def test_a_session_is_held_by_one_process_and_free_when_that_dies_even_if_its_children_live(
    tmp_path,
):
    folder = StateFolder(tmp_path / "state")
    with running(HOLDER_WITH_A_FORKED_CHILD, folder) as process:
        child = int(process.stdout.readline())
        with pytest.raises(SessionLocked, match=f"held by process {process.pid} on"):
            begin(folder)

        os.kill(process.pid, signal.SIGKILL)
        process.wait()

        os.kill(child, 0)
        with begin(folder) as journal:
            assert journal.resumed


def test_a_run_can_be_read_while_another_process_writes_it(tmp_path):
    folder = StateFolder(tmp_path / "state")
    with running(WRITER, folder) as process:
        written = [int(process.stdout.readline()) for _ in range(50)][-1]

        with open_run(folder, "sma") as reader:
            assert reader.last_seq >= written
            assert {row.kind for row in reader.rows()} == {RowKind.NOTE}
        assert int(process.stdout.readline()) > written
