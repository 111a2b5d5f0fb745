"""What a gambler of seed 33 does on edge_minute."""

import zipline.api as api
from tests.parity.gambler import Gambler

CASE = {
    "data": "edge_minute",
    "start": "2012-11-23",
    "end": "2012-11-28",
    "data_frequency": "minute",
    "capital_base": 50000.0,
    "quirks": ["target_ignores_open_orders", "round_history"],
}
LOG = []
PLAYER = Gambler(api, LOG, seed=33, symbols="ABLE BAKE CHEF DUNE", rate=0.04, benchmark="ABLE")
initialize, before_trading_start, handle_data = (
    PLAYER.initialize,
    PLAYER.before_trading_start,
    PLAYER.handle_data,
)
