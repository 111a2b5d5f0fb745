"""What a gambler of seed 20 does on crypto_minute."""

import zipline.api as api
from tests.parity.gambler import Gambler

CASE = {
    "data": "crypto_minute",
    "start": "2018-03-02",
    "end": "2018-03-04",
    "data_frequency": "minute",
    "capital_base": 50000.0,
    "quirks": ["look_ahead_before_start", "limit_may_be_passed", "target_ignores_open_orders"],
}
LOG = []
PLAYER = Gambler(api, LOG, seed=20, symbols="BITC ETHR", rate=0.02, benchmark=None)
initialize, before_trading_start, handle_data = (
    PLAYER.initialize,
    PLAYER.before_trading_start,
    PLAYER.handle_data,
)
