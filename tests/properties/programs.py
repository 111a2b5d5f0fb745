"""Markets and order programs drawn by hypothesis, and what a run made of them."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import strategies as st

from rbtlive import BacktestResult, PolarsDataPortal, backtest
from rbtlive.finance.cancel_policy import EODCancel
from rbtlive.finance.commission import PerDollar, PerShare
from rbtlive.finance.slippage import (
    FixedBasisPointsSlippage,
    FixedSlippage,
    NoSlippage,
    VolumeShareSlippage,
)

DAYS = [date(2017, 1, day) for day in (3, 4, 5, 6, 9, 10, 11, 12, 13, 17)]
SYMBOLS = ("ABLE", "BAKE")
SLIPPAGE = (
    NoSlippage,
    FixedSlippage,
    FixedBasisPointsSlippage,
    lambda: VolumeShareSlippage(0.1, 0.3),
)
COMMISSION = (PerShare, lambda: PerShare(0.01, 1.0), PerDollar)

Bar = tuple[int, int] | None  # close in cents, volume


@dataclass(frozen=True)
class Deed:
    """One call: on which bar, what, of which asset, how many, at which distance from
    the price.
    """

    bar: int
    kind: str
    asset: int
    size: int
    distance: float


@dataclass(frozen=True)
class Play:
    """A market and a program."""

    lines: tuple[tuple[Bar, ...], ...]
    splits: tuple[tuple[int, int, float], ...]
    dividends: tuple[tuple[int, int, int, float], ...]
    program: tuple[Deed, ...]
    costs: tuple[int, int]
    cancels: bool = False


KINDS = ("order", "limit", "stop", "stop-limit", "value", "percent", "target", "cancel", "batch")

_bar = st.one_of(
    st.tuples(st.integers(500, 2_000), st.integers(0, 400)),
    st.tuples(st.integers(500, 2_000), st.integers(300, 5_000)),
    st.none(),
)
_day = st.integers(1, len(DAYS) - 1)
_asset = st.integers(0, len(SYMBOLS) - 1)
_deed = st.builds(
    Deed,
    bar=st.integers(0, len(DAYS) - 1),
    kind=st.sampled_from(KINDS),
    asset=_asset,
    size=st.integers(-150, 200),
    distance=st.floats(-0.2, 0.2, allow_nan=False),
)


# The first and the last bar are there, so that an asset's life is the whole run.
def _line() -> st.SearchStrategy[tuple[Bar, ...]]:
    ends = st.tuples(st.integers(500, 2_000), st.integers(100, 5_000))
    inside = st.lists(_bar, min_size=len(DAYS) - 2, max_size=len(DAYS) - 2)
    return st.builds(lambda first, middle, last: (first, *middle, last), ends, inside, ends)


def plays(*, actions: bool = True) -> st.SearchStrategy[Play]:
    """Return plays; without `actions`, without splits and dividends."""
    many = 2 if actions else 0
    splits = st.lists(
        st.tuples(_asset, _day, st.sampled_from([0.5, 2 / 3, 4.0, 0.1])),
        max_size=many,
        unique_by=lambda s: s[:2],
    )
    dividends = st.lists(
        st.tuples(_asset, _day, st.integers(0, 4), st.sampled_from([0.07, 0.5, 1.13])),
        max_size=many,
        unique_by=lambda d: d[:2],
    )
    return st.builds(
        Play,
        lines=st.tuples(*(_line() for _ in SYMBOLS)),
        splits=splits.map(tuple),
        dividends=dividends.map(tuple),
        program=st.lists(_deed, min_size=1, max_size=14).map(tuple),
        costs=st.tuples(st.integers(0, len(SLIPPAGE) - 1), st.integers(0, len(COMMISSION) - 1)),
        cancels=st.booleans(),
    )


def portal(play: Play) -> PolarsDataPortal:
    """Return a play's market."""
    rows = [
        (day, symbol, cents / 100, cents / 100, cents / 100, cents / 100, volume)
        for symbol, line in zip(SYMBOLS, play.lines, strict=True)
        for day, bar in zip(DAYS, line, strict=True)
        if bar is not None
        for cents, volume in [bar]
    ]
    columns = ["date", "symbol", "open", "high", "low", "close", "volume"]
    splits = [(SYMBOLS[asset], DAYS[day], ratio) for asset, day, ratio in play.splits]
    dividends = [
        (SYMBOLS[asset], DAYS[day], DAYS[min(day + later, len(DAYS) - 1)], amount)
        for asset, day, later, amount in play.dividends
    ]
    return PolarsDataPortal(
        pl.DataFrame(rows, schema=columns, orient="row"),
        splits=pl.DataFrame(splits, schema=["symbol", "effective_date", "ratio"], orient="row")
        if splits
        else None,
        dividends=pl.DataFrame(
            dividends, schema=["symbol", "ex_date", "pay_date", "amount"], orient="row"
        )
        if dividends
        else None,
    )


