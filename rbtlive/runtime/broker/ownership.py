"""Whose shares and whose money: this run's, another run's of this state folder, or
outside's.

The rule: each run publishes what it owns in one small file beside its journal, and
reads those of the others on the same account. Nobody writes another run's file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from json import dumps, loads
from pathlib import Path
from typing import Any

from rbtlive.brokers.base import BrokerAccount
from rbtlive.data.drafts import draft_of
from rbtlive.data.private_files import write_private
from rbtlive.model.number import ZERO, plain_text
from rbtlive.runtime.broker.reconciliation import Mismatch

SUFFIX = ".owns.json"


@dataclass(frozen=True, slots=True)
class OtherRun:
    """What another run on the account owns.

    Attributes:
        name: Its session's name.
        run_id: Its run.
        positions: Signed shares, by symbol.
        cash: Its money that is not in positions.
        running: Whether it was not stopped. One that was keeps its shares; its money is
            free for others meanwhile.
    """

    name: str
    run_id: str
    positions: Mapping[str, Decimal] = field(default_factory=dict)
    cash: Decimal = ZERO
    running: bool = True


class Ownership:
    """The ownership files of one state folder, as one run uses them.

    Args:
        folder: The state folder; None keeps nothing and knows no other run.
        name: The run's session.
        run_id: The run.
    """

    def __init__(self, folder: Path | None, name: str, run_id: str) -> None:
        self._folder = folder
        self._name = name
        self._run_id = run_id
        self._published = ""
        self._facts: dict[str, Any] | None = None
        self._read: dict[Path, tuple[tuple[int, int], str, OtherRun | None]] = {}
        self.account = self.currency = ""

    def publish(self, positions: Mapping[str, Decimal], cash: Decimal) -> None:
        """Say what this run owns; writes only what has changed."""
        if self._folder is None or not self.account:
            return
        self._facts = facts = {
            "account": self.account,
            "run_id": self._run_id,
            "positions": {symbol: plain_text(n) for symbol, n in sorted(positions.items()) if n},
            "cash": plain_text(cash),
        }
        self._write(dumps(facts | {"running": True}))

    def release(self) -> None:
        """Say that this run was stopped."""
        if self._facts is not None:
            self._write(dumps(self._facts | {"running": False}))

    def _write(self, text: str) -> None:
        if self._folder is None or text == self._published:
            return
        path = self._folder / f"{self._name}{SUFFIX}"
        # A full disk halts by the journal.
        with draft_of(path) as draft, contextlib.suppress(OSError):
            write_private(draft, text.encode())
            draft.replace(path)
            self._published = text

    def others(self) -> list[OtherRun]:
        """Return the other runs on this run's account, sorted by name."""
        if self._folder is None or not self.account:
            return []
        found: list[OtherRun] = []
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            name = path.name.removesuffix(SUFFIX)
            if name == self._name or name.startswith("."):
                continue
            account, run = self._look(path, name)
            if run is not None and account == self.account and run.run_id != self._run_id:
                found.append(run)
        return found

    def _look(self, path: Path, name: str) -> tuple[str, OtherRun | None]:
        # A file that is gone or cut is no claim; it is written whole or not at all.
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            known = self._read.get(path)
            if known is not None and known[0] == stamp:
                return known[1], known[2]
            facts: dict[str, Any] = loads(path.read_text())
            run = OtherRun(
                name,
                str(facts["run_id"]),
                {str(s): Decimal(n) for s, n in facts["positions"].items()},
                Decimal(facts["cash"]),
                facts.get("running", True) is True,
            )
            self._read[path] = (stamp, str(facts["account"]), run)
        except (OSError, ValueError, KeyError, TypeError, ArithmeticError, AttributeError):
            return "", None
        return str(facts["account"]), run


def claimed(others: list[OtherRun]) -> dict[str, Decimal]:
    """Return the signed shares that other runs own, by symbol."""
    total: dict[str, Decimal] = {}
    for run in others:
        for symbol, amount in run.positions.items():
            total[symbol] = total.get(symbol, ZERO) + amount
    return total


