"""nautilus's live data engine: float dictionaries to bars, through its queue and
message bus to a callback.
"""

import asyncio
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.live.config import LiveDataEngineConfig
from nautilus_trader.live.data_engine import LiveDataEngine
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.identifiers import TraderId
from nautilus_trader.model.objects import Price, Quantity

from benchmarks.measure import live_main
from benchmarks.workloads import Bars


def dictionaries(bars: Bars):
    columns = (bars.opens, bars.highs, bars.lows, bars.closes, bars.volumes)
    rows = zip(bars.times.tolist(), *(column[:, 0].tolist() for column in columns), strict=True)
    names = ("timestamp", "open", "high", "low", "close", "volume")
    return [{"symbol": "A000", **dict(zip(names, row, strict=True))} for row in rows]


def flood(bars):
    rows = dictionaries(bars)
    bar_type = BarType.from_str("A000.SIM-1-MINUTE-LAST-EXTERNAL")
    seen = []

    def on_bar(bar):
        seen.append(bar.close)

    async def live():
        clock = LiveClock()
        bus = MessageBus(trader_id=TraderId("BENCH-001"), clock=clock)
        config = LiveDataEngineConfig(qsize=100_000)
        engine = LiveDataEngine(
            loop=asyncio.get_running_loop(), msgbus=bus, cache=Cache(), clock=clock, config=config
        )
        bus.subscribe(topic=f"data.bars.{bar_type}", handler=on_bar)
        engine.start()
        await asyncio.sleep(0.1)
        begun = time.process_time()
        for number, row in enumerate(rows):
            stamp = row["timestamp"] * 1_000
            engine.process(
                Bar(
                    bar_type,
                    Price(row["open"], 2),
                    Price(row["high"], 2),
                    Price(row["low"], 2),
                    Price(row["close"], 2),
                    Quantity(row["volume"], 0),
                    stamp,
                    stamp,
                )
            )
            if number % 256 == 255:
                await asyncio.sleep(0)
        while engine.data_qsize():  # noqa: ASYNC110 - it has no event for "empty"
            await asyncio.sleep(0)
        used = time.process_time() - begun
        engine.stop()
        await asyncio.sleep(0)
        return {"events": len(seen), "run_s": used}

    return asyncio.run(live())


if __name__ == "__main__":
    live_main({"flood": flood})
