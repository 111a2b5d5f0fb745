"""nautilus_trader: bars from its wrangler, registered indicators, market orders at its
simulated exchange.
"""

import sys
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

from benchmarks.measure import Outcome, main
from benchmarks.workloads import (
    CAPITAL,
    COMMISSION,
    EVERY,
    FAST,
    SHARES,
    SLOW,
    WINDOW,
    Bars,
    symbols,
)

VENUE = Venue("SIM")


class Config(StrategyConfig, frozen=True):
    bar_types: list[BarType]


class Trading(Strategy):
    trades = 0

    def on_start(self):
        for bar_type in self.config.bar_types:
            self.subscribe_bars(bar_type)

    def on_order_filled(self, event):  # noqa: ARG002 - the engine's signature
        self.trades += 1

    def trade(self, instrument_id, amount):
        side = OrderSide.BUY if amount > 0 else OrderSide.SELL
        self.submit_order(
            self.order_factory.market(instrument_id, side, Quantity.from_int(abs(amount)))
        )


class Crossover(Trading):
    def __init__(self, config):
        super().__init__(config)
        self.fast, self.slow = SimpleMovingAverage(FAST), SimpleMovingAverage(SLOW)
        self.was_above, self.holds = None, False

    def on_start(self):
        bar_type = self.config.bar_types[0]
        self.register_indicator_for_bars(bar_type, self.fast)
        self.register_indicator_for_bars(bar_type, self.slow)
        super().on_start()

    def on_bar(self, bar):
        if not self.indicators_initialized():
            return
        above = self.fast.value > self.slow.value
        if self.was_above is not None and above != self.was_above and above != self.holds:
            self.trade(bar.bar_type.instrument_id, SHARES if above else -SHARES)
            self.holds = above
        self.was_above = above


class Rotation(Trading):
    def __init__(self, config):
        super().__init__(config)
        self.means = {bar_type: SimpleMovingAverage(WINDOW) for bar_type in config.bar_types}
        self.closes, self.held, self.day, self.cash = {}, {}, 0, CAPITAL

    def on_start(self):
        for bar_type, mean in self.means.items():
            self.register_indicator_for_bars(bar_type, mean)
        super().on_start()

    def on_bar(self, bar):
        bar_type = bar.bar_type
        self.closes[bar_type] = bar.close.as_double()
        self.average = self.means[bar_type].value
        if bar_type == self.config.bar_types[-1]:
            self.day += 1
            if self.day > WINDOW and (self.day - 1) % EVERY == 0:
                self.rebalance()

    def rebalance(self):
        held, closes, width = self.held, self.closes, len(self.closes)
        value = self.portfolio.account(VENUE).balance_total(USD).as_double()
        value += self.portfolio.unrealized_pnls(VENUE).get(USD, Money(0, USD)).as_double()
        for bar_type, close in closes.items():
            change = int(value / width / close) - held.get(bar_type, 0)
            if change:
                self.trade(bar_type.instrument_id, change)
                held[bar_type] = held.get(bar_type, 0) + change


def prepare(bars: Bars):
    minutes = bars.times[1] - bars.times[0] > 1
    index = pd.to_datetime(bars.times, unit="us" if minutes else "D", utc=True)
    instruments, bar_types, everything = [], [], []
    for place, name in enumerate(symbols(bars.closes.shape[1])):
        instrument = Equity(
            instrument_id=InstrumentId(Symbol(name), VENUE),
            raw_symbol=Symbol(name),
            currency=USD,
            price_precision=2,
            price_increment=Price.from_str("0.01"),
            lot_size=Quantity.from_int(1),
            ts_event=0,
            ts_init=0,
            taker_fee=Decimal(str(COMMISSION)),
            maker_fee=Decimal(str(COMMISSION)),
        )
        bar_type = BarType.from_str(
            f"{instrument.id}-1-{'MINUTE' if minutes else 'DAY'}-LAST-EXTERNAL"
        )
        fields = {
            "open": bars.opens,
            "high": bars.highs,
            "low": bars.lows,
            "close": bars.closes,
            "volume": bars.volumes,
        }
        frame = pd.DataFrame(
            {field: values[:, place] for field, values in fields.items()}, index=index
        )
        everything.extend(BarDataWrangler(bar_type, instrument).process(frame))
        instruments.append(instrument)
        bar_types.append(bar_type)
    return instruments, bar_types, everything, bars.closes[-1]


def run(strategy_class):
    def of(ready):
        instruments, bar_types, everything, last = ready
        engine = BacktestEngine(
            BacktestEngineConfig(
                logging=LoggingConfig(bypass_logging=True),
                risk_engine=RiskEngineConfig(bypass=True),
                run_analysis=False,
            )
        )
        engine.add_venue(
            VENUE,
            OmsType.NETTING,
            AccountType.MARGIN,
            [Money(CAPITAL, USD)],
            base_currency=USD,
            default_leverage=Decimal(1),
        )
        for instrument in instruments:
            engine.add_instrument(instrument)
        engine.add_data(everything)
        strategy = strategy_class(Config(bar_types=bar_types))
        engine.add_strategy(strategy)
        engine.run()
        account = engine.portfolio.account(VENUE)
        equity = account.balance_total(USD).as_double()
        for position in engine.cache.positions_open():
            place = int(position.instrument_id.symbol.value[1:])
            equity += position.unrealized_pnl(Price(last[place], 2)).as_double()
        return Outcome(equity, strategy.trades)

    return of


if __name__ == "__main__":
    main({"A1": (prepare, run(Crossover)), "A2": (prepare, run(Rotation))})
