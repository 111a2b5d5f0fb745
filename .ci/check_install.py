"""Check an installed package from outside its sources: import, backtest, attach,
parity. Run it in an empty folder.
"""

import asyncio
from pathlib import Path

import rbtlive as rbt


class BuyAndHold(rbt.TradingAlgorithm):
    """Hold one share."""

    def initialize(self, context):
        """Choose the asset."""
        context.asset = self.symbol("IBM")

    def handle_data(self, context, data):
        """Keep one share."""
        self.order_target(context.asset, 1)


async def trade(bars, span):
    """Run the strategy on paper and return the session."""
    session = rbt.attach(BuyAndHold, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), **span)
    await session.wait()
    return session


def main():
    """Run everything a plain install must do."""
    assert "site-packages" in Path(rbt.__file__).parts, (
        f"not installed, but taken from {rbt.__file__}"
    )
    bars, span = rbt.load_sample("us-daily"), {"start": "2005-01-03", "end": "2005-03-31"}
    result = rbt.backtest(BuyAndHold, bars, **span)
    session = asyncio.run(trade(bars, span))
    assert result.metrics["fills"] == 1
    assert result.performance.equals(session.result().performance)
    print(session.parity())
    assert session.parity().identical


main()
