"""The whole deck: the cards of all files, in the order of the documentation's table."""

from tests.deck import account_cards, corporate_cards
from tests.deck.cards import CARDS

__all__ = ["CARDS", "account_cards", "corporate_cards"]
