"""The notebooks that the browser runs."""

import nbformat

SETUP = """\
import asyncio
import time

import rbtlive as rbt

bars = rbt.load_sample("us-daily")
"""

STRATEGY = '''\
class Rotation(rbt.TradingAlgorithm):
    """Trade every asset a little, by market and by limit orders."""

    def initialize(self, context):
        context.assets = [self.symbol(name) for name in ("AAPL", "IBM", "MSFT")]
        context.bars = 0

    def handle_data(self, context, data):
        context.bars += 1
        time.sleep(0.02)
        for rank, asset in enumerate(context.assets):
            price = float(data.current(asset, "close"))
            if (context.bars + rank) % 3 == 0:
                self.order(asset, 40 if context.bars % 2 else -30)
            elif (context.bars + rank) % 5 == 0:
                self.order(asset, 25, limit_price=round(price * 0.97, 2))
        if context.bars % 60 == 10:  # IBM had no split, which would change the limit
            self.order(context.assets[1], 10, limit_price=0.5)
            raise ValueError("a failing callback <b>on purpose</b>")
'''

LIGHT = STRATEGY.replace("        time.sleep(0.02)\n", "")
"""The same, with a kernel that is idle most of the time, however busy the machine is."""

FEED = """\
async def bursts(size=15, pause_s=1.0):
    for number, event in enumerate(rbt.ReplayFeed(bars).slices(), 1):
        yield event
        if number % size == 0:
            await asyncio.sleep(pause_s)
"""

CHECK = """\
engine = session.engine
print(f"state={session.state} trading={session.trading_state}", end=" ")
print(f"open={len(engine.order_manager.get_active_orders())} held={len(engine.portfolio.positions)}")
"""
LAST = 'print("last cell done")'


def attach(folder):
    """Return a cell that attaches the strategy, with its journal in a folder of its
    own, and shows the session.
    """
    return (
        f'session = rbt.attach(Rotation, rbt.PaperBroker(), feed=bursts(), data=bars, name="rotation", journal="{folder}")\n'
        "session"
    )


def write(path, cells):
    """Write a notebook of code cells."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells]
    )
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, path)
