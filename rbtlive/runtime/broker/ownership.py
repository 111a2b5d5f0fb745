"""Owners of shares and money: this run, another run of this state folder, or outside.

The rule: each run publishes its holdings in a small file beside its journal, and reads
those of the other runs on the same account. A run never writes another run's file.
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
    """The holdings of another run on the account.

    Attributes:
        name: Name of its session.
        run_id: Its run id.
        positions: Signed shares, by symbol.
        cash: Its money that is not in positions.
        running: Whether it was not stopped. A stopped run keeps its shares; its money
            is free for others meanwhile.
    """

    name: str
    run_id: str
    positions: Mapping[str, Decimal] = field(default_factory=dict)
    cash: Decimal = ZERO
    running: bool = True


class Ownership:
    """The ownership files of a state folder, from the view of one run.

    Args:
        folder: The state folder; None stores nothing and knows no other run.
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
        """Publish this run's holdings; the file is written only if they have
        changed.
        """
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
        """Publish that this run was stopped."""
        if self._facts is not None:
            self._write(dumps(self._facts | {"running": False}))

    def _write(self, text: str) -> None:
        if self._folder is None or text == self._published:
            return
        path = self._folder / f"{self._name}{SUFFIX}"
        # The journal halts the run when the disk is full.
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
        # A missing or incomplete file is no claim; files are written completely or not
        # at all.
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
    """Remove shares from `outside` that another run has taken over from the account,
    and return their symbols.

    Args:
        differing: Lasting differences.
        outside: Signed shares held outside of all runs, by symbol.
        ours: The shares that this run owns.
        claims: The shares that the other runs own.
        before: Their claims when nothing differed; None if unknown.
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
    """Assign to outside the shares that a split made of the owners' fractions, and
    return them by symbol.

    The account is split as a whole: the fractions of three owners may add up to two
    shares, and a run that is short against outside shares loses its fraction in the
    other direction.

    Args:
        differing: Lasting differences.
        outside: Signed shares held outside of all runs, by symbol.
        ours: The shares that this run owns.
        others: The other runs.
        split: Symbols that were split lately.
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
    """Say whether shares that came explain a difference, either unadjusted or adjusted
    by later splits.

    Args:
        came: Signed shares, unadjusted.
        gap: Signed shares by which positions differ now.
        ratios: Ratios of the splits since then, the latest first.
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
    """Say whether a change of the outside holdings leaves the runs their own shares:
    outside must not become, or grow, opposite to them.

    Args:
        before: Signed shares held outside.
        after: Signed shares held outside after the change.
        owned: Signed shares that the runs own.
    """
    if after * owned >= 0:
        return True
    return before * after > 0 and abs(after) <= abs(before)


def covers(there: Decimal, owned: Decimal) -> bool:
    """Say whether an account's holdings `there` include the shares that the runs
    own.
    """
    if not owned:
        return True
    return there >= owned if owned > 0 else there <= owned


def put(shares: dict[str, Decimal], symbol: str, amount: Decimal) -> None:
    """Set the shares of a symbol; zero removes the entry."""
    shares.pop(symbol, None)
    if amount:
        shares[symbol] = amount
