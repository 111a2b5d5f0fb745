"""What a column's name means: time, symbol, or one of the five fields.

The rule: names are compared without case, spaces and signs; the table below is all that
is known, and `columns=` says the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from rbtlive.data.checking.schema import FIELDS
from rbtlive.data.reading.tables import Labels, Table

PRICES: Final = ("open", "high", "low", "close")

# In the order in which they are preferred: a frame may have several of them.
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "time": (
        "timestamp", "datetime", "dateandtime", "datetimeutc", "timestamputc", "tsevent",
        "windowstart", "opentime", "ts", "candlebegintime", "begintime", "starttime", "begin",
        "start", "bartime", "gmttime", "utctime", "localtime", "unixtimestamp", "unixtime", "unix",
        "epoch", "date", "dates", "tradedate", "tradingdate", "tradingday", "day", "asof",
        "asofdate", "caldt", "datadate", "dt", "datum", "zeit", "datumzeit", "fecha", "data",
        "closetime", "endtime", "end", "time", "t", "index", "month", "week", "effectivedate",
    ),
    "symbol": (
        "symbol", "ticker", "tickers", "symbols", "tic", "sym", "asset", "instrument", "security",
        "code", "tscode", "stockcode", "actsymbol", "stock", "name", "ric", "pair",
        "currencypair", "contract", "rawsymbol", "kurzel", "wertpapier", "s", "isin", "permno",
        "sid", "entity", "level0",
    ),
    "open": (
        "open", "o", "openprice", "priceopen", "pxopen", "opening", "openingprice", "opn", "op",
        "eroffnung", "eroffnungskurs", "erster", "apertura", "ouverture", "openbid", "bidopen",
        "openusd", "mktopen", "firstprice", "otwarcie",
    ),
    "high": (
        "high", "h", "hi", "highprice", "pricehigh", "pxhigh", "dayhigh", "hoch", "hochst",
        "hochstkurs", "tageshoch", "maximo", "plushaut", "highbid", "bidhigh", "max", "highusd",
        "maxprice", "najwyzszy",
    ),
    "low": (
        "low", "l", "lo", "lowprice", "pricelow", "pxlow", "daylow", "tief", "tiefst", "tiefstkurs",
        "tagestief", "minimo", "plusbas", "lowbid", "bidlow", "min", "lowusd", "minprice", "najnizszy",
    ),
    "close": (
        "close", "c", "closeprice", "priceclose", "pxclose", "closing", "closingprice", "cls", "cl",
        "closelast", "pxlast", "last", "lastprice", "schluss", "schlusskurs", "letzter", "cierre",
        "ultimo", "cloture", "dernier", "closebid", "bidclose", "closeusd", "settle",
        "settlementprice", "pxsettle", "price", "prc", "kurs", "adjclose", "adjustedclose",
        "closeadj", "adjcloseprice", "adjustedcloseprice", "value", "zamkniecie",
    ),
    "volume": (
        "volume", "v", "vol", "vols", "volumes", "pxvolume", "totalvolume", "tradevolume",
        "volumetraded", "tradedvolume", "sharestraded", "totaltradedquantity", "tottrdqty",
        "basevolume", "volumefrom", "volumen", "umsatz", "stuck", "stuckzahl", "volumebase",
        "basevol", "tickvol", "tickvolume", "qty", "amount", "volumebtc", "volumeeth", "wolumen",
    ),
}  # fmt: skip

ROLE_OF: Final = {name: role for role, names in _NAMES.items() for name in names}

ADJUSTED: Final = frozenset(
    ("adjclose", "adjustedclose", "closeadj", "adjcloseprice", "adjustedcloseprice")
)

LABELS_OF: Final[dict[str, Labels]] = {
    **dict.fromkeys(
        (
            "tsevent", "windowstart", "opentime", "candlebegintime", "begintime", "starttime",
            "begin", "start", "gmttime",
        ),
        "start",
    ),
    **dict.fromkeys(("closetime", "endtime", "end"), "end"),
}  # fmt: skip
"""Names of times that say which end of the bar they stamp."""

_LETTERS: Final = str.maketrans("äöüéèêçáíóúàñąęłńśżź", "aoueeecaiouanaelnszz")


def plain(name: str) -> str:
    """Return a column's name without case, order numbers, brackets and signs."""
    text = re.sub(r"^\s*\d+[a-z]?\.\s+", "", str(name))
    return re.sub(r"[^a-z0-9]", "", text.lower().translate(_LETTERS).replace("ß", "ss"))


def role_of(name: str) -> str | None:
    """Return what a column of this name holds: a field, "time", "symbol" or None."""
    return ROLE_OF.get(plain(name))


def field_of(name: str) -> str | None:
    """Return which of the five fields a name means; an adjusted close is none of them
    beside a close, so it is "adjusted".
    """
    short = plain(name)
    if short in ADJUSTED:
        return "adjusted"
    role = ROLE_OF.get(short)
    return role if role in FIELDS else None


