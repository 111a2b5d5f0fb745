"""The meaning of a column's name: time, symbol, or one of the five fields.

The rule: names are compared without case, spaces and signs; only the table below is
known, and `columns=` names any other column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Final

import polars as pl

from rbtlive.data.reading.day_counts import may_be_days
from rbtlive.data.reading.names import ADJUSTED, LABELS_OF, NAMES
from rbtlive.data.reading.tables import Table
from rbtlive.model.bar import OHLCV

ROLE_OF: Final = {name: role for role, names in NAMES.items() for name in names}

_TWIN: Final = re.compile(r"( \(\d+\)|_duplicated_\d+|\.\d+)$")
"""The suffix of a second column with the same name: ours, polars' and pandas'."""

_UNIT: Final = re.compile(
    r"\s*[(\[](?:in )?(?:(?P<amount>shares?|lots?|contracts?|units?|pcs|stuck|no\.?)"
    r"|(?P<scale>'?000'?s?|k|thousands?|tsd\.?|mn|mio\.?|mln|mm|millions?|bn|mrd\.?|billions?)"
    r"|[$€£¥₹]|usdt?|eur|gbp|gbx|chf|jpy|inr|cad|aud|hkd|cny|rs\.?)[)\]]\s*$"
)
"""Units after a column's name: "High ($)", "Volume (shares)", "Volume (000)"."""

_SCALES: Final = (("mrd", 1e9), ("0", 1e3), ("k", 1e3), ("t", 1e3), ("m", 1e6), ("b", 1e9))
"""How units of many shares begin."""

_LETTERS: Final = str.maketrans(
    "äöüéèêçáíóúàñąęłńśżźãõôûîïëøåşğıìùòâčřžýěőű", "aoueeecaiouanaelnszzaoouiieoasgiiuoacrzyeou"
)


def plain(name: str) -> str:
    """Return a column's name without case, order numbers, brackets and signs."""
    text = re.sub(r"^\s*\d+[a-z]?\.\s+", "", str(name))
    text = text.lower().translate(_LETTERS).replace("ß", "ss")
    if text.isalnum():
        return text
    short = "".join(letter for letter in text if letter.isalnum())
    if short not in ROLE_OF and (unit := _UNIT.search(text)):
        without = plain(text[: unit.start()])
        if (ROLE_OF.get(without) == "volume") == bool(unit["amount"] or unit["scale"]):
            return without
    return short


def shares_a_unit(name: str) -> float:
    """Return how many shares the unit in a volume's name stands for: 1,000 for "Volume
    (000)"; 1 if it names none.
    """
    unit = _UNIT.search(name.lower())
    said = (unit["scale"] or "").strip("'") if unit is not None else ""
    return next((shares for begin, shares in _SCALES if said.startswith(begin)), 1.0)


def role_of(name: str) -> str | None:
    """Return the content of a column with this name: a field, "time", "symbol" or
    None.
    """
    return ROLE_OF.get(plain(name))


def field_of(name: str) -> str | None:
    """Return the field that a name means; an adjusted close gives "adjusted", because a
    close may be beside it.
    """
    short = plain(name)
    if short in ADJUSTED:
        return "adjusted"
    role = ROLE_OF.get(short)
    return role if role in OHLCV else None


@dataclass
class Roles:
    """The roles of a table's columns.

    Attributes:
        time: The time columns: one, or a date and a time of day.
        symbol: The column of symbols, if there is one.
        fields: Column by field.
        adjusted: Columns of adjusted closes that are not used.
        rivals: Columns that compete for a role, by role.
    """

    time: tuple[str, ...] = ()
    symbol: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    adjusted: tuple[str, ...] = ()
    rivals: dict[str, tuple[str, ...]] = field(default_factory=dict)


