"""Throws that are the same on every machine, whatever the version of any library."""


class Dice:
    """A 64-bit linear congruential generator: the same throws whatever the version of
    any library.

    Source: multiplier and increment of Knuth's MMIX; only the high 32 bits are used.
    """

    def __init__(self, seed: int) -> None:
        self._state = seed
        for _ in range(4):
            self.throw()

    def throw(self) -> int:
        """Return the next 32 random bits."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return self._state >> 32

    def between(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return low + self.throw() % (high - low + 1)
