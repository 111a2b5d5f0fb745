"""Backtest one strategy class, trade it on paper, and compare the two. `make demo`
runs it.

    python examples/demo.py [FOLDER]

It writes result, chart and journal to FOLDER, by default `demo-output`.
"""

import asyncio
import os
import sys
from pathlib import Path

from tqdm import tqdm

import rbtlive as rbt
from rbtlive.model.events import MarketDataEvent, OrderFillEvent
from rbtlive.research.result import compare

SPAN = {"start": "2005-01-03", "end": "2010-12-31"}
SHOWN = {
    "sessions": ",.0f",
    "orders": ",.0f",
    "fills": ",.0f",
    "commission": ",.2f",
    "final_value": ",.2f",
    "total_return": ".2%",
    "sharpe": ".4f",
    "max_drawdown": ".2%",
}
"""Figures of the summary, and how they are printed."""


class SmaCross(rbt.TradingAlgorithm):
    """Hold the asset while its short moving average is above the long one."""

    fast, slow = 10, 30

    def initialize(self, context):
        context.asset = self.symbol("AAPL")

    def handle_data(self, context, data):
        prices = data.history(context.asset, "close", self.slow, "1d")
        invested = 1 if prices[-self.fast :].mean() > prices.mean() else 0
        self.order_target_percent(context.asset, invested)


async def trade_on_paper(bars, *, folder, sessions):
    """Trade the strategy on the loop that is running, and return the session once its
    feed has ended.
    """
    session = rbt.attach(
        SmaCross,
        rbt.PaperBroker(),
        feed=rbt.ReplayFeed(bars),
        name="demo",
        journal=folder,
        fresh=True,
        log_level="warning",  # each fill is printed below
        **SPAN,
    )
    orders = session.engine.order_manager
    with tqdm(total=sessions, unit=" bars", desc="paper") as progress:

        def show_fill(fill):
            symbol = orders.get_order(fill.order_id).asset.symbol
            deed = "bought" if fill.amount > 0 else "sold"
            progress.write(
                f"{fill.timestamp:%Y-%m-%d}  {deed:6} {abs(fill.amount):>6} {symbol} at "
                f"{fill.price:.2f}"
            )

        session.engine.dispatcher.register_handler(OrderFillEvent, show_fill)
        session.engine.dispatcher.register_handler(MarketDataEvent, lambda _bar: progress.update())
        await session.wait()
    return session


def print_summary(backtested, traded):
    """Print the figures of both results side by side."""
    rows = {
        row[0]: row[1:]
        for row in compare(backtested, traded, names=("backtest", "paper")).iter_rows()
    }
    print(f"\n{'':14}{'backtest':>14}{'paper':>14}")
    for metric, form in SHOWN.items():
        first, second, same = rows[metric]
        print(f"{metric:14}{first:>14{form}}{second:>14{form}}  {'same' if same else 'DIFFERENT'}")


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-output")
    folder.mkdir(parents=True, exist_ok=True)
    bars = rbt.load_sample("us-daily")

    print(f"Backtest of {SmaCross.__name__}, {SPAN['start']} to {SPAN['end']}:")
    backtested = rbt.backtest(SmaCross, bars, **SPAN)
    print(backtested)

    print("\nThe same class on the paper broker, over a replay of the same bars:")
    sessions = backtested.metrics["sessions"]
    session = asyncio.run(trade_on_paper(bars, folder=folder / "sessions", sessions=sessions))
    traded, parity = session.result(), session.parity()

    print(f"\n{parity}")
    print(parity.verdict())
    print_summary(backtested, traded)
    print(f"\nresult   {traded.save(folder / 'paper.rbtlive')}")
    print(f"chart    {traded.save_html(folder / 'paper.html')}")
    print(f"journal  {os.path.relpath(session.journal_path)}")
    return 0 if parity.identical else 1


if __name__ == "__main__":
    sys.exit(main())
