"""One complete reading: tables, columns, times, calendar, bars.

The rule: each step decides what is certain, notes its decisions, and adds everything
else to one list of questions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.data.columns.found import ROW, BarsOfSource, FoundColumns, part_of
from rbtlive.data.columns.found import Part as Beside
from rbtlive.data.reading.bar_fields import completed, fields_of
from rbtlive.data.reading.beside import contract_columns, notes_of
from rbtlive.data.reading.column_roles import Roles, plain, twin_of, unknown_columns
from rbtlive.data.reading.day_counts import UnclearDays
from rbtlive.data.reading.empty_rows import refuse_without_symbol, without_empty
from rbtlive.data.reading.filler import finished_only, without_filled_weekends
from rbtlive.data.reading.guessing import (
    line_of_minutes,
    unnamed_prices,
    unnamed_symbol,
    unnamed_time,
    unnamed_volume,
)
from rbtlive.data.reading.intake import Intake
from rbtlive.data.reading.mending_lines import MendingLines, form_for_pandas
from rbtlive.data.reading.names import LABELS_OF, STARTING_VENDORS, UTC_NAMES
from rbtlive.data.reading.needs import Needs
from rbtlive.data.reading.once import forget, taken
from rbtlive.data.reading.placing import Asked, Placed, place
from rbtlive.data.reading.sequences import flat
from rbtlive.data.reading.tables import Labels, Table
from rbtlive.data.reading.timestamps import (
    DayOrMonth,
    Moments,
    UnreadableTimes,
    joined,
    moments_of,
    told_apart,
)
from rbtlive.data.reading.unpacking import tables_of
from rbtlive.data.reading.wanted import wanted_names, wanted_tables
from rbtlive.data.reading.widening import endings_of_merges, long_tables, unlike_symbols
from rbtlive.errors import (
    EmptyData,
    NotAFrame,
    RbtliveError,
    UnclearData,
    WrongColumnType,
)

_FOREIGN: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    pl.exceptions.PanicException,
    pl.exceptions.PolarsError,
)

_UNNAMED: Final = "?"


@dataclass(frozen=True)
class ReadBars:
    """Bars in a portal's form.

    Attributes:
        frame: `date` or `timestamp` (UTC, the bar's END), `symbol` and the five fields.
        placed: Their calendar and interval.
        asset_class: Common class of the symbols, if known or given.
        intake: What happened to the rows.
        rows: Each bar's row in the source, if there are further columns.
        found: The further columns; None if there are none.
    """

    frame: pl.DataFrame
    placed: Placed
    asset_class: str | None
    intake: Intake
    rows: pl.Series | None = None
    found: FoundColumns | None = None

    def source(self, *, without: Collection[str] = ()) -> BarsOfSource | pl.DataFrame:
        """Return the bars in a portal's form, with further columns except some."""
        if self.found is None or self.rows is None:
            return self.frame
        return BarsOfSource(self.frame.with_columns(self.rows), self.found.but(without))

    def once(self) -> ReadBars:
        """Return the bars, with only the first of identical rows."""
        first = self.frame.select(pl.struct(pl.all()).is_first_distinct()).to_series()
        rows = None if self.rows is None else self.rows.filter(first)
        return replace(self, frame=self.frame.filter(first), rows=rows)


@dataclass
class _Part:
    frame: pl.DataFrame  # symbol and fields, one row per moment
    moments: Moments
    table: Table
    labels: Labels | None
    beside: Beside


@dataclass
class _Reader:
    asked: Asked
    symbol: str | Sequence[str] | None
    columns: Mapping[str, str] | None
    needs: Needs
    intake: Intake
    source: Any = None
    blocked: bool = False  # whether a table cannot be placed before a question is answered
    parts: list[_Part] = field(default_factory=list)
    unnamed: list[Moments | None] = field(default_factory=list)  # of tables without a symbol

    @property
    def lines(self) -> MendingLines:
        """The lines that change the source."""
        return MendingLines(self.source)

    def take_all(self, tables: Sequence[Table]) -> None:
        """Store the rows of tables as found, wide or long, of the wanted symbols."""
        found: list[tuple[Table, Roles]] = []
        one = self.symbol if isinstance(self.symbol, str) else None
        for table in tables:
            longs = long_tables(table, self.columns, symbol=one)
            self._ask_of_merged(table, [long for long, _ in longs])
            self._ask_of_words(longs)
            found += longs
        for long, roles in wanted_tables(found, self.symbol):
            if long.frame.height:
                self.take(long, roles)
            elif long.symbol is not None:
                self.note(f"{long.symbol} has no bars: {long.where} was empty")

    def take(self, table: Table, roles: Roles) -> None:
        """Store the rows of a long table, or note what is missing in it."""
        self._ask_of_rivals(roles)
        table = table.but(frame=finished_only(table.frame, roles.symbol, self.intake))
        if table.symbol is not None and (first := twin_of(table.symbol, [table.symbol[:-4]])):
            self.needs.ask(f"the columns: several are named {first!r}; rename or drop one")
        there = ", ".join(table.frame.columns[:12]) or "none"
        self._ask_of_unnamed(table.frame, roles, there)
        moments = self._moments(table, roles, there)
        symbols = self._symbols(table, roles, moments)
        if moments is not None and symbols is not None and moments.zone is None:
            moments = told_apart(moments, symbols, self.asked.tz)
        self._ask_of_contracts(table, roles, moments, symbols)
        fields = fields_of(table, roles, source=self.source, needs=self.needs, note=self.note)
        if moments is None or symbols is None or fields is None or "close" not in fields:
            self.blocked = True
            return
        frame = pl.DataFrame([symbols.alias("symbol"), *completed(fields, self.note)])
        labels = table.labels or self._label_of_vendor(table)
        if len(roles.time) == 1:
            labels = labels or LABELS_OF.get(plain(roles.time[0]))
        for sentence in notes_of(table.frame):
            self.note(sentence)
        if roles.adjusted:
            self.note("the adjusted close is left aside: bars are prices as given in Close")
        if self.columns is None:
            self.needs.minutes = line_of_minutes(self.source, table, roles, moments)
            self.needs.floored = self.lines.flooring(roles.time)
        taken = {*roles.time, roles.symbol or "", *roles.fields.values()}
        beside = part_of(table.frame, taken, table.decimal_comma)
        self.parts.append(_Part(frame, moments, table, labels, beside))

    def _label_of_vendor(self, table: Table) -> Labels | None:
        names = set(map(plain, table.frame.columns))
        vendor = next((name for name, known in STARTING_VENDORS if known <= names), None)
        if vendor is None:
            return None
        if table.vendor is None:
            self.note(f"the shape is {vendor}'s")
        return "start"

    def _ask_of_rivals(self, roles: Roles) -> None:
        for role, names in roles.rivals.items():
            listed = " and ".join(map(repr, names))
            item = f"{role}: {listed} may both be it"
            if len(names) == 1:
                item = f"{role}: only {listed} is there, beside an open that is not adjusted"
            self.needs.ask(item, columns=f'{{"{role}": "{names[0]}"}}')

    # Futures with several expiries, options with several strikes.
    def _ask_of_contracts(
        self, table: Table, roles: Roles, moments: Moments | None, symbols: pl.Series | None
    ) -> None:
        columns = contract_columns(table.frame)
        if not columns or moments is None or symbols is None:
            return
        if not pl.DataFrame({"us": moments.us, "symbol": symbols}).is_duplicated().any():
            return
        own = roles.symbol or "symbol"
        parts = [*([] if roles.symbol is None else [roles.symbol]), *columns]
        listed = ", ".join(f'"{name}"' for name in parts)
        self.needs.ask(
            f"the symbols: rows of one time and symbol are of several contracts, by "
            f"{' and '.join(map(repr, columns))}; name the contracts, or filter one of them",
            before=self.lines.changing(
                f'pl.concat_str({listed}, separator=" ").alias("{own}")',
                f'source["{own}"] = source[[{listed}]].astype(str).agg(" ".join, axis=1)',
            ),
        )

    # A join of two frames has named the columns.
    def _ask_of_merged(self, table: Table, parts: Sequence[Table]) -> None:
        if endings := endings_of_merges(table.frame.columns, parts):
            self.needs.ask(
                f"the symbols: columns end in {' and '.join(map(repr, endings))}, as joins of two "
                "frames name them; put the symbols there",
                before=self.lines.naming(endings),
            )

    # A column of signals or months beside columns of closes.
    def _ask_of_words(self, tables: Sequence[tuple[Table, Roles]]) -> None:
        capitals, words = unlike_symbols(tables)
        if words and self.symbol is None:
            listed = ", ".join(map(repr, words))
            self.needs.ask(
                f"the symbols: {listed} may be none, beside {', '.join(capitals[:3])}; name the "
                "symbols, or leave such columns out",
                symbol=json.dumps(capitals),
            )

    # Bars that lack a field, although a column with an unknown name may contain it.
    def _ask_of_unnamed(self, frame: pl.DataFrame, roles: Roles, there: str) -> None:
        found = unnamed_prices(frame, roles)
        if "close" not in roles.fields:
            item = f"the prices: no column is named like a close (there are {there})"
            self.needs.ask(item, columns=_written(found or {"close": "..."}))
            roles.fields |= found  # so that other unclear points show as well
        if self.columns is not None:
            return  # the user has named the columns
        if found and "close" not in found:
            listed = " and ".join(f"{name!r} may be the {field}" for field, name in found.items())
            self.needs.ask(
                f"the prices: {listed}, which no column is named", columns=_written(found)
            )
        if volume := unnamed_volume(frame, roles):
            self.needs.ask(
                f"the volume: {volume!r} may be it", columns=_written({"volume": volume})
            )

    def note(self, sentence: str) -> None:
        """Note a decision, once."""
        if sentence not in self.intake.notes:
            self.intake.notes.append(sentence)

    def _moments(self, table: Table, roles: Roles, there: str) -> Moments | None:
        frame = table.frame
        if not roles.time:
            guess = unnamed_time(frame, roles)
            self.needs.ask(
                f"the time: no column or index holds dates or times (there are {there})",
                columns=_written({"date": guess or "..."}),
            )
            if guess is None:
                return None
            roles.time = (guess,)
        try:
            if len(roles.time) == 2:
                found = joined(frame[roles.time[0]], frame[roles.time[1]])
            else:
                found = moments_of(frame[roles.time[0]])
            return self._in_its_zone(found, table, roles)
        except DayOrMonth as unclear:
            self.needs.ask(
                f"day and month: {roles.time[0]!r} has dates like {str(unclear)!r}, which may be "
                "either way round",
                before=self.lines.parsing(roles.time[0], *_likely_order(str(unclear))),
            )
        except UnclearDays as unclear:
            self.needs.ask(
                f"the time: {roles.time[0]!r} counts days; {unclear}",
                before=self.lines.counting(roles.time[0], unclear.kinds[0][1]),
            )
        except UnreadableTimes as unreadable:
            self.needs.ask(
                f"the time: {unreadable} is in no known form",
                before=self.lines.parsing(
                    roles.time[0], form_for_pandas(frame[roles.time[0]]), "..."
                ),
            )
        return None

    def _in_its_zone(self, moments: Moments, table: Table, roles: Roles) -> Moments:
        if moments.zone is not None or moments.days or self.asked.tz is not None:
            return moments
        if any(plain(name) in UTC_NAMES for name in roles.time):
            return replace(moments, zone="UTC")
        return replace(moments, zone=table.zone)

    def _symbols(self, table: Table, roles: Roles, moments: Moments | None) -> pl.Series | None:
        height = table.frame.height
        own = None if roles.symbol is None else _names_of(table, roles.symbol)
        if isinstance(self.symbol, str) and (own is None or own.drop_nulls().n_unique() <= 1):
            return pl.repeat(self.symbol, height, dtype=pl.String, eager=True)
        if own is not None:
            return own if self.symbol is None else wanted_names(own, self.symbol)
        if "instrument_id" in table.frame.columns:
            self.note("symbols are Databento's instrument ids: the file has no names")
            return table.frame["instrument_id"].cast(pl.String)
        if table.symbol is not None:
            return pl.repeat(str(table.symbol), height, dtype=pl.String, eager=True)
        if moments is not None and moments.us.n_unique() < height:
            named = unnamed_symbol(table.frame, roles, moments.us)
            item = "the symbols: times repeat, and no column says which row is of which symbol"
            if named is not None:
                self.needs.ask(item, columns=_written({"symbol": named}))
                roles.symbol = named
                return _names_of(table, named)
            self.needs.ask(item, symbol='"AAPL"')
        else:
            self.unnamed.append(moments)
        return pl.repeat(_UNNAMED, height, dtype=pl.String, eager=True)

    def ask_of_symbols(self) -> None:
        """Ask for the symbol of tables without one: for one each if times repeat."""
        times = [moments.us for moments in self.unnamed if moments is not None]
        repeat = bool(times) and bool(pl.concat(times).is_duplicated().any())
        if repeat and isinstance(self.source, (list, tuple, ValuesView)):
            self.needs.ask(
                "the symbols: times of the tables repeat, and nothing says which table is of "
                "which symbol",
                before='source = dict(zip(["AAPL", "MSFT"], source))'
                if isinstance(self.source, ValuesView)
                else 'source = {"AAPL": source[0], "MSFT": source[1]}',
            )
        elif repeat and isinstance(self.source, (str, Path)):
            self.needs.ask(
                "the symbols: times of the files repeat, and nothing says which file is of which "
                "symbol; name each file, or the folder around it, by its symbol, as in AAPL.csv"
            )
        elif self.unnamed:
            self.needs.ask("the symbol: no column, key or file name has it", symbol='"AAPL"')


# The arguments that parse dates whose day and month are unclear. Clocks of twelve hours
# are American, and so is the order of their dates.
def _likely_order(text: str) -> tuple[str, str]:
    if re.search(r"\d\s*[AaPp]\.?[Mm]\b", text):
        clock = "%I:%M:%S %p" if text.count(":") > 1 else "%I:%M %p"
        return "dayfirst=False", f"%m/%d/%Y {clock}"
    return "dayfirst=True", "%d/%m/%Y"


# A dict as Python source text.
def _written(said: Mapping[str, str]) -> str:
    return json.dumps(said, ensure_ascii=False)


def _names_of(table: Table, column: str) -> pl.Series:
    names = table.frame[column]
    if names.dtype.is_nested() or names.dtype in (pl.Object, pl.Binary):
        raise WrongColumnType(
            f"column {column!r} of {table.where} must hold symbols: was {names.dtype}; make it text"
        )
    return names.cast(pl.String).str.strip_chars()


def read_bars(  # noqa: PLR0913 - the public contract, each by name
    source: object,
    *,
    symbol: str | Sequence[str] | None = None,
    interval: object = None,
    labels: Labels | None = None,
    tz: str | None = None,
    columns: Mapping[str, str] | None = None,
    asset_class: str | None = None,
    calendar: str | None = None,
    labels_by_default: Labels | None = None,
) -> ReadBars:
    """Read a source of any shape as bars.

    Args:
        source: See `rbt.read`.
        symbol: See `rbt.read`, as for all that follow.
        interval: Length of a bar.
        labels: Which end of a bar its time stamps.
        tz: Time zone of times that have none.
        columns: The content of columns.
        asset_class: Class of all assets.
        calendar: The exchange's calendar.
        labels_by_default: The end assumed if both are possible; None asks.

    Raises:
        UnclearData: something is missing or ambiguous.
        RowsLost: too many rows would be left out.
        DataError: the values cannot be bars.
    """
    given = {
        name: repr(value).replace("'", '"')
        for name, value in (
            ("symbol", symbol),
            ("interval", interval),
            ("labels", labels),
            ("tz", tz),
            ("columns", dict(columns) if columns else None),
            ("asset_class", asset_class),
            ("calendar", calendar),
        )
        if value is not None
    }
    tables = _unpacked(source)
    words = _words(source, tables)
    asked = Asked(interval, labels, tz, asset_class, calendar, labels_by_default)
    reader = _Reader(asked, symbol, columns, Needs(words, given), Intake(words), source)
    if len(tables) == 1 and (wrong := unknown_columns(columns, tables[0].frame.columns)):
        reader.needs.ask(
            f"columns: {', '.join(wrong)} names no column of the source, or no role",
            columns='{"close": "..."}',
        )
    reader.take_all(tables)
    reader.ask_of_symbols()
    if not reader.parts:
        reader.needs.settle()
        raise EmptyData(f"{words} must have at least one bar: was empty; pass bars")
    if reader.blocked:
        reader.needs.settle()
    reader.needs.held = len(reader.needs.items)
    bars = _with_all_questions(reader)
    reader.needs.held = 0
    reader.needs.settle()
    forget(source)
    return bars


# Objects of other libraries may raise any error.
def _unpacked(source: object) -> list[Table]:
    try:
        return [table.but(frame=flat(table.frame)) for table in taken(source, tables_of)]
    except RbtliveError:
        raise
    except _FOREIGN as error:
        kind = type(source).__name__
        raise NotAFrame(
            f"the source must hold bars: was a {kind} that cannot be taken apart "
            f"({type(error).__name__}: {str(error)[:200]}); build a frame with pl.DataFrame(...)"
        ) from error


# If the symbol is missing, and with it the calendar, other questions are found with the
# calendar that would fit.
def _with_all_questions(reader: _Reader) -> ReadBars:
    try:
        return _joined_up(reader)
    except UnclearData:
        likely = reader.needs.arguments.get("calendar", "...").strip('"')
        if reader.asked.calendar is not None or likely == "...":
            raise
        reader.asked = replace(reader.asked, calendar=likely)
        reader.needs.held = len(reader.needs.items)
        return _joined_up(reader)


def _joined_up(reader: _Reader) -> ReadBars:
    parts, needs, intake = reader.parts, reader.needs, reader.intake
    frame = pl.concat([part.frame for part in parts]) if len(parts) > 1 else parts[0].frame
    found = None
    if any(part.beside.names for part in parts):
        frame = frame.with_row_index(ROW)
        found = FoundColumns([part.beside for part in parts])
    zones = {part.moments.zone for part in parts}
    days = {part.moments.days for part in parts}
    whole = all(part.moments.days or part.moments.are_midnights for part in parts)
    if (len(zones) > 1 or len(days) > 1) and not whole:
        needs.ask(
            "the times: some tables have dates, others times, or other time zones; read each by "
            "itself"
        )
        needs.settle()
    us = pl.concat([part.moments.us for part in parts]) if len(parts) > 1 else parts[0].moments.us
    first = parts[0].moments
    moments = Moments(us, first.zone, first.days, first.origin)
    if len(zones) > 1 or len(days) > 1:
        moments = Moments(us, None, days=True, origin="midnights of several zones")
    intake.rows_in = frame.height + sum(intake.left_out.values())
    if reader.symbol is None:
        refuse_without_symbol(frame, moments, needs)
    frame, moments = without_empty(frame, moments, intake)
    if reader.asked.calendar is None and not frame.is_empty():
        frame, moments = without_filled_weekends(frame, moments, intake)
    if frame.is_empty():
        raise EmptyData(f"{needs.source} must have at least one bar with a close: was empty")
    hints = {part.labels for part in parts}
    lengths = {part.table.interval for part in parts}
    vendors = {part.table.vendor for part in parts} - {None}
    if vendors:
        reader.note(f"the shape is {', '.join(sorted(map(str, vendors)))}'s")
    placed = place(
        frame,
        moments,
        asked=reader.asked,
        hint=hints.pop() if len(hints) == 1 else None,
        length=lengths.pop() if len(lengths) == 1 else None,
        needs=needs,
        intake=intake,
    )
    bars = placed.bars(frame)
    intake.rows_out = bars.height
    rows = None if found is None else bars[ROW]
    bars = bars if found is None else bars.drop(ROW)
    return ReadBars(bars, placed, placed.asset_class, intake, rows, found)


def _words(source: object, tables: Sequence[Table]) -> str:
    kind = type(source).__name__
    rows = sum(table.frame.height for table in tables)
    if isinstance(source, (bytes, bytearray)) or (isinstance(source, str) and "\n" in source):
        name = "text"
    elif not isinstance(source, str) and not hasattr(source, "joinpath"):
        module = type(source).__module__.partition(".")[0]
        name = kind if module == "builtins" else f"{module} {kind}"
    else:
        name = repr(str(source))
    names = ", ".join(tables[0].frame.columns[:8]) if tables else ""
    more = ", …" if tables and tables[0].frame.width > 8 else ""
    return f"{name} ({rows:,} rows; columns {names}{more})"
