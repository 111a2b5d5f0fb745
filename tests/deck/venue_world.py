"""The Alpaca adapter at the venue over loopback, as a world for the deck's cards."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from tests.brokers.alpaca_session import broker_at
from tests.venue.process import VenueProcess

SESSIONS_BEFORE_SPLIT = 34
"""From the world's beginning to two sessions before AAPL's split of 2005-02-28."""


class VenueWorld:
    """A venue process of daily bars, moved by hand."""

    name = "Alpaca at the venue"
    symbol, other = "IBM", "AAPL"

    def __init__(self, venue):
        self._venue = venue
        self._count = 0
        self.portal = None

    async def begin(self):
        """Begin a new book, and fetch the history."""
        await self._do(self._venue.control, "reset")
        await self._do(self._venue.advance, 2)
        feed = self.broker().feed
        self.portal = await feed.fetch_bars([self.symbol, self.other], "2004-12-01")

    def broker(self):
        """Return a new connection."""
        return broker_at(self._venue)

    def options(self):
        """Return what `attach` needs of this world."""
        return {"data": self.portal}

    @staticmethod
    def is_fed(session):
        """Say whether the session's feed listens: what happens from now on, it gets."""
        return session.engine.feed._given.reach_us is not None

    async def pass_days(self, count=1):
        """Let that many sessions happen."""
        await self._do(self._venue.advance, count)

    async def left(self):
        """Do nothing: the feed asks the archive."""

    async def by_hand(self, amount, symbol="IBM"):
        """Trade on the account as a person does."""
        self._count += 1
        amount = Decimal(amount)
        side = "buy" if amount > 0 else "sell"
        status, answer = await self._do(
            lambda: self._venue.place(
                f"hand-{self._count}",
                qty=str(abs(amount)),
                side=side,
                symbol=symbol,
                time_in_force="day" if amount % 1 else "gtc",
            )
        )
        assert status == 200, answer

    async def replace_by_hand(self, amount, limit):
        """Replace the resting order of a run, as a person does on the broker's page."""
        _status, resting = await self._ask("/v2/orders?status=open")
        status, answer = await self._do(
            lambda: self._venue.request(
                f"/v2/orders/{resting[0]['id']}",
                method="PATCH",
                body={"qty": str(amount), "limit_price": str(limit)},
                keys=True,
            )
        )
        assert status == 200, answer

    async def fill_by_hand(self):
        """Let the resting order of a run fill: its limit is lifted above the market."""
        _status, resting = await self._ask("/v2/orders?status=open")
        await self.replace_by_hand(resting[0]["qty"], 500)

    async def change_account(self):
        """Let the keys be those of another account."""
        await self._do(self._venue.control, "reset")
        await self._do(self._venue.advance, 4)

    async def pay(self, kind, amount):
        """Change the account's cash without an order."""
        body = {"kind": kind, "amount": str(amount)}
        await self._do(lambda: self._venue.control("cash", body))

    async def announce_split(self, ratio):
        """Go where the second asset is split in the session after the next one."""
        assert ratio == "0.5", "AAPL's own split"
        self.symbol, self.other = self.other, self.symbol
        await self._do(self._venue.advance, SESSIONS_BEFORE_SPLIT)

    async def announce_split_for_next(self, ratio):
        """Announce a split of the first asset in the next session."""
        body = {"symbol": self.symbol, "ratio": ratio}
        await self._do(lambda: self._venue.control("split", body))

    async def announce_symbol(self, new_symbol):
        """Announce another symbol for the first asset, from the next session on."""
        body = {"symbol": self.symbol, "new_symbol": new_symbol}
        await self._do(lambda: self._venue.control("symbol", body))

    async def change_symbol(self, new_symbol):
        """Do nothing: the venue's session begins with it."""

    async def split(self, ratio):
        """Do nothing: the venue splits as its session begins."""

    async def silence(self):
        """Answer no question about the account any more."""
        await self._do(
            lambda: self._venue.faults(
                {"kind": "error", "where": "orders"}, {"kind": "error", "where": "account"}
            )
        )

    async def restrict(self, *, blocked):
        """Block the account, or free it again."""
        await self._do(lambda: self._venue.control("account", {"account_blocked": blocked}))

    async def deafen_to_cancels(self):
        """Refuse every cancel."""
        await self._do(lambda: self._venue.faults({"kind": "error", "where": "cancel"}))

    async def held(self):
        """Return what the account holds."""
        _status, held = await self._ask("/v2/positions")
        return {one["symbol"]: Decimal(one["qty"]) for one in held}

    async def cash(self):
        """Return the account's cash."""
        return Decimal((await self._ask("/v2/account"))[1]["cash"])

    async def resting(self):
        """Return how many orders rest."""
        return len((await self._ask("/v2/orders?status=open"))[1])

    async def sent(self):
        """Return the signed shares of every order, oldest first."""
        _status, orders = await self._ask("/v2/orders?status=all&direction=asc")
        return [Decimal(one["qty"]) * (1 if one["side"] == "buy" else -1) for one in orders]

    @property
    def low(self):
        """A price far below the market."""
        return 50.0

    async def _ask(self, path):
        return await self._do(lambda: self._venue.request(path, keys=True))

    @staticmethod
    async def _do(function, *args):
        return await asyncio.to_thread(function, *args)


def new_venue():
    """Start the venue of the deck."""
    return VenueProcess("--start", "2005-01-03", "--end", "2005-06-30")
