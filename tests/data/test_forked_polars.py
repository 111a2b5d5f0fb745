"""A child that was forked beside Polars' threads is refused, and does not wait for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import rbtlive as rbt
from rbtlive.data import forked_polars
from rbtlive.errors import ForkedProcess
from tests.builders import Hold, daily_frame

CHILD = """
import os, signal, sys
import polars as pl
import rbtlive as rbt
from rbtlive.errors import ForkedProcess

if sys.argv[1] == "after":  # which starts the threads
    pl.LazyFrame({"a": range(100_000)}).group_by(pl.col("a") % 7).agg(pl.len()).collect()
child = os.fork()
if not child:
    signal.alarm(120)  # a child that waits for ever ends
    try:
        bars = rbt.load_sample("us-daily")
        print(len(bars.assets) > 0, flush=True)
    except ForkedProcess as refusal:
        print("spawn" in str(refusal), "sweep" in str(refusal), flush=True)
    finally:
        os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no forks there")
@pytest.mark.parametrize(("when", "said"), [("before", "True"), ("after", "True True")])
def test_a_child_is_refused_only_where_polars_had_threads(
    when: str, said: str, tmp_path: Path
) -> None:
    script = tmp_path / "forks.py"
    script.write_text(CHILD)

    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, when],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert done.stdout.strip() == said


def test_runs_and_portals_are_refused_there(monkeypatch: pytest.MonkeyPatch) -> None:
    portal = rbt.PolarsDataPortal(daily_frame())
    monkeypatch.setattr(forked_polars, "_lost_threads", True)

    with pytest.raises(ForkedProcess, match="spawn"):
        rbt.backtest(Hold, portal, progress=False)
    with pytest.raises(ForkedProcess, match="spawn"):
        rbt.PolarsDataPortal(daily_frame())
