"""A session that trades at a venue, both processes of their own: driven bar by bar,
killed, and judged by what is left.

The rule: the venue moves on only when the session has settled, so that every run has
one right outcome, however often the session died on its way.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import selectors
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from rbtlive.runtime.journal.opening import open_run
from rbtlive.runtime.journal.state_folder import StateFolder
from tests.faults.venue_host import EVENING, FINAL, NAME, NO_VENUE, POINTS, frame, moments
from tests.venue.process import VenueProcess

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL
BEFORE = {"BBBX": "BBB"}
QUIET_MINUTES = 390 - EVENING
"""How many minutes of the first session have no bars; the venue is at the first of them
when it begins.
"""
BARS_BEFORE_DEATH = 3
EVENTS = {
    6: ("faults", [{"kind": "rate_limit", "where": "submit", "count": 2, "retry_after_s": 0}]),
    7: ("cash", {"kind": "fee", "amount": "-0.25"}),
    8: ("cash", {"kind": "dividend", "amount": "3.5", "symbol": "AAA"}),
    9: ("faults", [{"kind": "rate_limit", "where": "rest", "count": 3, "retry_after_s": 0}]),
    10: ("split", {"symbol": "AAA"}),
    11: ("cash", {"kind": "deposit", "amount": "1000"}),
    12: ("symbol", {"symbol": "BBB", "new_symbol": "BBBX"}),
    16: ("cash", {"kind": "interest", "amount": "1.75"}),
    18: ("faults", [{"kind": "rate_limit", "where": "cancel", "count": 1, "retry_after_s": 0}]),
    20: ("cash", {"kind": "dividend", "amount": "-2.5", "symbol": "BBBX"}),
}
"""What happens at the venue once so many bars have settled: money comes and goes,
requests are too many, and overnight one symbol changes and another asset is split, by
the ratio of the ground.
"""
LONGEST_S = 120.0
"""No life of a session takes as long; one that hangs is an error."""


@dataclass(frozen=True, slots=True)
class Life:
    """How one life of a session ends: at a point, at an instant, or, if neither is
    given, with the bars.

    Attributes:
        point: One of `POINTS`.
        number: The how many-th time the session comes there.
        after_s: Seconds after its beginning, or after so many `bars` have settled, when
            a process is killed.
        who: Which process then: "session", "venue" or "both"; a venue is started again
            at once, with its state.
    """

    point: str | None = None
    number: int = 1
    after_s: float | None = None
    bars: int = 0
    who: str = "session"


@dataclass(slots=True)
class Run:
    """What a run came to.

    Attributes:
        final: The session's books when the bars had ended.
        ids: Ids of the orders at the venue, in its order, without the run's.
        venue: Position by symbol, cash, and filled shares by order id, at the venue.
        intents: Ids of the orders whose submission was journaled.
        deaths: At which point the session died, and how often.
        killed: Which process was killed at a random instant, and how often.
        resumed: How often rows from before were replayed.
        booked: Amounts of the cash activities that were booked, by kind.
        packed: How many stretches of the journal's rows were packed at its end.
        missed: Points at which no session died although it was asked to.
        seconds: How long it took.
    """

    final: dict = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    venue: dict = field(default_factory=dict)
    intents: list[str] = field(default_factory=list)
    deaths: Counter = field(default_factory=Counter)
    killed: Counter = field(default_factory=Counter)
    resumed: int = 0
    booked: dict = field(default_factory=dict)
    packed: int = 0
    missed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def wrong(self, unbroken: Run | None = None) -> list[str]:
        """Return what is not as it must be, in words."""
        final = self.final
        # Refused orders, and those that never arrived, are rejected; one that was never
        # sent has expired.
        elsewhere = {
            o["id"]
            for o in final["orders"]
            if o["state"] == "rejected" or (o["state"], o["reason"]) == ("expired", "never sent")
        }
        ours = {i for i in self.intents if i not in elsewhere.union(final["denied"])}
        filled = {o["id"]: o["filled"] for o in final["orders"] if o["id"] in ours}
        facts = {
            "ids at the venue, each once": (self.ids, sorted(set(self.ids), key=int)),
            "ids of intents": (set(self.ids), ours),
            "filled shares": (self.venue["filled"], filled),
            "positions": (self.venue["positions"], final["positions"]),
            "the night's split": (["AAA"], final["splits"]),
            "cash": (Decimal(self.venue["cash"]), Decimal(final["cash"])),
            "what the books lack": (0, Decimal(final["unbalanced"])),
        }
        if unbroken is not None:
            facts["cash activities"] = (unbroken.booked, self.booked)
            facts |= {
                f"{name} of the unbroken run": (was, final[name])
                for name, was in unbroken.final.items()
            }
        return [
            f"{what}: {is_} is not {expected}"
            for what, (expected, is_) in facts.items()
            if is_ != expected
        ]


class Ground:
    """A venue and a host of sessions; runs one run after the other.

    Args:
        folder: Where everything is kept.
        ratio: Of the night's split: "0.5" is two for one, "4" one for four.
    """

    def __init__(self, folder: Path, *, ratio: str = "0.5") -> None:
        self.ratio = ratio
        self._bars = folder / "bars.parquet"
        frame(moments()).write_parquet(self._bars)
        self._arguments = (
            "--bars", self._bars, "--frequency", "1m", "--fills", "next", "--slippage", "basis-points",
            "--state", folder / "venue.sqlite",
        )  # fmt: skip
        self.venue = VenueProcess(*self._arguments)
        self._folder = folder
        self._runs = self._settled = 0
        self._begin_host()

    def _begin_host(self) -> None:
        self._host = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.venue_host"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            bufsize=0,
        )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._host.stdout, selectors.EVENT_READ)
        self._read = b""

    # What a session that went wrong still says must never be taken for the word of the
    # next one.
    def _end_host(self) -> None:
        self._host.kill()
        self._host.wait()
        self._selector.close()
        self._host.stdin.close()
        self._host.stdout.close()

    def run(self, lives: list[Life]) -> Run:
        """Let a session live these lives, and a last one to the end of the bars."""
        began = time.monotonic()
        self._runs += 1
        folder = self._folder / str(self._runs)
        folder.mkdir()
        self.venue.control("reset")
        self.venue.advance(QUIET_MINUTES)
        self._settled = 0
        run = Run()
        for number, life in enumerate([*lives, Life()]):
            if number == 0 and life.after_s is not None:
                # Before its first bar is journaled a run has no past: attached again it
                # would begin later.
                life = replace(life, bars=max(life.bars, BARS_BEFORE_DEATH))  # noqa: PLW2901
            code = self._live(life, folder, killed=run.killed)
            if code == KILLED and life.point is not None:
                run.deaths[life.point] += 1
            elif code not in {0, KILLED} and (code, life.who) != (NO_VENUE, "venue"):
                raise AssertionError(f"the session ended with {code} in {life}")
            elif life.point is not None:
                run.missed.append(life.point)
        run.final = json.loads((folder / FINAL).read_text())
        self._look(run, folder)
        run.seconds = time.monotonic() - began
        return run

    def close(self) -> None:
        """End both processes."""
        self._end_host()
        self.venue.kill()

    def _live(self, life: Life, folder: Path, *, killed: Counter) -> int:
        # Returns the exit code of the session's process, negative if a signal ended it.
        try:
            return self._live_through(life, folder, killed=killed)
        except BaseException:
            self._end_host()
            self._begin_host()
            raise

    def _live_through(self, life: Life, folder: Path, *, killed: Counter) -> int:
        order = {
            "folder": str(folder),
            "url": self.venue.url,
            "point": life.point,
            "number": life.number,
        }
        order["impatient"] = life.who == "venue"
        self._host.stdin.write(json.dumps(order).encode() + b"\n")
        pid = self._pid()
        now = time.monotonic()
        bars_left = life.bars
        die_at = now + life.after_s if life.after_s is not None and not bars_left else None
        while True:
            line = self._line(now + LONGEST_S if die_at is None else die_at)
            if line is None:
                if die_at is None:
                    os.kill(pid, signal.SIGKILL)
                    raise AssertionError(f"the session hangs in {life}")
                self._kill(pid, life.who)
                killed[life.who] += 1
                die_at = None
            elif line.startswith("ended "):
                return int(line.split()[1])
            elif line == f"settled {self._venue_now()}":
                self._settled += 1
                if self._settled in EVENTS:
                    kind, facts = EVENTS[self._settled]
                    split = {"ratio": self.ratio} if kind == "split" else {}
                    self.venue.control(kind, facts | split if split else facts)
                self.venue.advance()
                bars_left -= 1
                if bars_left == 0 and life.after_s is not None:
                    die_at = time.monotonic() + life.after_s

    def _pid(self) -> int:
        line = self._line(time.monotonic() + LONGEST_S) or "nothing"
        word, _, number = line.partition(" ")
        if (
            word != "pid" or int(number) <= 1
        ):  # 0 and below would kill whole groups of processes, our own first
            raise AssertionError(f"a session begins with its process id: was {line!r}")
        return int(number)

    def _kill(self, pid: int, who: str) -> None:
        if who != "venue":
            os.kill(pid, signal.SIGKILL)
        if who != "session":
            self.venue.kill()
            self.venue = VenueProcess(*self._arguments, port=self.venue.port)

    def _venue_now(self) -> str:
        return self.venue.control("state")["now"]

    def _line(self, until: float) -> str | None:
        # The next line of the host or of a session; None if none comes in time.
        while b"\n" not in self._read:
            if not self._selector.select(max(0.0, until - time.monotonic())):
                return None
            part = os.read(self._host.stdout.fileno(), 65536)
            assert part, "the host has died"
            self._read += part
        line, _, self._read = self._read.partition(b"\n")
        return line.decode()

    def _look(self, run: Run, folder: Path) -> None:
        _status, orders = self.venue.request(
            "/v2/orders?status=all&limit=500&direction=asc", keys=True
        )
        _status, positions = self.venue.request("/v2/positions", keys=True)
        _status, account = self.venue.request("/v2/account", keys=True)
        run.ids = [order["client_order_id"].rpartition("-")[2] for order in orders]
        run.venue = {
            "filled": dict(zip(run.ids, map(_signed, orders), strict=True)),
            "positions": {BEFORE.get(p["symbol"], p["symbol"]): p["qty"] for p in positions},
            "cash": account["cash"],
        }
        with open_run(StateFolder(folder), NAME) as recorded:
            rows = list(recorded.rows())
        run.intents = [row.data()["order_id"] for row in rows if row.type == "SubmitOrder"]
        with contextlib.closing(sqlite3.connect(folder / f"{NAME}.sqlite")) as journal:
            run.packed = journal.execute("SELECT count(*) FROM blocks").fetchone()[0]
        for row in rows:
            if row.type == "CashAdjustmentEvent":
                facts = row.data()
                run.booked.setdefault(facts["kind"], []).append(facts["amount"])
        run.resumed = sum(row.type == "Attached" and row.data()["replayed"] > 0 for row in rows)


def _signed(order: dict) -> str:
    filled = order["filled_qty"]
    return filled if order["side"] == "buy" or filled == "0" else f"-{filled}"


def random_lives(chance: random.Random, deaths: int, *, who: str = "session") -> list[Life]:
    """Return lives that end at random instants: while they begin, or within some bars."""
    lives = []
    for _death in range(deaths):
        bars = chance.choice((0, 1, 1, 2, 3))
        lives.append(Life(bars=bars, after_s=chance.uniform(0.0, 0.04 if bars else 0.25), who=who))
    return lives


def lives_at_every_point(chance: random.Random) -> list[Life]:
    """Return lives that end at the named points, each once; those of the session's
    close come at its close.
    """
    rare = [Life(name) for name in POINTS if "snapshot" in name or "refusal" in name]
    often = [
        Life(name, chance.randint(1, 2))
        for name in POINTS
        if name not in {life.point for life in rare}
    ]
    chance.shuffle(often)
    return often[: len(often) // 2] + rare + often[len(often) // 2 :]
