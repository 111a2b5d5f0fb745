"""A strategy that does at random whatever zipline's API allows, the same under zipline
and under rbtlive for one seed.

One rule: dice and the market decide, nothing else; every answer and every error is
logged.
"""

import math
import random
from collections.abc import Callable
from typing import Any

import pandas as pd

FIELDS = ("open", "high", "low", "close", "price", "volume")
FACTS = (
    "id",
    "amount",
    "filled",
    "limit",
    "stop",
    "commission",
    "limit_reached",
    "stop_reached",
    "dt",
    "created",
)
PORTFOLIO = ("cash", "portfolio_value", "positions_value", "pnl", "returns", "capital_used")
ACCOUNT = ("leverage", "net_leverage", "settled_cash", "net_liquidation", "cushion")
CAUTIOUS = {"slippage", "commission", "policy", "controls", "benchmark", "schedule"}


class Gambler:
    """The callbacks of one random strategy.

    Args:
        api: `zipline.api`, or what stands in for it.
        log: Where answers go.
        seed: Of the dice.
        symbols: What it may trade.
        rate: How likely it acts on a bar.
        benchmark: What it may take as benchmark.
    """

    def __init__(
        self,
        api: Any,
        log: list[Any],
        *,
        seed: int,
        symbols: str,
        rate: float = 1.0,
        benchmark: str | None = None,
    ) -> None:
        self.api, self.log, self.rate, self.benchmark = api, log, rate, benchmark
        self.symbols = symbols.split()
        self.dice = random.Random(seed)
        self.ids: list[str] = []
        self.assets: list[Any] = []
        self.context: Any = None
        self.intraday = False
        self.deeds = [
            self.place, self.place, self.place, self.place, self.batch, self.cancel, self.cancel_all_of,
            self.look_at_order, self.look_at_book, self.current, self.history, self.history, self.state,
            self.portfolio, self.portfolio, self.note,
        ]  # fmt: skip

    # -- callbacks --------------------------------------------------------------------

    def initialize(self, context: Any) -> None:
        """Draw assets, cost models, policy, controls and schedule."""
        self.context, self.intraday = (
            context,
            self.api.get_environment("data_frequency") == "minute",
        )
        self.assets = self.api.symbols(*self.symbols)
        self.attempt("slippage", self._set_slippage)
        self.attempt("commission", self._set_commission)
        if self.dice.random() < 0.3:
            self.api.set_cancel_policy(self.api.cancel_policy.EODCancel(warn_on_cancel=False))
        if self.benchmark and self.dice.random() < 0.5:
            self.api.set_benchmark(self.api.symbol(self.benchmark))
        self._set_controls()
        for number in range(self.dice.randrange(4)):
            self._schedule(f"scheduled {number}")
        context.count = 0

    def before_trading_start(self, context: Any, data: Any) -> None:
        """Look around in the morning."""
        if self.dice.random() < 0.3:
            self.attempt("morning", self.current, data)
            self.attempt("morning", self.history, data)
            self.attempt("morning", self.portfolio, data)
            self.attempt("morning", self.place, data)
            self.attempt("morning", self.cancel, data)
            self.attempt("morning", self.look_at_book, data)

    def handle_data(self, context: Any, data: Any) -> None:
        """Do nothing, something or several things."""
        context.count += 1
        if self.dice.random() < self.rate:
            for _ in range(self.dice.choice([0, 1, 1, 2, 3])):
                self.attempt("bar", self.dice.choice(self.deeds), data)

    def attempt(self, occasion: str, deed: Callable[..., Any], *arguments: Any) -> None:
        """Do something, and log what came of it."""
        try:
            answer = deed(*arguments)
        except Exception as error:  # noqa: BLE001 - which error it is belongs to the answers
            answer = type(error).__name__
        if occasion not in CAUTIOUS:
            self.log.append([occasion, deed.__name__, answer])

    # -- settings ---------------------------------------------------------------------

    def _set_slippage(self) -> None:
        models, pick = self.api.slippage, self.dice.randrange(6)
        share, impact = self.dice.choice([0.02, 0.1, 0.3]), self.dice.choice([0.0, 0.1, 0.5])
        if pick == 1:
            self.api.set_slippage(models.NoSlippage())
        elif pick == 2:
            self.api.set_slippage(models.FixedSlippage(spread=self.dice.choice([0.0, 0.05, 0.3])))
        elif pick in {3, 4}:
            self.api.set_slippage(
                models.VolumeShareSlippage(volume_limit=share, price_impact=impact)
            )
        elif pick == 5:
            self.api.set_slippage(
                models.FixedBasisPointsSlippage(
                    basis_points=self.dice.choice([0, 7.5, 50]), volume_limit=share
                )
            )

    def _set_commission(self) -> None:
        models, pick = self.api.commission, self.dice.randrange(5)
        if pick == 1:
            self.api.set_commission(
                models.PerShare(cost=0.0075, min_trade_cost=self.dice.choice([None, 0, 1.0, 7.5]))
            )
        elif pick == 2:
            self.api.set_commission(models.PerTrade(cost=self.dice.choice([0, 2.5])))
        elif pick == 3:
            self.api.set_commission(models.PerDollar(cost=0.0015))
        elif pick == 4:
            self.api.set_commission(models.PerShare(cost=0.0))

    def _set_controls(self) -> None:
        dice, api = self.dice, self.api
        log = dice.choice(["log", "fail"])
        if dice.random() < 0.15:
            api.set_max_order_size(
                dice.choice([None, self.assets[0]]), max_shares=dice.choice([30, 90]), on_error=log
            )
        if dice.random() < 0.15:
            api.set_max_position_size(
                dice.choice([None, self.assets[1]]),
                max_notional=dice.choice([3000, 9000]),
                on_error=log,
            )
        if dice.random() < 0.1:
            api.set_long_only(on_error=log)
        if dice.random() < 0.1:
            api.set_max_order_count(2, on_error=log)
        if dice.random() < 0.15:
            api.set_asset_restrictions(
                api.StaticRestrictions([dice.choice(self.assets)]), on_error=log
            )

    def _schedule(self, name: str) -> None:
        dice, dates, times = self.dice, self.api.date_rules, self.api.time_rules
        number = dice.randrange(4)
        date = dice.choice(
            [
                dates.every_day(),
                dates.week_start(number),
                dates.week_end(number),
                dates.month_start(number * 3),
                dates.month_end(number * 2),
            ]
        )
        time = dice.choice(
            [
                times.market_open(),
                times.market_close(),
                times.every_minute(),
                times.market_open(hours=1, minutes=number),
                times.market_close(minutes=1 + number * 17),
            ]
        )

        def scheduled(_context: Any, data: Any) -> None:
            self.log.append([name, self.api.get_datetime()])
            self.attempt(name, self.dice.choice(self.deeds), data)

        self.api.schedule_function(scheduled, date, time, half_days=dice.random() < 0.7)

    # -- deeds ------------------------------------------------------------------------

    def place(self, data: Any) -> Any:
        """Place an order of a random kind and style."""
        dice, api, asset = self.dice, self.api, self.dice.choice(self.assets)
        kind = dice.randrange(6)
        size = [dice.randint(-120, 160), dice.randint(-6000, 9000) * 1.1, dice.uniform(-0.3, 0.5)][
            kind % 3
        ]
        if dice.random() < 0.1:
            size = 0
        call = [
            api.order,
            api.order_value,
            api.order_percent,
            api.order_target,
            api.order_target_value,
            api.order_target_percent,
        ][kind]
        made = call(asset, size, **self._style(data, asset))
        if made is not None:
            self.ids.append(made)
        return [asset, size, made]

    def _style(self, data: Any, asset: Any) -> dict[str, Any]:
        dice, styles = self.dice, self.api.execution
        price = data.current(asset, "price")
        limit, stop = price * dice.uniform(0.97, 1.03), price * dice.uniform(0.97, 1.03)
        kind = dice.randrange(12)
        if kind < 5 or math.isnan(price):
            return {}
        return [
            {"limit_price": limit},
            {"stop_price": stop},
            {"limit_price": limit, "stop_price": stop},
            {"style": styles.LimitOrder(limit)},
            {"style": styles.StopOrder(stop)},
            {"style": styles.StopLimitOrder(limit, stop)},
            {"style": styles.MarketOrder()},
        ][kind - 5]

    def batch(self, _data: Any) -> Any:
        """Place market orders for several assets."""
        chosen = self.dice.sample(self.assets, 2)
        ids = list(
            self.api.batch_market_order(
                pd.Series({asset: self.dice.randint(-20, 20) for asset in chosen})
            )
        )
        self.ids += ids
        return ids

    def cancel(self, _data: Any) -> Any:
        """Cancel some order, by id or as it was given."""
        if not self.ids:
            return None
        chosen = self.dice.choice(self.ids[-20:])
        self.api.cancel_order(chosen if self.dice.random() < 0.5 else self.api.get_order(chosen))
        return chosen

    def cancel_all_of(self, _data: Any) -> Any:
        """Cancel what is open of an asset, while looking through it."""
        cancelled = []
        for order in self.api.get_open_orders(self.dice.choice(self.assets)):
            self.api.cancel_order(order)
            cancelled.append(order.id)
        return cancelled

    def look_at_order(self, _data: Any) -> Any:
        """Return the facts of some order."""
        if not self.ids:
            return None
        order = self.api.get_order(self.dice.choice(self.ids))
        return [*(getattr(order, name) for name in FACTS), int(order.status), order.sid]

    def look_at_book(self, _data: Any) -> Any:
        """Return the open orders of all assets."""
        book = self.api.get_open_orders()
        return {
            asset: [[order.id, order.filled] for order in orders] for asset, orders in book.items()
        }

    def current(self, data: Any) -> Any:
        """Ask for values of now."""
        return data.current(self._some(self.assets), self._some(FIELDS))

    def history(self, data: Any) -> Any:
        """Ask for a window."""
        frequency = self.dice.choice(["1d", "1d", "1m" if self.intraday else "1d"])
        count = (
            self.dice.choice([1, 2, 3, 7]) if frequency == "1d" else self.dice.choice([1, 5, 33])
        )
        return data.history(self._some(self.assets), self._some(FIELDS), count, frequency)

    def state(self, data: Any) -> Any:
        """Ask whether assets can be traded."""
        some = self._some(self.assets)
        return [
            data.can_trade(some),
            data.is_stale(some),
            data.current(some, "last_traded"),
            self.api.get_datetime(),
        ]

    def portfolio(self, _data: Any) -> Any:
        """Look at portfolio and account."""
        context = self.context
        held = [
            [p.asset, p.amount, p.cost_basis, p.last_sale_price, p.last_sale_date]
            for p in context.portfolio.positions.values()
        ]
        return [
            [getattr(context.portfolio, name) for name in PORTFOLIO],
            [getattr(context.account, name) for name in ACCOUNT],
            held,
        ]

    def note(self, data: Any) -> Any:
        """Record something."""
        asset = self.dice.choice(self.assets)
        self.api.record(f"of_{asset.symbol}", data.current(asset, "price"), made=len(self.ids))

    def _some(self, things: Any) -> Any:
        if self.dice.random() < 0.5:
            return self.dice.choice(things)
        return self.dice.sample(list(things), self.dice.randint(1, len(things)))
