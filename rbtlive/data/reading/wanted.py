"""The symbols that a user wants of a source.

The rule: a wanted symbol that the source lacks is an error, with the nearest one.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rbtlive.data.checking.corporate import unknown_symbol_message
from rbtlive.data.reading.column_roles import Roles
from rbtlive.data.reading.tables import Table
from rbtlive.errors import UnknownSymbol


def wanted_tables(
    tables: list[tuple[Table, Roles]], wanted: str | Sequence[str] | None
) -> list[tuple[Table, Roles]]:
    """Return the tables without those of a symbol that is not wanted.

    Args:
        tables: Tables and their columns' roles.
        wanted: The symbols; None for all. One symbol that no table has is the name for
            all of them: of files a year, for example.

    Raises:
        UnknownSymbol: no table has one of several symbols.
    """
    named = [table.symbol for table, roles in tables if roles.symbol is None and table.symbol]
    if wanted is None or (isinstance(wanted, str) and wanted not in named):
        return tables
    chosen = [wanted] if isinstance(wanted, str) else list(wanted)
    if named:
        _refuse_unknown(chosen, named)
    return [
        (table, roles)
        for table, roles in tables
        if roles.symbol is not None or not table.symbol or table.symbol in chosen
    ]


def wanted_names(names: pl.Series, wanted: str | Sequence[str]) -> pl.Series:
    """Return the symbols of rows, null where they are not wanted.

    Raises:
        UnknownSymbol: no row has a wanted symbol.
    """
    chosen = [wanted] if isinstance(wanted, str) else [str(name) for name in wanted]
    _refuse_unknown(chosen, names.drop_nulls().unique().sort().to_list())
    return names.set(~names.is_in(chosen), None)


def _refuse_unknown(chosen: Sequence[str], there: list[str]) -> None:
    if missing := [name for name in chosen if name not in there]:
        raise UnknownSymbol(unknown_symbol_message(missing[0], there, where="the source"))
