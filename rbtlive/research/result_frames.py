"""The polars frames of a result, built from a run's record.

The rule: money is `Decimal(38, 12)`, date-times are UTC in microseconds, dates are
session labels, statuses are lower-case names; figures for analysis are Float64, and
missing values are null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from rbtlive.core.state.order import Order
from rbtlive.core.state.record import (
    PositionRow,
    RunRecord,
    SessionRow,
    column,
    floats,
    position_facts,
    transaction_column,
    transaction_texts,
)
from rbtlive.data.bars.bar_reads import to_series
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.arrays import np
from rbtlive.model.asset import Asset
from rbtlive.model.foreign_text import as_utf8, text_of
from rbtlive.model.number import ENGINE_CONTEXT, MONEY_QUANTUM, Number
from rbtlive.model.order_facts import Transaction
from rbtlive.research import expanding
from rbtlive.research.people_frame import PeopleFrame

MONEY = pl.Decimal(38, 12)
TIME = pl.Datetime("us", "UTC")

_ORDER_SCHEMA = {
    "id": pl.String(),
    "created": TIME,
    "dt": TIME,
    "symbol": pl.String(),
    "amount": MONEY,
    "filled": MONEY,
    "limit": MONEY,
    "stop": MONEY,
    "status": pl.String(),
    "commission": MONEY,
    "reason": pl.String(),
    "tag": pl.String(),
}
_TRANSACTION_SCHEMA = {
    "dt": TIME,
    "symbol": pl.String(),
    "amount": MONEY,
    "price": MONEY,
    "commission": MONEY,
    "order_id": pl.String(),
}
_POSITION_SCHEMA = {
    "date": pl.Date(),
    "symbol": pl.String(),
    "amount": MONEY,
    "cost_basis": MONEY,
    "last_sale_price": MONEY,
}


_BOOKS = {
    "portfolio_value": "portfolio_value",
    "returns": "returns",
    "pnl": "pnl",
    "capital_used": "capital_used",
    "starting_cash": "starting_cash",
    "ending_cash": "ending_cash",
    "starting_value": "starting_value",
    "ending_value": "ending_value",
    "starting_exposure": "starting_value",
    "ending_exposure": "ending_value",
    "long_value": "long_value",
    "short_value": "short_value",
    "long_exposure": "long_value",
    "short_exposure": "short_value",
    "longs_count": "longs_count",
    "shorts_count": "shorts_count",
    "gross_leverage": "gross_leverage",
    "net_leverage": "net_leverage",
}
"""zipline's names of the books' figures, and the fields of our row."""


def orders_frame(orders: Iterable[Order]) -> pl.DataFrame:
    """Return one row per order: id, created, dt, symbol, amount, filled, limit, stop,
    status, commission, reason (why it was denied, rejected or cancelled), tag.
    """
    return _frame(_ORDER_SCHEMA, [_order_row(order) for order in orders])


def denied_frame(orders: Iterable[Order]) -> pl.DataFrame:
    """Return one row per denied order: the columns of `orders_frame`."""
    return _frame(_ORDER_SCHEMA, [_order_row(order) for order in orders])


def transactions_frame(transactions: Sequence[Transaction]) -> pl.DataFrame:
    """Return one row per execution: dt, symbol, amount, price, commission, order_id
    (null without an order).
    """
    moments, assets, order_ids = (
        transaction_column(transactions, name) for name in ("dt", "asset", "order_id")
    )
    money = [transaction_texts(transactions, name) for name in ("amount", "price", "commission")]
    columns = [
        moments,
        [asset.symbol for asset in assets],
        *money,
        [order_id or None for order_id in order_ids],
    ]
    return frame_of_columns(_TRANSACTION_SCHEMA, columns)


def positions_frame(closes: Iterable[tuple[date, Iterable[PositionRow]]]) -> pl.DataFrame:
    """Return one row per position and session: date, symbol, amount, cost_basis,
    last_sale_price.

    Args:
        closes: Session labels, each with its positions.
    """
    columns: list[list[Any]] = [[] for _ in _POSITION_SCHEMA]
    for label, held in closes:
        facts = list(position_facts(held))
        symbols, _, *numbers = zip(*facts, strict=True) if facts else ((),) * 5
        for values, more in zip(columns, ([label] * len(facts), symbols, *numbers), strict=True):
            values.extend(more)
    return frame_of_columns(_POSITION_SCHEMA, columns)


def performance_frame(record: RunRecord) -> pl.DataFrame:
    """Return one row per session: `date`, the figures of the books, statistics so far,
    recorded variables.

    Names and meanings of the columns are zipline's. As in zipline, a recorded variable
    with the name of a book figure replaces it, and a statistic replaces a variable; a
    variable named `date` becomes `recorded_date`.
    """
    sessions = record.sessions
    dates = pl.Series("date", column(sessions, "label"), dtype=pl.Date)
    columns = {name: _floats(name, values) for name, values in book_columns(sessions).items()}
    for name, values in recorded_columns(sessions).items():
        shown = column_name(name)
        shown = "recorded_date" if shown == "date" else shown
        columns[shown] = recorded_series(shown, values)
    columns |= {name: _floats(name, values) for name, values in statistic_columns(sessions).items()}
    return pl.DataFrame([dates, *columns.values()])


def book_columns(sessions: Sequence[SessionRow]) -> dict[str, Sequence[float]]:
    """Return the figures of the books by zipline's names; money as float, counts as
    int. Exposure equals value.
    """
    figures: dict[str, Sequence[float]] = {
        name: floats(sessions, name) for name in dict.fromkeys(_BOOKS.values())
    }
    return {shown: figures[name] for shown, name in _BOOKS.items()}


def statistic_columns(sessions: Sequence[SessionRow]) -> dict[str, Sequence[float]]:
    """Return the statistics of the run so far, by zipline's names; NaN for those that
    do not exist yet.

    Without a benchmark, its returns count as zero, as in zipline.
    """
    returns = daily_returns(sessions)
    benchmark = benchmark_returns(sessions)
    factor = np.zeros(len(returns)) if benchmark is None else benchmark
    alpha, beta = expanding.alpha_beta(returns, factor)
    deviations = expanding.deviation(returns)
    with np.errstate(invalid="ignore"):
        benchmark_total = np.cumprod(1.0 + factor) - 1.0
        leverage = np.fmax.accumulate(np.array([0.0, *floats(sessions, "gross_leverage")]))[1:]
    statistics: dict[str, Sequence[float]] = {
        "algorithm_period_return": floats(sessions, "total_return"),
        "benchmark_period_return": benchmark_total.tolist(),
        "algo_volatility": expanding.annual_volatility(returns, known=deviations).tolist(),
        "benchmark_volatility": expanding.annual_volatility(factor).tolist(),
        "alpha": alpha.tolist(),
        "beta": beta.tolist(),
        "sharpe": expanding.sharpe(returns, known=deviations).tolist(),
        "sortino": expanding.sortino(returns).tolist(),
        "max_drawdown": expanding.max_drawdown(returns).tolist(),
        "max_leverage": leverage.tolist(),
        "excess_return": [0.0] * len(sessions),
        "treasury_period_return": [0.0] * len(sessions),
        "trading_days": range(1, len(sessions) + 1),
    }
    return statistics


def daily_returns(sessions: Sequence[SessionRow]) -> expanding.Floats:
    """Return the sessions' returns, fractions."""
    return np.array(floats(sessions, "returns"), dtype=np.float64)


