"""A field with a default, added to a command, an event or a bar, is in every object that
is made unchecked, and comes back from a journal.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ADDED = {
    "model/bar.py": ("    volume: Volume\n", "    volume: Volume\n    trades: int = 7\n"),
    "model/commands.py": ("    symbol: str\n", '    symbol: str\n    route: str = "any"\n'),
    "model/events.py": (
        "    bars: dict[str, Bar]\n",
        '    bars: dict[str, Bar]\n    source: str = "tape"\n',
    ),
}
FILL = ("    execution_id: str\n", '    execution_id: str\n    liquidity: str = "taker"\n')
SCRIPT = """\
import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import rbtlive as rbt
from rbtlive.model.bar import Bar
from rbtlive.model.events import MarketDataEvent, OrderFillEvent
from rbtlive.runtime.journal.codec import decode_event, encode_event
from rbtlive.runtime.journal.state_folder import StateFolder
from rbtlive.runtime.journal.opening import open_run
from tests.builders import Churn, daily_frame

def again(event):
    text = encode_event(event)
    return decode_event(event.event_type, timestamp=event.timestamp, payload=text)

async def traded():
    feed = rbt.ReplayFeed(daily_frame(8))
    session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal="state", name="added")
    for kind in (MarketDataEvent, OrderFillEvent):
        session.engine.dispatcher.register_handler(kind, seen.append)
    await session.wait()
    with open_run(StateFolder("state"), "added") as run:
        return [row for row in run.rows() if row.type == "SubmitOrder"]

seen = []
intents = asyncio.run(traded())
fills = [event for event in seen if type(event) is OrderFillEvent]
slices = [event for event in seen if type(event) is MarketDataEvent]
assert {fill.liquidity for fill in fills} == {"taker"}
assert {event.source for event in slices} == {"tape"}
assert {bar.trades for event in slices for bar in event.bars.values()} == {7}
assert {row.data()["route"] for row in intents} == {"any"}
assert all(again(event) == event for event in seen)

now = datetime(2024, 1, 2, 21, tzinfo=UTC)
bar = Bar(symbol="A", timestamp=now, open=1, high=1, low=1, close=1, volume=5, trades=9)
event = MarketDataEvent(timestamp=now, bars={"A": bar}, source="wire")
assert again(event) == event and again(event).bars["A"].trades == 9
fill = OrderFillEvent(
    timestamp=now, order_id="1", execution_id="x", amount=Decimal(1), price=Decimal(1), liquidity="maker"
)
assert again(fill) == fill
print("complete")
"""


def test_a_field_that_is_added_is_left_out_nowhere(tmp_path):
    shutil.copytree(
        ROOT / "rbtlive", tmp_path / "rbtlive", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name, (place, wider) in ADDED.items():
        _replace(tmp_path / "rbtlive" / name, place, wider)
    _replace(tmp_path / "rbtlive/model/events.py", *FILL)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == "complete\n"


def _replace(path, place, wider):
    text = path.read_text(encoding="utf-8")
    assert text.count(place) >= 1, f"{path.name} has no {place!r} any more: adapt this test"
    path.write_text(text.replace(place, wider, 1), encoding="utf-8")
