"""What a gambler of seed 17 does on edge_minute."""

import zipline.api as api
from tests.parity.gambler import Gambler

CASE = {
    "data": "edge_minute",
    "start": "2012-11-21",
    "end": "2012-11-26",
    "data_frequency": "minute",
    "capital_base": 50000.0,
    "quirks": ["round_history"],
}
LOG = []
PLAYER = Gambler(api, LOG, seed=17, symbols="ABLE BAKE CHEF DUNE", rate=0.04, benchmark="ABLE")
initialize, before_trading_start, handle_data = (
    PLAYER.initialize,
    PLAYER.before_trading_start,
    PLAYER.handle_data,
)