def roles_of(table: Table, columns: Mapping[str, str] | None) -> Roles:
    """Return the roles of a table's columns.

    Args:
        table: The table.
        columns: The user's roles: role to column, or column to role.
    """
    names = table.frame.columns
    said = _said(columns, names)
    found, twins = _candidates(names, set(said.values()))
    roles = Roles()
    roles.symbol = said.get("symbol") or _symbol(found.get("symbol", []), table.frame)
    roles.time = (said["time"],) if "time" in said else _time(found.get("time", []), table.frame)
    roles.time = _with_clock(roles, table.frame) or _only_time(table.frame)
    for role in OHLCV:
        candidates = [name for name in found.get(role, []) if name not in roles.time]
        if role in said:
            roles.fields[role] = said[role]
        elif candidates:
            if role == "volume":  # MetaTrader has an empty volume column beside its ticks
                candidates.sort(key=lambda name: not _has_values(table.frame[name]))
            chosen = candidates[0]
            roles.fields[role] = chosen
            if other := _of_the_other_side(chosen, names):
                roles.rivals[role] = (chosen, other)
            equals = [name for name in candidates if plain(name) == plain(chosen)]
            _note_rivals(roles, role, [*equals, *twins.get(chosen, [])], table.frame)
    _adjusted_only(roles, said, names)
    others = [("date", name) for name in roles.time]
    if roles.symbol is not None:
        others.append(("symbol", roles.symbol))
    for role, name in others:
        if name not in said.values():
            _note_rivals(roles, role, [name, *twins.get(name, [])], table.frame)
    roles.adjusted = tuple(
        name for name in names if plain(name) in ADJUSTED and name != roles.fields.get("close")
    )
    return roles


