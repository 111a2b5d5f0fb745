"""Tables of pipelines in sessions: journaled, shown again after a stop, and compared."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import rbtlive as rbt
from rbtlive.pipeline import Pipeline, kept
from rbtlive.pipeline.data import Column, DataSet, USEquityPricing
from rbtlive.pipeline.factors import BollingerBands, Returns
from rbtlive.runtime.journal.recorder import PIPELINE_COMPUTED
from tests.pipeline.test_engine import portal

START, END = "2016-02-01", "2016-02-19"
ROOT = Path(__file__).parents[2]


class Grades(DataSet):
    score = Column(float)
    grade = Column(object, missing_value="")


def use(score: float) -> None:
    """Say that one asset has had a score since January, as of February the 1st."""
    Grades.use(
        pl.DataFrame(
            {"symbol": ["AA0"], "timestamp": [date(2016, 1, 20)], "score": [score], "grade": ["A"]}
        )
    )


def pipeline() -> Pipeline:
    returns = Returns(window_length=5)
    return Pipeline(
        {
            "score": Grades.score.latest,
            "grade": Grades.grade.latest,
            "returns": returns,
            "up": returns > 0,
            "quarter": returns.quartiles(),
            "upper": BollingerBands(window_length=6, k=2).upper,
        },
        screen=USEquityPricing.close.latest > 5,
    )


SEEN: list[Any] = []


class Trader(rbt.TradingAlgorithm):
    """Buys what has a score every day, and keeps every table it was shown."""

    def initialize(self, context):
        self.attach_pipeline(pipeline(), "grades")

    def before_trading_start(self, context, data):
        context.table = self.pipeline_output("grades")
        SEEN.append((self.get_datetime(), context.table))

    def handle_data(self, context, data):
        for row in context.table.drop_nans("score").iter_rows(named=True):
            self.order(self.symbol(row["symbol"]), int(row["score"]))  # each is a commit


def attach(strategy: Any = Trader) -> Any:
    return rbt.attach(
        strategy,
        rbt.PaperBroker(),
        feed=rbt.ReplayFeed(portal()),
        start=START,
        end=END,
        name="trader",
        on_error="raise",
    )


@pytest.fixture(autouse=True)
def _clean(tmp_path, monkeypatch):
    monkeypatch.setenv("RBTLIVE_HOME", str(tmp_path))
    SEEN.clear()
    use(5.0)
    yield
    Grades.root.loader = None


def run(folder: Path, score: float, die_at: int) -> tuple[int, dict[str, list[Any]]]:
    """Trade in a process of its own that kills itself at a session's number; return how
    it ended, and the table of each morning.
    """
    command = [sys.executable, "-m", "tests.pipeline.mortal", str(score), str(die_at)]
    environment = os.environ | {"RBTLIVE_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    lines = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("[")]
    assert lines, ended.stderr
    return ended.returncode, dict(lines)


def test_a_killed_run_is_shown_the_tables_it_was_shown(tmp_path: Path):
    """Data revised between a kill -9 and the next start changes the days to come alone."""
    code, before = run(tmp_path, 5.0, 8)
    assert code == -signal.SIGKILL
    assert len(before) == 8

    code, after = run(tmp_path, 9.0, 0)

    assert code == 0
    mornings = list(after)
    assert len(mornings) == 14
    shown = mornings[:7]  # those whose events were committed, at least
    assert all(after[day] == before[day] for day in shown)
    assert [after[day]["AA0"][0] for day in shown] == [5.0] * 7
    assert [after[day]["AA0"][0] for day in mornings[8:]] == [9.0] * 6


def test_parity_names_the_first_asset_and_column_that_differ():
    """A score that was revised since is named, with both values."""

    async def trade() -> tuple[Any, Any]:
        session = attach()
        await session.wait()
        same = session.parity()
        use(6.0)
        return same, session.parity()

    same, other = asyncio.run(trade())

    assert same.identical
    assert same.tables_compared == 14
    assert "tables compared" in same._repr_html_()
    assert not other.identical
    first = other.first_difference
    assert first.field == "pipeline 'grades' of 2016-02-01: score of AA0"
    assert (first.session, first.backtest) == (5.0, 6.0)


def test_a_journal_holds_one_table_a_pipeline_and_session():
    """Each is a note, and gives the frame that the strategy saw."""

    async def trade() -> Any:
        session = attach()
        await session.wait()
        return session.journal_path

    path = asyncio.run(trade())

    from rbtlive.runtime.journal.journal_reader import RecordedRun, RowKind

    with_tables = [
        row.data()
        for row in RecordedRun(path).rows_of_kind(RowKind.NOTE)
        if row.type == PIPELINE_COMPUTED
    ]
    assert len(with_tables) == len(SEEN) == 14
    _when, seen = SEEN[0]
    assert with_tables[0]["table"]["symbols"] == seen["symbol"].to_list()


def test_tables_keep_every_bit_and_differences_are_found_in_any_column():
    """Numbers, flags, codes, texts and several outputs come back as they were."""
    from rbtlive.data.bars.market import Market
    from rbtlive.pipeline.engine import compute
    from rbtlive.pipeline.output import polars_frame
    from rbtlive.pipeline.source import Source

    data = portal()
    first = data.calendar.number(date(2016, 2, 1))
    market = Market(data, frequency="1d", first_session=first, last_session=first, preload=True)
    computed = compute(pipeline(), Source(market), first, first)
    facts = kept.day_facts(computed, 0)

    again = kept.computed_of(
        facts, pipeline().columns, market.assets, session=first, label=date(2016, 2, 1)
    )

    assert again is not None
    assert_frame_equal(polars_frame(again, 0), polars_frame(computed, 0), check_exact=True)
    assert kept.first_apart(facts, facts) is None
    fewer = {**facts, "symbols": facts["symbols"][1:]}
    apart = kept.first_apart(facts, fewer)
    assert apart is not None
    assert (apart.column, apart.symbol) == ("screen", facts["symbols"][0])
    assert kept.computed_of(facts, {}, market.assets, session=first, label=date(2016, 2, 1)) is None
