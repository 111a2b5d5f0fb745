"""Nights in which companies act, and journals that are packed in small stretches: drawn
for a world beside its faults.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from unittest.mock import patch

from rbtlive.runtime.journal import blocks
from rbtlive.runtime.journal import journal as journal_module
from tests.simulation.faults import ACCOUNT_EVENTS, Fault
from tests.simulation.tape import SYMBOLS, Night

_CALM_AT_NIGHT = {*ACCOUNT_EVENTS, "killed"}


def night_of(seed: int, faults: Sequence[Fault], strategy: str) -> Night | None:
    """Return what happens overnight in the world of a seed, None if nothing does."""
    chance = random.Random(f"night of {seed}")
    symbol, kind = chance.choice(SYMBOLS), chance.choice(("", "split", "symbol"))
    # A night is long: what was sent and filled before it is known after it. Here it is a
    # minute, so nothing may be held up, and nobody answers fills.
    held_up = any(
        fault.where in {"bars", "handler"}
        or (fault.where == "time" and fault.what not in _CALM_AT_NIGHT)
        for fault in faults
    )
    if held_up or strategy == "Reacting" or not kind:
        return None
    if kind == "split":
        ratio = chance.choice((Decimal("0.5"), Decimal("0.25"), Decimal(2), Decimal(3)))
        return Night(symbol, ratio, symbol)
    return Night(symbol, Decimal(1), f"{symbol}X")


@contextlib.contextmanager
def small_blocks(*, wanted: bool) -> Iterator[None]:
    """Pack the journal's rows in stretches of 4 KiB, if that is wanted."""
    if not wanted:
        yield
        return
    size = 1 << 12
    with (
        patch.object(blocks, "BLOCK_BYTES", size),
        patch.object(blocks, "_MOST_ROWS", size // blocks.ROW_BYTES + 1),
        patch.object(journal_module, "PACKED_AT_BYTES", 2 * size),
    ):
        yield