def benchmark_returns(sessions: Sequence[SessionRow]) -> expanding.Floats | None:
    """Return the benchmark's returns, NaN for missing ones, or None if the run had no
    benchmark.
    """
    returns = column(sessions, "benchmark_return")
    unknown = returns.count(None)
    return None if unknown == len(returns) else np.array(returns, dtype=np.float64)


def recorded_columns(sessions: Sequence[SessionRow]) -> dict[object, list[Any]]:
    """Return the recorded variables by name, as they were at each close; None before
    the first record.
    """
    recorded: list[Mapping[Any, Any]] = column(sessions, "recorded")
    names: dict[object, None] = {name: None for values in recorded for name in values}
    return {name: [values.get(name) for values in recorded] for name in names}


def column_name(name: object) -> str:
    """Return the column name of a recorded variable: its name, or the symbol of an
    asset used as one.
    """
    return name.symbol if isinstance(name, Asset) else as_utf8(str(name))


def recorded_series(name: str, values: Sequence[Any]) -> pl.Series:
    """Return recorded values in the narrowest type that fits them all.

    Numbers become Float64 (NaN is null), truth values Boolean, dates and aware
    date-times themselves, lists of one of these a List; anything else, and any mixture,
    becomes text. Assets are shown by their symbol.
    """
    if _PLAIN_NUMBERS.issuperset(map(type, values)):  # as most are
        return _floats(name, values)
    values = [plain_value(value) for value in values]
    kinds = {_kind(value) for value in values if value is not None}
    if not kinds or kinds == {"number"}:
        return _floats(name, values)
    if len(kinds) == 1 and (dtype := _DTYPES.get(kinds.pop())) is not None:
        return pl.Series(name, values, dtype=dtype)
    return pl.Series(
        name, [None if value is None else _text(value) for value in values], dtype=pl.String
    )


