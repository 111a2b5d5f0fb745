"""What a gambler of seed 15 does on crypto_daily."""

import zipline.api as api
from tests.parity.gambler import Gambler

CASE = {
    "data": "crypto_daily",
    "start": "2018-01-12",
    "end": "2018-03-15",
    "data_frequency": "daily",
    "capital_base": 100000.0,
    "quirks": ["cancel_oldest_only", "lag_at_midnight"],
}
LOG = []
PLAYER = Gambler(api, LOG, seed=15, symbols="BITC ETHR", rate=0.8, benchmark=None)
initialize, before_trading_start, handle_data = (
    PLAYER.initialize,
    PLAYER.before_trading_start,
    PLAYER.handle_data,
)
