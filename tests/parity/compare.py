"""Compares what a run under rbtlive did with what zipline did, fact by fact.

One rule: these are pure functions over plain values. Counts, ids, dates, statuses and
texts must be equal; numbers may differ by a relative 1e-9, or by less than a float can
hold where a figure is the difference of two large ones; three statistics, which magnify
the last places of the returns, by a little more.
"""

import gzip
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from tests.parity.oracle.observe import Watch, describe, error_facts, label

EXPECTED = Path(__file__).parent / "expected"
RELATIVE = 1e-9
MONEY = frozenset(
    [
        "capital_used",
        "ending_cash",
        "ending_exposure",
        "ending_value",
        "long_exposure",
        "long_value",
        "pnl",
        "portfolio_value",
        "short_exposure",
        "short_value",
        "starting_cash",
        "starting_exposure",
        "starting_value",
    ]
)
_ABSOLUTE_MONEY = (
    1e-7  # cash of a million has a last place of 1e-10; a session adds up a few hundred of them
)
_ABSOLUTE = 1e-12
# Quotients of sums of returns: where returns are tiny or cancel out, the last places of
# the returns show in the first of these.
STATISTICS = frozenset({"sharpe", "sortino", "alpha"})
_RELATIVE_STATISTICS, _ABSOLUTE_STATISTICS = 1e-7, 1e-9
_STATUS = {
    "filled": "filled",
    "canceled": "cancelled",
    "expired": "cancelled",
    "rejected": "rejected",
    "denied": "rejected",
}
_STATUS_BY_NUMBER = ("open", "filled", "cancelled", "rejected", "held")
_LISTS = ("orders", "transactions", "positions")


@dataclass(frozen=True)
class Mismatch:
    """One value that differs, with its place."""

    case: str
    table: str
    row: str
    column: str
    expected: Any
    actual: Any

    def __str__(self) -> str:
        place = f"{self.case}: {self.table}[{self.row}].{self.column}"
        return f"{place}: zipline has {self.expected!r}, rbtlive has {self.actual!r}"


def load_expected(case: str, folder: Path = EXPECTED) -> dict[str, Any]:
    """Return the facts zipline produced for a case.

    Raises:
        FileNotFoundError: there is no such file; run
            `python -m tests.parity.oracle.make_expected`.
    """
    packed = folder / f"{case}.json.gz"
    if packed.exists():
        return dict(json.loads(gzip.decompress(packed.read_bytes())))
    return dict(json.loads((folder / f"{case}.json").read_text(encoding="utf-8")))


def same(
    expected: Any, actual: Any, *, absolute: float = _ABSOLUTE, relative: float = RELATIVE
) -> bool:
    """Return whether two described values are the same: numbers within tolerance,
    everything else exactly.
    """
    if isinstance(expected, bool) or isinstance(actual, bool):
        return isinstance(expected, bool) and isinstance(actual, bool) and expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return math.isclose(expected, actual, rel_tol=relative, abs_tol=absolute)
    return type(expected) is type(actual) and bool(expected == actual)


