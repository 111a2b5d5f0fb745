"""Markets on any calendar, with everything that strangers' data have: early ends, late
listings, splits, dividends, missing bars, a suspension, days without volume, twins with
the same prices, prices that never move, and pennies.

One rule: a calendar's market is the same on every machine; only its sessions differ.
"""

from datetime import date

from tests.parity.datasets import (
    Dataset,
    Dice,
    Walk,
    _bars,
    _rows,
    assets_frame,
    daily_frame,
    dividends_frame,
    sessions,
    splits_frame,
)

FIRST, LAST = "2016-01-04", "2016-12-30"
SYMBOLS = [
    "ACRE",
    "BOLT",
    "CALM",
    "DUSK",
    "ECHO",
    "FERN",
    "GUST",
    "HAZE",
    "IRIS",
    "JADE",
    "KILN",
    "LOOM",
    "MINT",
    "NOVA",
]
SIDS = {symbol: 40 + 7 * ((5 * number) % 14) for number, symbol in enumerate(SYMBOLS)}
# Life, as sessions of the calendar: from, to (None is the end).
_LIVES = {
    "DUSK": (0, 172),
    "ECHO": (0, 190),
    "FERN": (120, None),
    "GUST": (150, 196),
    "HAZE": (165, None),
}
_SPLITS = {
    "ACRE": {60: 0.5, 170: 2.0},
    "BOLT": {175: 1 / 3},
    "CALM": {168: 10.0},
    "JADE": {182: 0.5},
    "NOVA": {182: 0.5},
}
_DIVIDENDS = {
    "BOLT": {100: 0.4, 175: 0.25, 190: 0.4},
    "IRIS": {90: 0.6, 163: 0.6, 164: 5.0},
    "JADE": {181: 0.3, 182: 0.15},
    "NOVA": {181: 0.3, 182: 0.15},
    "ECHO": {189: 1.1, 190: 0.5},
    "LOOM": {171: 0.02},
}
_SUSPENDED = {"KILN": range(158, 166), "IRIS": range(176, 178)}


def bazaar(name: str, calendar: str) -> Dataset:
    """Return the market on a calendar."""
    days = sessions(calendar, FIRST, LAST)[:250]
    rows: list[tuple[object, ...]] = []
    for number, symbol in enumerate(SYMBOLS):
        first, last = _LIVES.get(symbol, (0, None))
        places = range(len(days))[first : len(days) if last is None else last + 1]
        ratios = _SPLITS.get(symbol, {})
        walk = Walk(
            4_000 + (9 if symbol == "NOVA" else number),  # NOVA has the prices of JADE
            {"LOOM": 84, "CALM": 310}.get(
                symbol, 1_900 + 1_300 * (9 if symbol == "NOVA" else number)
            ),
            0 if symbol == "MINT" else 110 + 17 * (9 if symbol == "NOVA" else number),
            (800, 60_000 - 3_000 * number),
        )
        bars = _bars(walk, [ratios.get(place, 1.0) for place in places])
        dice = Dice(600 + number)
        for place, row in zip(
            places, _rows(symbol, [days[at] for at in places], bars), strict=True
        ):
            throw = dice.between(1, 100)
            ends = place in {places[0], places[-1]}
            if not ends and (
                place in _SUSPENDED.get(symbol, ()) or (symbol == "GUST" and throw <= 15)
            ):
                continue
            silent = (symbol == "HAZE" and throw <= 30) or (symbol == "MINT" and throw <= 8)
            rows.append((*row[:6], 0) if silent else row)
    bars = daily_frame(rows)
    return Dataset(
        name=name,
        calendar=calendar,
        bars=bars,
        assets=assets_frame(bars, SIDS, {"DUSK": days[176]}),
        splits=splits_frame(
            [(s, days[at], ratio) for s, ratios in _SPLITS.items() for at, ratio in ratios.items()]
        ),
        dividends=dividends_frame(
            [
                (s, days[at], _paid(days, at), amount)
                for s, all_ in _DIVIDENDS.items()
                for at, amount in all_.items()
            ]
        ),
    )


def _paid(days: list[date], at: int) -> date:
    return days[min(at + at % 4, len(days) - 1)]