# Columns by role, the preferred one first; and columns that only repeat another one's
# name.
def _candidates(
    names: Sequence[str], said: set[str]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    found: dict[str, list[str]] = {}
    twins: dict[str, list[str]] = {}
    for name in names:
        first = twin_of(name, names)
        if first is not None:
            twins.setdefault(first, []).append(name)
            continue
        # Polygon's grouped bars use T for the ticker and t for the time
        role = "symbol" if name == "T" and "t" in names else role_of(name)
        if role is not None and name not in said:
            found.setdefault(role, []).append(name)
    for candidates in found.values():
        candidates.sort(key=_preference)
    return found, twins


# Bids beside asks: the names do not show which of them are the bars.
def _of_the_other_side(chosen: str, names: Iterable[str]) -> str | None:
    short = plain(chosen)
    other = short.replace("bid", "ask")
    return next((name for name in names if other != short and plain(name) == other), None)


# If the only close is adjusted, the other prices must be adjusted too.
def _adjusted_only(roles: Roles, said: Mapping[str, str], names: Sequence[str]) -> None:
    close = roles.fields.get("close")
    if close is None or "close" in said or plain(close) not in ADJUSTED:
        return
    short = {plain(name): name for name in names}
    for role in OHLCV:
        adjusted = short.get(f"adj{role}", short.get(f"adjusted{role}"))
        if role not in roles.fields and adjusted is not None:
            roles.fields[role] = adjusted
    if "open" in roles.fields and not plain(roles.fields["open"]).startswith("adj"):
        roles.rivals["close"] = (close,)


def twin_of(name: str, names: Iterable[str]) -> str | None:
    """Return the column whose name this one repeats; None if its name is its own."""
    marked = _TWIN.search(name)
    first = name[: marked.start()] if marked else name
    return first if marked and first in names else None


def _note_rivals(roles: Roles, role: str, names: Sequence[str], frame: pl.DataFrame) -> None:
    first = frame[names[0]]
    rivals = [name for name in names[1:] if not first.equals(frame[name])]
    if rivals:
        roles.rivals[role] = (names[0], *rivals)


def _preference(name: str) -> int:
    short = plain(name)
    return NAMES[ROLE_OF[short]].index(short)


def _has_values(column: pl.Series) -> bool:
    return bool((column != 0).any()) if column.dtype.is_numeric() else column.count() > 0


_TIME_WORDS: Final = ("time", "date", "timestamp", "datetime", "index")


def _said(columns: Mapping[str, str] | None, names: Sequence[str]) -> dict[str, str]:
    said: dict[str, str] = {}
    for one, other in (columns or {}).items():
        for role, name in ((one, other), (other, one)):
            if name in names and (role in OHLCV or role == "symbol" or role in _TIME_WORDS):
                said["time" if role in _TIME_WORDS else role] = name
                break
    return said


def unknown_columns(columns: Mapping[str, str] | None, names: Iterable[str]) -> list[str]:
    """Return the entries of `columns=` that name neither a column nor a role."""
    there = list(names)
    return [
        f"{one!r}: {other!r}"
        for one, other in (columns or {}).items()
        if not _said({one: other}, there)
    ]


def _symbol(candidates: list[str], frame: pl.DataFrame) -> str | None:
    # "name" is a company's name if there is a ticker, otherwise a symbol
    for name in candidates:
        if frame[name].dtype in (pl.String, pl.Categorical, pl.Enum) or plain(name) in (
            "symbol",
            "ticker",
            "permno",
            "code",
            "sid",
            "tscode",
            "stockcode",
            "level0",
        ):
            return name
    return None


def _time(candidates: list[str], frame: pl.DataFrame) -> tuple[str, ...]:
    if not candidates:
        return ()
    by_kind = {name: _kind(frame[name]) for name in candidates}
    clock = [name for name in candidates if by_kind[name] == "clock"]
    dated = [name for name in candidates if by_kind[name] in ("date", "moment")]
    moments = [name for name in dated if by_kind[name] == "moment"]
    if clock and dated:
        days = [name for name in dated if name not in moments or _at_midnight(frame[name])]
        if days and len(days) == len(dated):
            return (days[0], clock[0])
    usable = moments or dated
    if len(usable) > 1 and (starts := [n for n in usable if LABELS_OF.get(plain(n)) != "end"]):
        usable = starts
    return (usable[0],) if usable else ()


# If a symbol has several rows per day, the only column of clock times is their time of
# day, whatever its name.
def _with_clock(roles: Roles, frame: pl.DataFrame) -> tuple[str, ...]:
    if len(roles.time) != 1 or _kind(frame[roles.time[0]]) != "date":
        return roles.time
    keys = [*roles.time, *((roles.symbol,) if roles.symbol else ())]
    clock = [name for name in frame.columns if name not in keys and _kind(frame[name]) == "clock"]
    if len(clock) == 1 and frame.select(keys).is_duplicated().any():
        return (roles.time[0], clock[0])
    return roles.time


# The only column of dates or date-times is the time, whatever its name.
def _only_time(frame: pl.DataFrame) -> tuple[str, ...]:
    dated = [
        name for name, dtype in frame.schema.items() if isinstance(dtype, (pl.Date, pl.Datetime))
    ]
    return tuple(dated) if len(dated) == 1 else ()


def _at_midnight(column: pl.Series) -> bool:
    if not isinstance(column.dtype, pl.Datetime):
        return False
    return bool((column.dt.replace_time_zone(None).dt.time() == time(0)).all())


# "clock" is a time of day, "date" a day, "moment" both, "none" anything else.
def _kind(column: pl.Series) -> str:
    dtype = column.dtype
    if dtype in (pl.Time, pl.Duration):
        return "clock"
    if dtype == pl.Date:
        return "date"
    if isinstance(dtype, pl.Datetime):
        return "moment"
    if dtype == pl.String:
        first = column.drop_nulls().head(1)
        text = str(first[0]).strip() if len(first) else ""
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(\s*[AaPp]\.?[Mm]\.?)?", text):
            return "clock"
        if plain(column.name) == "time" and re.fullmatch(r"[0-2]\d[0-5]\d([0-5]\d)?", text):
            return "clock"
        return "moment" if ":" in text or re.fullmatch(r"\d{9,}.*", text) else "date"
    return _kind_of_numbers(column) if dtype.is_numeric() else "none"


def _kind_of_numbers(column: pl.Series) -> str:
    top = column.drop_nulls().head(1)
    value = float(top[0]) if len(top) else 0.0
    short = plain(column.name)
    if short == "time" and 0 <= value < 240_000:
        return "clock"
    if value >= 1e8:
        return "moment"
    dated = 19_000_101 <= value <= 21_001_231 or may_be_days(value, named=short)
    dated = dated or (
        short != "index" and 1_000_101 <= value <= 1_991_231
    )  # years in Taiwan's calendar
    dated = dated or (190_001 <= value <= 210_012 and 1 <= value % 100 <= 12)  # months
    return "date" if dated else "none"
