"""Sessions in processes of their own, and the means to kill them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL


class Host:
    """Starts a session's process again and again, and kills it when it is reported to."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.host"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            bufsize=0,
        )

    def run(
        self,
        folder,
        sessions,
        *,
        frequency="1d",
        kill_after=None,
        crash_at=0,
        strategy="churn",
    ) -> tuple[int, int]:
        """Run a session until it ends or dies.

        Args:
            folder: Of the journals; without spaces.
            sessions: How many sessions the bars have.
            frequency: How long its bars are.
            kill_after: Kill the process once it has reported of so many bars.
            crash_at: Let it kill itself at this commit of the journal, before it if
                negative.
            strategy: One of the host's.

        Returns:
            Its exit code, negative if a signal ended it, and how many bars it reported of.
        """
        process = self._process
        process.stdin.write(f"{folder} {sessions} {frequency} {crash_at} {strategy}\n".encode())
        reported, text = 0, b""
        pid = None
        while not (text.endswith(b"\n") and b"ended " in text):
            read = process.stdout.read(1)
            assert read, "the host has died"
            text += read
            if pid is None and text.endswith(b"\n") and b"pid " in text:
                pid = int(text.rpartition(b"pid ")[2].split()[0])
            reported += read == b"."
            if kill_after is not None and reported >= kill_after and pid is not None:
                os.kill(pid, signal.SIGKILL)
                kill_after = None
        return int(text.rpartition(b"ended ")[2]), reported

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()