def plain_value(value: object) -> Any:
    """Return `value` without numpy's, polars' and our own types: int, float, bool,
    text, date, list, mapping.
    """
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Asset):
        return value.symbol
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (np.ndarray, pl.Series)):
        return (
            [plain_value(item) for item in value.to_list()]
            if isinstance(value, pl.Series)
            else value.tolist()
        )
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    if isinstance(value, Mapping):
        return {column_name(key): plain_value(item) for key, item in value.items()}
    return value


_PLAIN_NUMBERS = frozenset({float, int, Decimal, Number, type(None)})

_DTYPES: dict[str, pl.DataType] = {
    "truth": pl.Boolean(),
    "date": pl.Date(),
    "time": TIME,
    "numbers": pl.List(pl.Float64()),
    "texts": pl.List(pl.String()),
}


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, date):
        if not hasattr(value, "tzinfo"):
            return "date"
        return "time" if value.tzinfo is not None else "other"
    if isinstance(value, list):
        kinds = {_kind(item) for item in value}
        if kinds <= {"number"}:
            return "numbers"
        return "texts" if kinds == {"text"} else "other"
    return "text" if isinstance(value, str) else "other"


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return text_of(value, repr if isinstance(value, (list, dict)) else str)


def _order_row(order: Order) -> tuple[Any, ...]:
    return (
        order.id,
        order.created,
        order.dt,
        order.asset.symbol,
        order.amount,
        order.filled,
        order.limit,
        order.stop,
        order.state.value,
        order.commission,
        order.reason,
        order.tag,
    )


def _frame(schema: Mapping[str, pl.DataType], rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    return frame_of_columns(schema, zip(*rows, strict=True) if rows else ((),) * len(schema))


def frame_of_columns(
    schema: Mapping[str, pl.DataType], columns: Iterable[Sequence[Any]]
) -> pl.DataFrame:
    """Return a frame with one column per sequence; money and moments are converted
    exactly.
    """
    return PeopleFrame(
        [
            _series(name, dtype, values)
            for (name, dtype), values in zip(schema.items(), columns, strict=True)
        ]
    )


def _series(name: str, dtype: pl.DataType, values: Sequence[Any]) -> pl.Series:
    if isinstance(
        dtype, pl.Decimal
    ):  # polars parses decimals from text at an eighth of the cost of Python's own
        texts = _money_texts(values) if dtype == MONEY else [_long_text(value) for value in values]
        return pl.Series(name, texts, dtype=pl.String).cast(dtype)
    if dtype == TIME:  # and date-times from microseconds at a fifth
        moments = [None if value is None else us_of(value) for value in values]
        return pl.Series(name, moments, dtype=pl.Int64).cast(TIME)
    return pl.Series(name, values, dtype=dtype)


_LONGEST_EXACT = len("0.") + 12


# Most columns need no change of any text, and all texts together show it.
def _money_texts(values: Sequence[Decimal | str | None]) -> Sequence[str | None]:
    texts = list(map(str, values))
    whole = ",".join(texts)
    if "E" in whole or "N" in whole or max(map(len, texts), default=0) > _LONGEST_EXACT:
        return [_money_text(value) for value in values]  # the text of None has an N
    return texts


# An unknown price is NaN in the books. A cost basis has up to 38 digits, and small
# numbers an exponent. A string is an already written decimal.
def _money_text(value: Decimal | str | None) -> str | None:
    if value is None:
        return None
    text = str(value)
    if len(text) <= _LONGEST_EXACT and "E" not in text and "N" not in text:
        return text
    exact = Decimal(value)
    return (
        None
        if exact.is_nan()
        else format(exact.quantize(MONEY_QUANTUM, context=ENGINE_CONTEXT), "f")
    )


# With up to 18 decimals, for unrounded float prices.
def _long_text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.18f}"


def _floats(name: str, values: Sequence[Any]) -> pl.Series:
    numbers = np.array(values, dtype=np.float64)  # None becomes NaN
    if np.isnan(numbers).any():
        return pl.Series(name, numbers, dtype=pl.Float64, nan_to_null=True)
    return to_series(name, numbers)  # at a tenth of the cost