@dataclass
class Player:
    """Follows a program, and looks closely at the core after each callback."""

    play: Play
    mornings: bool = True
    bar: int = -1
    ids: list[str] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)
    states: dict[str, list[Any]] = field(default_factory=dict)
    balances: list[Decimal] = field(default_factory=list)
    split_amounts: list[Any] = field(default_factory=list)

    def initialize(self, context: Any) -> None:
        context.assets = context.symbols(*SYMBOLS)
        if self.play.cancels:
            context.set_cancel_policy(EODCancel(warn_on_cancel=False))

    def before_trading_start(self, context: Any, data: Any) -> None:
        self.look(context)
        if self.mornings:
            self.seen.append(
                (self.bar + 1, "morning", *(str(data.current(a, "price")) for a in context.assets))
            )

    def handle_data(self, context: Any, data: Any) -> None:
        self.bar += 1
        self.look(context)
        prices = [data.current(asset, "price") for asset in context.assets]
        windows = [
            data.history(asset, "price", min(3, self.bar + 1), "1d").to_list()
            for asset in context.assets
        ]
        self.seen.append(
            (self.bar, *map(str, prices), str(windows), str(context.portfolio.portfolio_value))
        )
        for deed in self.play.program:
            if deed.bar == self.bar:
                self._do(deed, context, prices[deed.asset])
        self.look(context)

    def on_order_fill(self, context: Any, order: Any, transaction: Any) -> None:
        self.look(context)

    def look(self, context: Any) -> None:
        state = context._run
        self.balances.append(state.portfolio.conservation_error())
        for order in state.orders:
            states = self.states.setdefault(order.id, [])
            if not states or states[-1] is not order.state:
                states.append(order.state)

    def _do(self, deed: Deed, context: Any, price: Any) -> None:
        asset, size = context.assets[deed.asset], deed.size
        away = float(price) * (1 + deed.distance)
        near = float(price) * (1 + deed.distance / 3)
        calls: dict[str, Any] = {
            "order": lambda: context.order(asset, size),
            "limit": lambda: context.order(asset, size, limit_price=away),
            "stop": lambda: context.order(asset, size, stop_price=away),
            "stop-limit": lambda: context.order(asset, size, limit_price=away, stop_price=near),
            "value": lambda: context.order_value(asset, size * 17),
            "percent": lambda: context.order_percent(asset, size / 400),
            "target": lambda: context.order_target(asset, size),
            "batch": lambda: context.batch_market_order(dict.fromkeys(context.assets, size))[-1:],
            "cancel": lambda: context.cancel_order(
                self.ids[size % len(self.ids)] if self.ids else "none"
            ),
        }
        made = calls[deed.kind]()
        if isinstance(made, str):
            self.ids.append(made)


def run(
    play: Play, *, quirks: bool = False, mornings: bool = True
) -> tuple[Player, BacktestResult]:
    """Play, and return the player and the result."""
    player = Player(play, mornings=mornings)
    callbacks = {"__name__": "player", **{name: getattr(player, name) for name in (
        "initialize", "before_trading_start", "handle_data", "on_order_fill",
    )}}  # fmt: skip
    slippage, commission = play.costs
    result = backtest(
        callbacks,
        portal(play),
        capital_base=20_000,
        slippage=SLIPPAGE[slippage](),
        commission=COMMISSION[commission](),
        zipline_quirks=quirks,
        progress=False,
    )
    return player, result
