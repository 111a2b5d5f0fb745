"""What a gambler of seed 4 does on edge_daily."""

import zipline.api as api
from tests.parity.gambler import Gambler

CASE = {
    "data": "edge_daily",
    "start": "2017-01-27",
    "end": "2017-09-05",
    "data_frequency": "daily",
    "capital_base": 50000.0,
    "quirks": [
        "look_ahead_before_start",
        "lose_dividend_off_session",
        "target_ignores_open_orders",
        "round_history",
    ],
}
LOG = []
PLAYER = Gambler(
    api,
    LOG,
    seed=4,
    symbols="ALFA DIVI DIVQ GAPS GONE LATE QUIT SPLT THIN VOLA",
    rate=0.8,
    benchmark="DIVI",
)
initialize, before_trading_start, handle_data = (
    PLAYER.initialize,
    PLAYER.before_trading_start,
    PLAYER.handle_data,
)
