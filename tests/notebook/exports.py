"""A notebook that was run from top to bottom by a program, and what nbconvert makes of
it.
"""

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

ROOT = Path(__file__).parents[2]

SETUP = """\
import asyncio
import rbtlive as rbt

bars = rbt.load_sample("us-daily")

class Buyer(rbt.TradingAlgorithm):
    def initialize(self, context):
        context.asset = self.symbol("AAPL")

    def handle_data(self, context, data):
        self.order(context.asset, 10)

async def slowly():
    for event in rbt.ReplayFeed(bars, speed=None).slices():
        yield event
        await asyncio.sleep(0.01)
"""
CELLS = (
    SETUP,
    'running = rbt.attach(Buyer, rbt.PaperBroker(), feed=slowly(), data=bars, name="running")\nrunning',
    'feed = rbt.ReplayFeed(bars)\nended = rbt.attach(Buyer, rbt.PaperBroker(), feed=feed, end="2000-12-29", name="ended")\nended',
    "await ended.wait()",
    "while running.stats['events'] < 30: await asyncio.sleep(0.01)",
    "ended.result()",
)
RUNNING, ENDED, RESULT = 1, 2, 5


def executed(folder):
    """Return a notebook with a session that runs, one that ended, and a result, as
    nbclient leaves it.
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RBTLIVE_HOME": str(folder / "state")}
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    return client.execute(env=environment)


def html_page(notebook):
    """Return the notebook as `jupyter nbconvert --to html` gives it."""
    page, _resources = HTMLExporter().from_notebook_node(notebook)
    return page
