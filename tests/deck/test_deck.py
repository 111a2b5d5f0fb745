"""Every card of the deck, in every world."""

from pathlib import Path

import pytest

from tests.builders import run
from tests.deck.deck import CARDS
from tests.deck.memory_world import MemoryWorld
from tests.deck.venue_world import VenueWorld, new_venue

PAGE = Path(__file__).parents[2] / "docs/broker-deck.md"


@pytest.fixture(scope="module")
def venue():
    process = new_venue()
    yield process
    assert process.stop() == ""


@pytest.mark.parametrize("name", CARDS)
def test_a_card_comes_out_right_at_a_broker_in_memory(name, tmp_path):
    async def play():
        world = MemoryWorld()
        await world.begin()
        await CARDS[name].play(world, tmp_path)

    run(play())


@pytest.mark.parametrize("name", CARDS)
def test_a_card_comes_out_right_at_alpaca(name, venue, tmp_path):
    async def play():
        world = VenueWorld(venue)
        await world.begin()
        await CARDS[name].play(world, tmp_path)

    run(play())


def test_the_documentation_has_the_table_of_these_cards():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]

    assert rows[2:] == [f"| {c.situation} | {c.right} | right | right |" for c in CARDS.values()]
