"""What a gambler of seed 9 does on edge_daily."""

import zipline.api as api
from tests.parity.gambler import Gambler

CASE = {
    "data": "edge_daily",
    "start": "2017-04-27",
    "end": "2017-06-09",
    "data_frequency": "daily",
    "capital_base": 5000.0,
    "quirks": ["look_ahead_before_start"],
}
LOG = []
PLAYER = Gambler(
    api,
    LOG,
    seed=9,
    symbols="ALFA DIVI DIVQ GAPS GONE LATE QUIT SPLT THIN VOLA",
    rate=0.8,
    benchmark="DIVI",
)
initialize, before_trading_start, handle_data = (
    PLAYER.initialize,
    PLAYER.before_trading_start,
    PLAYER.handle_data,
)
