"""Few positions are read one by one and many in columns, with the same rows."""

from __future__ import annotations

import asyncio

import pytest

import rbtlive as rbt
from rbtlive.notebook.panel import position_rows
from rbtlive.notebook.panel.position_rows import PositionRows
from tests.builders import daily_frame


class Both(rbt.TradingAlgorithm):
    """Buys one asset, sells another one short, and goes on changing both."""

    def initialize(self, context):
        context.bars = 0

    def handle_data(self, context, data):
        context.bars += 1
        self.order(self.symbol("AAA"), 7 if context.bars % 3 else -11)
        self.order(self.symbol("BBB"), -5)


async def looked(tmp_path):
    """Return what the positions were after each bar of a session."""
    session = rbt.attach(
        Both,
        rbt.PaperBroker(),
        feed=rbt.ReplayFeed(daily_frame(20, gaps=True)),
        journal=tmp_path,
        fresh=True,
    )
    kept, seen = PositionRows(), []

    def look(_event):
        kept.step(session.engine.core)
        sums = {name: getattr(kept, name) for name in ("value", "long_value", "open_profit")}
        seen.append((kept.held, list(kept.rows.values()), sums))

    session.engine.dispatcher.register_handler(rbt.MarketDataEvent, look)
    await session.wait()
    return seen


def test_few_and_many_are_read_alike(tmp_path, monkeypatch):
    few = asyncio.run(looked(tmp_path))
    monkeypatch.setattr(position_rows, "FEW", 0)

    many = asyncio.run(looked(tmp_path))

    assert [held for held, _rows, _sums in few] == [held for held, _rows, _sums in many]
    assert max(held for held, _rows, _sums in few) == 2
    for (_held, rows, sums), (_same, other_rows, other_sums) in zip(few, many, strict=True):
        assert sums == pytest.approx(other_sums, rel=1e-12, abs=1e-9)
        assert [row["symbol"] for row in rows] == [row["symbol"] for row in other_rows]
        for row, other in zip(rows, other_rows, strict=True):
            texts = ("symbol", "elsewhere")
            assert [row[key] for key in texts] == [other[key] for key in texts]
            numbers = [key for key in row if key not in texts]
            assert [row[key] for key in numbers] == pytest.approx(
                [other[key] for key in numbers], rel=1e-6
            )
    _held, rows, sums = few[-1]
    assert sums["value"] == pytest.approx(sum(row["value"] for row in rows), abs=0.02)
    assert sums["long_value"] == pytest.approx(max(row["value"] for row in rows), abs=0.02)
