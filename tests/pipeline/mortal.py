"""A session with a pipeline, in a process that kills itself in the middle of a morning.

python -m tests.pipeline.mortal SCORE DIE_AT
"""

import asyncio
import json
import os
import signal
import sys
from typing import Any

from tests.pipeline import test_live_tables as own


class Trader(own.Trader):
    """Prints the table of each morning, and dies on one of them."""

    def before_trading_start(self, context: Any, data: Any) -> None:
        super().before_trading_start(context, data)
        when, table = own.SEEN[-1]
        rows = {row[0]: row[1:] for row in table.iter_rows()}
        # The journal's own prints are suppressed while it replays; the descriptor is not.
        os.write(1, (json.dumps([str(when), rows]) + "\n").encode())
        if len(own.SEEN) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)


async def main() -> None:
    """Trade to the end."""
    own.use(float(sys.argv[1]))
    await own.attach(Trader).wait()


if __name__ == "__main__":
    asyncio.run(main())
