"""The market that pipelines are tried on: sixteen assets over sixteen months, with
splits, dividends, missing bars, silent days, late listings and early ends.
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

FIRST, LAST = "2015-01-02", "2016-04-29"
SYMBOLS = [f"{letter}{letter}{number}" for number, letter in enumerate("ABCDEFGHIJKLMNOP")]
SIDS = {symbol: 3 + 5 * ((7 * number) % 16) for number, symbol in enumerate(SYMBOLS)}
LISTED = {"DD3": date(2015, 11, 9), "EE4": date(2016, 2, 1), "OO14": date(2016, 3, 10)}
ENDED = {"FF5": date(2016, 2, 12), "GG6": date(2016, 3, 24), "PP15": date(2015, 9, 1)}
SPLITS = [
    ("AA0", date(2015, 6, 9), 0.5),
    ("AA0", date(2016, 3, 7), 0.25),
    ("BB1", date(2016, 3, 21), 3.0),
    ("HH7", date(2016, 3, 14), 0.5),
    ("CC2", date(2016, 2, 16), 0.1),
]
DIVIDENDS = [
    (symbol, day, day, amount)
    for symbol, amount in (
        ("BB1", 0.31),
        ("HH7", 0.12),
        ("II8", 0.57),
        ("KK10", 1.25),
        ("AA0", 0.2),
    )
    for day in (date(2015, 5, 11), date(2015, 11, 10), date(2016, 2, 10), date(2016, 3, 14))
]


def pipelines_daily() -> Dataset:
    """Return the data set; every seventh bar of two assets is missing or silent."""
    days = sessions("XNYS", FIRST, LAST)
    rows: list[tuple[object, ...]] = []
    for number, symbol in enumerate(SYMBOLS):
        first, last = LISTED.get(symbol, days[0]), ENDED.get(symbol, days[-1])
        life = [day for day in days if first <= day <= last]
        ratios = {day: ratio for name, day, ratio in SPLITS if name == symbol}
        walk = Walk(
            900 + number, 1_500 + 900 * number, 90 + 23 * number, (900, 90_000 - 4_000 * number)
        )
        bars = _bars(walk, [ratios.get(day, 1.0) for day in life])
        dice = Dice(77 + number)
        for place, row in enumerate(_rows(symbol, life, bars)):
            throw = dice.between(1, 100)
            ends = place in {0, len(life) - 1}
            if symbol in {"JJ9", "LL11"} and throw <= 12 and not ends:
                continue
            rows.append((*row[:6], 0) if symbol == "MM12" and throw <= 10 else row)
    bars = daily_frame(rows)
    return Dataset(
        name="pipelines_daily",
        calendar="XNYS",
        bars=bars,
        assets=assets_frame(bars, SIDS),
        splits=splits_frame(SPLITS),
        dividends=dividends_frame(DIVIDENDS),
    )
