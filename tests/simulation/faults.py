"""What goes wrong in a simulated world: a list drawn from a seed, and how such a list
is made shorter.

The rule: a fault names the occasion it waits for (the n-th of its kind, or a second of
the run), so that leaving one out leaves the occasions of the others where they were.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

REQUESTS = ("submit", "cancel", "find", "orders", "positions")
STREAMS = ("news", "bars")
CRASH_POINTS = (
    "before append",
    "after append",
    "before intent",
    "before commit",
    "after commit",
    "before send",
    "after send",
    "after answer",
    "before fill",
    "after fill",
    "in snapshot",
)
REQUEST_FAULTS = (
    "reset before",
    "reset after",
    "no answer",
    "lost",
    "server error",
    "server error after",
    "slow",
    "late",
)
TIMED_FAULTS = (
    "venue restarts",
    "clock jumps",
    "clock jumps back",
    "news disconnects",
    "bars disconnect",
    "bars fall silent",
    "killed",
)
ACCOUNT_EVENTS = (
    "dividend",
    "fee",
    "deposit",
    "foreign trade",
    "another symbol is traded",
    "order is replaced",
    "absence",
)
"""What happens to an account beside the run's own orders."""
ANSWERED = ("submit", "find", "orders", "positions", "account")
"""Requests whose answers a broker class may get wrong."""
LONGEST_ABSENCE_S = 300.0
STREAM_FAULTS = ("drop", "delay", "reorder", "duplicate", "cut", "disconnect")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        where: Which kind of occasion: a request, a stream, a point of a crash,
            "handler", or "time".
        number: The n-th such occasion, from 1; for "time" the second of the run.
        what: What happens then.
        size: How much of it: seconds, or copies.
    """

    where: str
    number: int
    what: str
    size: float = 0.0


class Faults:
    """The faults of one run, given out as their occasions come.

    Args:
        planned: All of them.
        stream_loss: Which part of the stream's messages is lost besides, from 0 to 1.
        seed: Decides which.
    """

    def __init__(
        self, planned: Iterable[Fault], *, stream_loss: float = 0.0, seed: int = 0
    ) -> None:
        self.planned = tuple(planned)
        self.struck: Counter[str] = Counter()
        self._waiting: dict[tuple[str, int], Fault] = {(f.where, f.number): f for f in self.planned}
        self._counts: Counter[str] = Counter()
        self._loss = stream_loss
        self._chance = random.Random(seed)

    def take(self, where: str) -> Fault | None:
        """Count an occasion, and return what goes wrong at it, if anything."""
        self._counts[where] += 1
        fault = self._waiting.get((where, self._counts[where]))
        if fault is None and where == "news" and self._loss and self._chance.random() < self._loss:
            fault = Fault(where, self._counts[where], "drop")
        if fault is not None:
            self.struck[f"{fault.where}: {fault.what}"] += 1
        return fault

    def timed(self) -> list[Fault]:
        """Return the faults that wait for a second of the run."""
        return [fault for fault in self.planned if fault.where == "time"]


def draw(seed: int, *, seconds: int) -> list[Fault]:
    """Return the faults of a seed, for a run that lasts so many seconds."""
    chance = random.Random(f"faults of {seed}")
    count = chance.choice((0, 1, 2, 3, 5, 8, 12, 20))
    found: dict[tuple[str, int], Fault] = {}
    for _ in range(count):
        fault = _draw_one(chance, seconds)
        found[fault.where, fault.number] = fault
    return list(found.values())


def draw_account_events(seed: int, *, seconds: int) -> list[Fault]:
    """Return what happens to the account of a seed beside its faults, and which of its
    requests are too many; drawn apart, so that a seed's faults stay its own.
    """
    chance = random.Random(f"account of {seed}")
    found: dict[tuple[str, int], Fault] = {}
    for _ in range(chance.choice((0, 1, 2, 4, 6))):
        what = chance.choice(ACCOUNT_EVENTS)
        size = (
            chance.uniform(90.0, LONGEST_ABSENCE_S) if what == "absence" else chance.randint(1, 9)
        )
        fault = Fault("time", chance.randint(1, seconds), what, round(size, 3))
        found[fault.where, fault.number] = fault
    for _ in range(chance.choice((0, 0, 1, 3))):
        where = chance.choice(("submit", "submit", "orders", "positions"))
        fault = Fault(where, chance.randint(1, 40), "too many", round(chance.uniform(0.5, 20.0), 3))
        found[fault.where, fault.number] = fault
    return list(found.values())


def draw_odd_answers(seed: int) -> list[Fault]:
    """Return which of a seed's answers cannot be, which positions flicker, and which
    messages of the stream are none; drawn apart, so that its other faults stay its own.
    """
    chance = random.Random(f"answers of {seed}")
    found: dict[tuple[str, int], Fault] = {}
    for _ in range(chance.choice((0, 0, 1, 2, 4, 8))):
        where = chance.choice((*ANSWERED, "news"))
        if where == "positions" and chance.random() < 0.5:
            # Not twice in a row, and not while a run first looks: that is believed.
            fault = Fault(where, 10 * chance.randint(1, 20), "flicker", chance.randint(1, 9))
        elif where == "news":
            fault = Fault(where, chance.randint(1, 80), "garbage", chance.randint(1, 9))
        else:
            reach = 30 if where in {"submit", "find"} else 200
            fault = Fault(where, chance.randint(1, reach), "odd answer", chance.randint(1, 9))
        found[fault.where, fault.number] = fault
    return list(found.values())


def _draw_one(chance: random.Random, seconds: int) -> Fault:
    kind = chance.choice(
        ("request", "request", "stream", "stream", "crash", "crash", "handler", "time")
    )
    if kind == "request":
        where = chance.choice(("submit", "submit", "submit", "cancel", *REQUESTS))
        what = chance.choice((*REQUEST_FAULTS, "refused") if where == "cancel" else REQUEST_FAULTS)
        reach = 40 if where in {"submit", "cancel"} else 300
        longest_s = 70.0 if what == "late" else 12.0
        return Fault(
            where, chance.randint(1, reach), what, round(chance.uniform(0.2, longest_s), 3)
        )
    if kind == "stream":
        where = chance.choice(STREAMS)
        size = (
            chance.randint(2, 4)
            if (what := chance.choice(STREAM_FAULTS)) == "duplicate"
            else chance.uniform(0.1, 30.0)
        )
        return Fault(where, chance.randint(1, 80), what, round(size, 3))
    if kind == "crash":
        point = chance.choice(CRASH_POINTS)
        reach = {"in snapshot": 1}.get(
            point, 25 if "send" in point or "answer" in point or "fill" in point else 150
        )
        return Fault(
            point,
            chance.randint(1, reach),
            chance.choice(("kill", "kill", "power", "tear")),
            round(chance.uniform(0.5, 90.0), 3),
        )
    if kind == "handler":
        return Fault("handler", chance.randint(1, 40), "slow", round(chance.uniform(0.01, 20.0), 3))
    what = chance.choice(TIMED_FAULTS)
    longest_s = 200.0 if what == "bars fall silent" else 45.0
    return Fault("time", chance.randint(1, seconds), what, round(chance.uniform(0.5, longest_s), 3))


def shrink(
    faults: Sequence[Fault], fails: Callable[[Sequence[Fault]], bool], *, tries: int = 200
) -> list[Fault]:
    """Return a shorter list that still fails: no single fault of it can be left out,
    unless `tries` ran out.

    Source: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input
    (2002), the algorithm ddmin.
    """
    left, parts = list(faults), 2
    while len(left) >= 2 and tries > 0:
        size = max(1, len(left) // parts)
        chunks = [left[at : at + size] for at in range(0, len(left), size)]
        for number in range(len(chunks)):
            rest = [
                fault for other, chunk in enumerate(chunks) if other != number for fault in chunk
            ]
            tries -= 1
            if fails(rest):
                left, parts = rest, max(parts - 1, 2)
                break
        else:
            if size == 1:
                break
            parts = min(parts * 2, len(left))
    if len(left) == 1 and fails([]):
        return []
    return left
