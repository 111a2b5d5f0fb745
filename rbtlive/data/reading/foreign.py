"""Objects of other libraries: get a frame or rows from them.

The rule: nothing is imported to identify an object; it is recognized by its methods.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rbtlive.data.reading.column_roles import role_of
from rbtlive.errors import NotAFrame

_GIVERS: Final = (
    "to_df",
    "to_table",
    "to_pandas",
    "toPandas",
    "compute",
    "to_native",
    "fetch_arrow_table",
)
"""Methods that return a frame without an argument: of Databento's store, Arrow's
datasets, BigQuery's rows, Spark's and dask's frames, narwhals', DuckDB's connections.
"""


def given_frame(source: object) -> Any:
    """Return the frame that an object provides; otherwise None."""
    for give in (*_GIVERS, "to_dataframe"):
        if callable(getattr(source, give, None)):
            return getattr(source, give)()
    return None


def frame_of_axes(source: Any) -> Any:
    """Return the frame of an array with named axes, as xarray's; None for any other
    object. An array has one name for all its values; its axes may be times, symbols,
    fields.
    """
    if not hasattr(source, "dims") or not callable(getattr(source, "to_dataframe", None)):
        return None
    array = not hasattr(source, "data_vars")
    name = {"name": getattr(source, "name", None) or "value"} if array else {}
    return source.to_dataframe(**name).reset_index()


def given_rows(source: Any) -> list[dict[str, Any]] | None:
    """Return the rows of a database cursor by column name; None for any other
    object.

    Source: PEP 249, "Cursor Objects": the first of each item of `description` is the
    name.
    """
    described = getattr(source, "description", None)
    if not callable(getattr(source, "fetchall", None)) or not isinstance(described, Sequence):
        return None
    names = [str(column[0]) for column in described]
    return [dict(zip(names, row, strict=False)) for row in source.fetchall()]


def rows_of_database(source: Any, where: str) -> list[dict[str, Any]] | None:
    """Return the rows of the only table in an SQLite connection; None for any other
    object.

    Raises:
        NotAFrame: there are several tables, or none.
    """
    if type(source).__module__ != "sqlite3" or not hasattr(source, "cursor"):
        return None
    names = [
        str(name)
        for (name,) in source.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
            "AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
        )
    ]
    priced = [name for name in names if _has_prices(source, name)]
    if len(priced) != 1:
        listed = ", ".join(names) or "none"
        query = f'SELECT * FROM "{(priced or names or ["bars"])[0]}"'  # noqa: S608 - likewise
        raise NotAFrame(
            f"{where} must have one table of bars: there are {listed}; write: "
            f"rbt.read(source.execute({query!r}))"
        )
    return given_rows(source.execute(f'SELECT * FROM "{priced[0]}"'))  # noqa: S608 - a table's own name


def _has_prices(source: Any, table: str) -> bool:
    columns = [row[1] for row in source.execute(f'PRAGMA table_info("{table}")')]
    return {"time", "close"} <= {role_of(str(name)) for name in columns}


def symbol_beside(source: object) -> str | None:
    """Return the symbol of the contract in Interactive Brokers' bars; for a currency or
    coin, the pair with its quote currency.

    Source: ib_async `BarDataList.contract`.
    """
    contract = getattr(source, "contract", None)
    symbol = getattr(contract, "symbol", None)
    if not isinstance(symbol, str) or not symbol:
        return None
    pair = getattr(contract, "secType", "") in ("CASH", "CRYPTO")
    return f"{symbol}/{contract.currency}" if contract is not None and pair else symbol


def facts_of_rows(rows: Sequence[Any]) -> list[dict[str, Any]] | None:
    """Return the facts of a bar in each object of a list, by name; None if the objects
    have none.
    """
    first = rows[0]
    if isinstance(first, Mapping):
        return [dict(row) for row in rows]
    if hasattr(first, "_asdict"):
        return [dict(row._asdict()) for row in rows]
    if callable(getattr(first, "keys", None)) and not isinstance(first, type):  # sqlite3.Row
        return [{name: row[name] for name in row.keys()} for row in rows]  # noqa: SIM118
    if isinstance(first, (Sequence, type)):
        return None
    if hasattr(first, "model_dump"):
        return [dict(row.model_dump()) for row in rows]
    if dataclasses.is_dataclass(first):
        names = [one.name for one in dataclasses.fields(first)]
    else:
        names = _attributes(first)
    return [{name: getattr(row, name) for name in names} for row in rows] if names else None


# Includes __slots__ and properties. Only names of a bar's facts are checked.
def _attributes(one: object) -> list[str]:
    names = [name for name in dir(one) if not name.startswith("_") and role_of(name)]
    names = [name for name in names if not callable(getattr(one, name, len))]
    roles = {role_of(name) for name in names}
    return names if {"time", "close"} <= roles else []