def objection_to(account: BrokerAccount, known: Ownership) -> str:
    """Say why an account may not trade for a run; empty if it may.

    Args:
        account: The account, as the broker knows it now.
        known: What the run knows of its account.
    """
    if account.blocked:
        return account.blocked
    if known.account and account.account_id not in {"", known.account}:
        return f"it is account {account.account_id}, and the run's is {known.account}"
    if known.currency and account.currency.upper() != known.currency:
        return f"its currency is {account.currency}, and the run's is {known.currency}"
    return ""


def taken_from_outside(
    differing: Iterable[Mismatch],
    outside: dict[str, Decimal],
    *,
    ours: Mapping[str, Decimal],
    claims: Mapping[str, Decimal],
    before: Mapping[str, Decimal] | None,
) -> list[str]:
    """Take off `outside` what another run has taken over from the account, and return
    the symbols of which it did.

    Args:
        differing: What differs look after look.
        outside: Signed shares held outside of all runs, by symbol.
        ours: What this run owns.
        claims: What the other runs own.
        before: What they owned when nothing differed; None if that is not known.
    """
    taken = []
    for one in differing:
        symbol, missing = one.symbol, -(one.gap or ZERO)
        claim = claims.get(symbol, ZERO)
        if before is None:
            explained = covers(claim, missing)
        else:
            explained = claim - before.get(symbol, ZERO) == missing
        left, owned = outside.get(symbol, ZERO), ours.get(symbol, ZERO) + claim
        there = covers(left, missing) and is_outsides(left, left - missing, owned)
        if missing and explained and there:
            put(outside, symbol, left - missing)
            taken.append(symbol)
    return taken


def left_by_splits(
    differing: Iterable[Mismatch],
    outside: dict[str, Decimal],
    *,
    ours: Mapping[str, Decimal],
    others: Iterable[OtherRun],
    split: Iterable[str],
) -> dict[str, Decimal]:
    """Leave outside what a split has made of the parts of a share that each owner has
    given up, and return it, by symbol.

    The account is split as a whole: three owners' parts may add up to two shares, and a
    run that is short of what is held outside gives up its part the other way.

    Args:
        differing: What differs look after look.
        outside: Signed shares held outside of all runs, by symbol.
        ours: What this run owns.
        others: The other runs.
        split: Symbols that have been split lately.
    """
    runs = list(others)
    symbols, claims = set(split), claimed(runs)
    left = {}
    for one in differing:
        symbol, gap = one.symbol, one.gap or ZERO
        owners = 2 + sum(symbol in run.positions for run in runs)
        owned = ours.get(symbol, ZERO) + claims.get(symbol, ZERO)
        before = outside.get(symbol, ZERO)
        there = gap and is_outsides(before, before + gap, owned)
        if symbol in symbols and there and abs(gap) < owners:
            left[symbol] = gap
            put(outside, symbol, before + gap)
    return left


def explains(came: Decimal, gap: Decimal, ratios: Iterable[Decimal]) -> bool:
    """Say whether shares that came are a difference, in the terms of then or as later
    splits have restated them.

    Args:
        came: Signed shares, in the terms of when they came.
        gap: Signed shares by which positions differ now.
        ratios: Of the splits since, the last one first.
    """
    if not came:
        return False
    if came == gap:
        return True
    for ratio in ratios:
        came /= ratio
        if came == gap or (ratio > 1 and abs(came - gap) < 1):
            return True
    return False


def is_outsides(before: Decimal, after: Decimal, owned: Decimal) -> bool:
    """Say whether a change of what is held outside leaves the runs what they own: it
    must not come to stand against them, nor stand further against them.

    Args:
        before: Signed shares held outside.
        after: What they would be.
        owned: Signed shares that the runs own.
    """
    if after * owned >= 0:
        return True
    return before * after > 0 and abs(after) <= abs(before)


def covers(there: Decimal, owned: Decimal) -> bool:
    """Say whether an account that holds `there` holds what the runs own in it."""
    if not owned:
        return True
    return there >= owned if owned > 0 else there <= owned


def put(shares: dict[str, Decimal], symbol: str, amount: Decimal) -> None:
    """Set what is held of a symbol; nothing is left out."""
    shares.pop(symbol, None)
    if amount:
        shares[symbol] = amount