@dataclass
class Roles:
    """Which column of a table holds what.

    Attributes:
        time: The columns of time: one, or a date and a time of day.
        symbol: The column of symbols, if there is one.
        fields: Field to column.
        adjusted: Columns of adjusted closes that are left aside.
        rivals: Roles that several columns could have, and which.
    """

    time: tuple[str, ...] = ()
    symbol: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    adjusted: tuple[str, ...] = ()
    rivals: dict[str, tuple[str, ...]] = field(default_factory=dict)


def roles_of(table: Table, columns: Mapping[str, str] | None) -> Roles:
    """Return what the columns of a table hold.

    Args:
        table: The table.
        columns: What the user says: role to column, or column to role.
    """
    names = table.frame.columns
    said = _said(columns, names)
    found: dict[str, list[str]] = {}
    for name in names:
        role = role_of(name)
        if role is not None and name not in said.values():
            found.setdefault(role, []).append(name)
    for candidates in found.values():
        candidates.sort(key=_preference)
    roles = Roles()
    roles.symbol = said.get("symbol") or _symbol(found.get("symbol", []), table.frame)
    roles.time = (said["time"],) if "time" in said else _time(found.get("time", []), table.frame)
    for role in FIELDS:
        candidates = [name for name in found.get(role, []) if name not in roles.time]
        if role in said:
            roles.fields[role] = said[role]
        elif candidates:
            if role == "volume":  # MetaTrader has an empty one beside its ticks
                candidates.sort(key=lambda name: not _has_values(table.frame[name]))
            roles.fields[role] = candidates[0]
            twins = tuple(name for name in candidates if plain(name) == plain(candidates[0]))
            if len(twins) > 1:
                roles.rivals[role] = twins
    roles.adjusted = tuple(
        name for name in names if plain(name) in ADJUSTED and name != roles.fields.get("close")
    )
    return roles


def _preference(name: str) -> int:
    short = plain(name)
    return _NAMES[ROLE_OF[short]].index(short)


def _has_values(column: pl.Series) -> bool:
    return bool((column != 0).any()) if column.dtype.is_numeric() else column.count() > 0


_TIME_WORDS: Final = ("time", "date", "timestamp", "datetime", "index")


def _said(columns: Mapping[str, str] | None, names: Sequence[str]) -> dict[str, str]:
    said: dict[str, str] = {}
    for one, other in (columns or {}).items():
        for role, name in ((one, other), (other, one)):
            if name in names and (role in FIELDS or role == "symbol" or role in _TIME_WORDS):
                said["time" if role in _TIME_WORDS else role] = name
                break
    return said


def unknown_columns(columns: Mapping[str, str] | None, names: Iterable[str]) -> list[str]:
    """Return the entries of `columns=` that name no column or no role."""
    there = list(names)
    return [
        f"{one!r}: {other!r}"
        for one, other in (columns or {}).items()
        if not _said({one: other}, there)
    ]


def _symbol(candidates: list[str], frame: pl.DataFrame) -> str | None:
    # "name" is a company's name where there is a ticker, and a symbol where there is not
    for name in candidates:
        if frame[name].dtype in (pl.String, pl.Categorical, pl.Enum) or plain(name) in (
            "symbol", "ticker", "permno", "code", "sid", "tscode", "stockcode", "level0",
        ):  # fmt: skip
            return name
    return None


def _time(candidates: list[str], frame: pl.DataFrame) -> tuple[str, ...]:
    if not candidates:
        return ()
    by_kind = {name: _kind(frame[name]) for name in candidates}
    clock = [name for name in candidates if by_kind[name] == "clock"]
    dated = [name for name in candidates if by_kind[name] in ("date", "moment")]
    moments = [name for name in dated if by_kind[name] == "moment"]
    if clock and dated and not moments:
        return (dated[0], clock[0])
    usable = moments or dated
    if len(usable) > 1 and (starts := [n for n in usable if LABELS_OF.get(plain(n)) != "end"]):
        usable = starts
    return (usable[0],) if usable else ()


# "clock" is a time of day, "date" a day, "moment" both, "none" what is no time.
def _kind(column: pl.Series) -> str:
    dtype = column.dtype
    if dtype == pl.Time:
        return "clock"
    if dtype == pl.Date:
        return "date"
    if isinstance(dtype, pl.Datetime):
        return "moment"
    if dtype == pl.String:
        first = column.drop_nulls().head(1)
        text = str(first[0]).strip() if len(first) else ""
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(\s*[AaPp][Mm])?", text):
            return "clock"
        return "moment" if ":" in text or re.fullmatch(r"\d{9,}.*", text) else "date"
    if dtype.is_numeric():
        top = column.drop_nulls().head(1)
        value = float(top[0]) if len(top) else 0.0
        if plain(column.name) == "time" and 0 <= value < 240_000:
            return "clock"
        if 19_000_101 <= value <= 21_001_231:
            return "date"
        return "moment" if value >= 1e8 else ("date" if 20_000 <= value < 60_000 else "none")
    return "none"
