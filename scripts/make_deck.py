"""Play every card of the deck in every world, and write the table of the documentation.

Usage: python scripts/make_deck.py [CARD ...]

With names of cards, only these are played; the other rows keep their last outcome.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.deck.cards import Card  # noqa: E402
from tests.deck.deck import CARDS  # noqa: E402
from tests.deck.memory_world import MemoryWorld  # noqa: E402
from tests.deck.venue_world import VenueWorld, new_venue  # noqa: E402

PAGE = ROOT / "docs" / "broker-deck.md"
LIMIT_S = 60.0
HEAD = """# The deck

Situations of a real account, each tested with two brokers: an account in memory, which uses only
the broker port, and the Alpaca adapter at `python -m rbtlive.venue` over loopback. Each card is a
test in `tests/deck`; `python scripts/make_deck.py` writes this table.

| situation | expected | {worlds} |
| --- | --- | {dashes} |
"""


async def _play(card: Card, world: Any) -> str:
    try:
        async with asyncio.timeout(LIMIT_S):
            await world.begin()
            with tempfile.TemporaryDirectory() as folder:
                await card.play(world, Path(folder))
    except Exception as failure:  # noqa: BLE001 - the table says which card fails
        return f"fails: {type(failure).__name__}"
    return "right"


def _rows_of_before() -> dict[str, str]:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    return {row.split(" | ")[0].removeprefix("| "): row for row in rows[2:]}


def main(wanted: list[str]) -> int:
    """Play, write the page, and return how many cards came out wrong."""
    before = _rows_of_before() if wanted else {}
    venue = new_venue()
    worlds = [MemoryWorld, lambda: VenueWorld(venue)]
    names = [MemoryWorld.name, VenueWorld.name]
    rows, wrong = [], 0
    try:
        for card in CARDS.values():
            if wanted and card.name not in wanted:
                rows.append(before[card.situation])
                continue
            found = [asyncio.run(_play(card, world())) for world in worlds]
            wrong += sum(one != "right" for one in found)
            rows.append(f"| {card.situation} | {card.right} | {' | '.join(found)} |")
    finally:
        venue.stop()
    head = HEAD.format(worlds=" | ".join(names), dashes=" | ".join("---" for _name in names))
    PAGE.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