def mismatches(case: str, expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[Mismatch]:
    """Return every difference between zipline's facts and ours, in the order of their
    tables.

    A run that ended with an error has no result; of such a run the error and the log
    are compared.
    """
    found = list(_differ(case, "error", "", "", expected["error"], actual["error"]))
    found += _differ(case, "log", "", "", expected["log"], actual["log"])
    if expected["error"] is not None or actual["error"] is not None:
        return found
    for table in ("orders", "transactions", "sessions", "positions", "session_orders"):
        found += _differ(case, table, "", "", expected[table], actual[table])
    found += _columns(case, "performance", expected, actual)
    if "frame" in actual:
        found += _frame(case, expected, actual)
        found += _differ(
            case,
            "to_zipline.transactions",
            "",
            "",
            expected["transactions"],
            actual["perf_transactions"],
        )
        found += _differ(
            case, "to_zipline.positions", "", "", expected["positions"], actual["perf_positions"]
        )
        found += _commissions(case, expected["orders"], actual["commissions"])
    return found


# zipline's transactions carry no commission, ours do: an order's must add up to the
# order's own.
def _commissions(
    case: str, orders: Sequence[Mapping[str, Any]], ours: Mapping[str, float]
) -> Iterator[Mismatch]:
    for order in orders:
        total = ours.get(order["id"], 0.0)
        if not same(order["commission"], total, absolute=_ABSOLUTE_MONEY):
            yield Mismatch(
                case, "transactions", order["id"], "commission", order["commission"], total
            )


# Walks two described values side by side and yields the leaves that differ; the path
# becomes row and column.
def _differ(
    case: str, table: str, row: str, column: str, expected: Any, actual: Any
) -> Iterator[Mismatch]:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for key in [*expected, *(key for key in actual if key not in expected)]:
            path = f"{column}.{key}" if column else str(key)
            yield from _differ(
                case, table, row, path, expected.get(key, "missing"), actual.get(key, "missing")
            )
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield Mismatch(case, table, row, f"{column}(length)", len(expected), len(actual))
        for number, (one, other) in enumerate(zip(expected, actual, strict=False)):
            if row:
                yield from _differ(case, table, row, f"{column}[{number}]", one, other)
            else:
                yield from _differ(case, table, str(number), column, one, other)
    elif not same(expected, actual, absolute=_ABSOLUTE if table != "log" else RELATIVE):
        yield Mismatch(case, table, row, column, expected, actual)


def _columns(
    case: str, table: str, expected: Mapping[str, Any], actual: Mapping[str, Any]
) -> Iterator[Mismatch]:
    ours = actual[table]
    for column, values in expected["performance"].items():
        if column not in ours:
            yield Mismatch(case, table, "", column, "a column", "missing")
            continue
        yield from _column(case, table, column, expected["sessions"], values, ours[column])
    for column in ours:
        if column not in expected["performance"]:
            yield Mismatch(case, table, "", column, "no such column", "a column")


def _column(
    case: str,
    table: str,
    column: str,
    sessions: Sequence[str],
    expected: Sequence[Any],
    actual: Sequence[Any],
) -> Iterator[Mismatch]:
    absolute, relative = _ABSOLUTE_MONEY if column in MONEY else _ABSOLUTE, RELATIVE
    if column in STATISTICS:
        absolute, relative = _ABSOLUTE_STATISTICS, _RELATIVE_STATISTICS
    for session, one, other in zip(sessions, expected, actual, strict=False):
        if not same(one, other, absolute=absolute, relative=relative):
            yield Mismatch(case, table, session, column, one, other)


# The polars frame must hold the same numbers as the pandas one: every column of
# zipline's that is numeric throughout.
def _frame(case: str, expected: Mapping[str, Any], actual: Mapping[str, Any]) -> Iterator[Mismatch]:
    for column, values in expected["performance"].items():
        if all(
            value is None or (isinstance(value, int | float) and not isinstance(value, bool))
            for value in values
        ):
            ours = actual["frame"].get(column.strip("<>"))
            if ours is None:
                yield Mismatch(case, "frame", "", column, "a column", "missing")
            else:
                yield from _column(case, "frame", column, expected["sessions"], values, ours)


def facts_of_error(error: BaseException, watch: Watch, log: Any) -> dict[str, Any]:
    """Return the facts of a run that an exception ended."""
    return {"error": error_facts(error, watch), "log": describe(log)}


def facts_of_result(result: Any, log: Any) -> dict[str, Any]:
    """Return the facts of a `BacktestResult`: the polars frames for orders and fills,
    `to_zipline()` for the rest.
    """
    perf = result.to_zipline()
    plain = [name for name in perf.columns if name not in _LISTS]
    return {
        "error": None,
        "log": describe(log),
        "orders": [_order(row) for row in result.orders.iter_rows(named=True)],
        "transactions": [
            _plain(row) | {"commission": None} for row in result.transactions.iter_rows(named=True)
        ],
        "commissions": commissions_by_order(result.transactions),
        "perf_transactions": [
            _perf_transaction(row) for rows in perf["transactions"] for row in rows
        ],
        "perf_positions": [
            {row["sid"].symbol: _position(row) for row in rows} for rows in perf["positions"]
        ],
        "sessions": [stamp.isoformat() for stamp in perf.index],
        "positions": positions_by_session(result.performance["date"].to_list(), result.positions),
        "session_orders": [[_session_order(row) for row in rows] for rows in perf["orders"]],
        "performance": {label(name): [describe(value) for value in perf[name]] for name in plain},
        "frame": {
            name: [_value(item) for item in result.performance[name].to_list()]
            for name in result.performance.columns
        },
    }


def positions_by_session(
    dates: Sequence[Any], positions: pl.DataFrame
) -> list[dict[str, list[Any]]]:
    """Return the positions at the close of each session, by symbol."""
    held: dict[Any, dict[str, list[Any]]] = {day: {} for day in dates}
    for row in positions.iter_rows(named=True):
        held[row["date"]][row["symbol"]] = _position(row)
    return [held[day] for day in dates]


def commissions_by_order(transactions: pl.DataFrame) -> dict[str, float]:
    """Return the commission charged for each order, summed over its transactions."""
    totals = (
        transactions.drop_nulls("order_id").group_by("order_id").agg(pl.col("commission").sum())
    )
    return {order_id: float(total) for order_id, total in totals.iter_rows()}


def _position(row: Mapping[str, Any]) -> list[Any]:
    return [_value(row[key]) for key in ("amount", "cost_basis", "last_sale_price")]


def _perf_transaction(row: Mapping[str, Any]) -> dict[str, Any]:
    facts = {key: describe(row[key]) for key in ("dt", "amount", "price", "commission", "order_id")}
    return facts | {"symbol": row["sid"].symbol}


def _value(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else describe(value)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _value(value) for key, value in row.items()}


# zipline's orders have neither a tag nor a reason that anybody sets.
def _order(row: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: value for name, value in row.items() if name not in {"reason", "tag"}}
    return _plain(facts) | {"status": _STATUS.get(row["status"], "open")}


def _session_order(row: Mapping[str, Any]) -> list[Any]:
    return [
        row["id"],
        describe(row["dt"]),
        _value(row["filled"]),
        _STATUS_BY_NUMBER[int(row["status"])],
    ]
