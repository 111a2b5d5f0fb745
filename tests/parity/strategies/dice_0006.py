"""What a gambler of seed 6 does on edge_minute."""

import zipline.api as api
from tests.parity.gambler import Gambler

CASE = {
    "data": "edge_minute",
    "start": "2012-11-20",
    "end": "2012-11-23",
    "data_frequency": "minute",
    "capital_base": 50000.0,
    "default_safe": True,
}
LOG = []
PLAYER = Gambler(api, LOG, seed=6, symbols="ABLE BAKE CHEF DUNE", rate=0.04, benchmark="ABLE")
initialize, before_trading_start, handle_data = (
    PLAYER.initialize,
    PLAYER.before_trading_start,
    PLAYER.handle_data,
)
