"""Plant bugs in the engine, one at a time, and report whether the tests notice them.

Run by hand:

    python scripts/plant_bugs.py                 # all of them
    python scripts/plant_bugs.py --bug NAME      # only this one (repeatable)
    python scripts/plant_bugs.py --list

Each bug is a change of text in a copy of the tree; the tests there run until the first
failure. The exit status is 1 if a bug survived, and 2 if the suite fails on the tree as
it is, or if a bug could not be planted because the text it changes is gone: then the
list needs care.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SUITE = (
    "tests/core",
    "tests/sim",
    "tests/finance",
    "tests/properties",
    "tests/parity",
    "tests/data/test_market.py",
)
COPIED = ("rbtlive", "tests", "scripts", "pyproject.toml")
DESELECTED = "a_paper_session_equals_the_backtest"  # both sides would carry the bug


@dataclass(frozen=True)
class Bug:
    """A change of text.

    Attributes:
        name: What is wrong then.
        file: Where, below the package.
        old: The text there now, once.
        new: The text of the bug.
    """

    name: str
    file: str
    old: str
    new: str


BUGS = (
    Bug(
        "an order may fill on the bar it was placed on",
        "core/actions/bar_step.py",
        ("            state.flush_changes()\n\n\ndef take_bar("),
        (
            "            state.flush_changes()\n"
            "        if state.orders.open_by_asset():\n"
            "            match(state, state.orders.book)\n"
            "\n"
            "\n"
            "def take_bar("
        ),
    ),
    Bug(
        "shares are rounded, not truncated",
        "core/actions/sizing.py",
        "else text)) * lot",
        "else round(text))) * lot",
    ),
    Bug(
        "a value is divided by a share too much",
        "core/actions/sizing.py",
        'return number(value, "value") / price',
        'return number(value, "value") / price + 1',
    ),
    Bug(
        "a percentage is taken of cash",
        "core/actions/sizing.py",
        "state.portfolio.portfolio_value * number(percent",
        "state.portfolio.cash * number(percent",
    ),
    Bug(
        "a percentage is taken of an unmarked portfolio",
        "core/actions/sizing.py",
        ("    state.marks.mark()\n    return shares_for_value"),
        "    return shares_for_value",
    ),
    Bug(
        "targets forget the position",
        "core/actions/sizing.py",
        " - state.portfolio.amount_of(asset)\n",
        "\n",
    ),
    Bug(
        "targets always count open orders",
        "core/actions/sizing.py",
        "if not state.quirks.target_ignores_open_orders:",
        "if True:",
    ),
    Bug(
        "commission is charged between the bar's fills",
        "core/actions/fills.py",
        "        state.unbooked_commissions.append((asset, commission))",
        "        state.portfolio.book_commission(asset, commission)",
    ),
    Bug(
        "commission is not part of the cost basis",
        "core/state/portfolio.py",
        "            position.basis_cost += cost\n",
        "            pass\n",
    ),
    Bug(
        "commission is paid twice",
        "core/state/portfolio.py",
        "        self.cash -= cost\n",
        "        self.cash -= cost + cost\n",
    ),
    Bug(
        "reducing moves the cost basis",
        "core/state/portfolio.py",
        "position.basis_cost = position.basis_cost * after / before",
        "position.basis_cost += amount * price",
    ),
    Bug(
        "crossing zero keeps the old cost basis",
        "core/state/portfolio.py",
        "        position.basis_cost = after * price",
        "        position.basis_cost = position.basis_cost * after / before",
    ),
    Bug(
        "a flat position is kept",
        "core/state/portfolio.py",
        "            del positions[asset]\n",
        "            pass\n",
    ),
    Bug(
        "an older fill moves the last sale price",
        "core/state/last_sales.py",
        "if sale.dt is None or dt > sale.dt:",
        "if sale.dt is None or dt:",
    ),
    Bug(
        "a price that nobody has read is lost",
        "core/state/marks.py",
        "            if self._is_behind and None in values:",
        "            if False:",
    ),
    Bug(
        "sums over positions are not made anew after a mark",
        "core/state/portfolio.py",
        "if self._totals is None or self._totals_version != self.marks.version:",
        "if self._totals is None:",
    ),
    Bug(
        "a split leaves the cost basis",
        "core/state/portfolio.py",
        "basis = round(float(position.cost_basis) * float(ratio), 2)",
        "basis = round(float(position.cost_basis), 2)",
    ),
    Bug(
        "a split pays nothing for a fraction",
        "core/state/portfolio.py",
        "cash = to_money(round(float(fraction) * basis, 2))",
        "cash = to_money(0)",
    ),
    Bug(
        "splits come before dividends",
        "core/actions/session_start.py",
        (
            "    pay_dividends(state, session)\n"
            "    _take_starting_figures(state, untouched=untouched)\n"
            "    apply_splits(state, session)\n"
        ),
        (
            "    apply_splits(state, session)\n"
            "    pay_dividends(state, session)\n"
            "    _take_starting_figures(state, untouched=untouched)\n"
        ),
    ),
    Bug(
        "orders are not split",
        "core/actions/corporate_actions.py",
        "        state.orders.apply_split(asset, split.ratio, state.now)\n",
        "",
    ),
    Bug(
        "a dividend is earned on its pay date only",
        "core/actions/corporate_actions.py",
        "pay_session=dividend.pay_session,",
        "pay_session=None,",
    ),
    Bug(
        "a dividend is paid on its ex date",
        "core/actions/corporate_actions.py",
        "pay_session=dividend.pay_session,",
        "pay_session=session,",
    ),
    Bug(
        "shorts do not pay dividends",
        "core/actions/corporate_actions.py",
        "        if held:\n",
        "        if held > 0:\n",
    ),
    Bug(
        "starting figures are taken before dividends",
        "core/actions/session_start.py",
        (
            "    pay_dividends(state, session)\n    _take_starting_figures(state, untouched=untouched)\n"
        ),
        (
            "    _take_starting_figures(state, untouched=untouched)\n    pay_dividends(state, session)\n"
        ),
    ),
    Bug(
        "a trigger does not latch",
        "finance/slippage_model.py",
        "            if not order.triggered:\n                order.check_triggers(",
        "            order.stop_reached = order.limit_reached = False\n"
        "            if not order.triggered:\n                order.check_triggers(",
    ),
    Bug(
        "a buy stop triggers below it",
        "core/state/order.py",
        "return price >= self.stop if",
        "return price <= self.stop if",
    ),
    Bug(
        "a limit must be passed, not reached",
        "core/state/order.py",
        "return price <= self.limit if",
        "return price < self.limit if",
    ),
    Bug(
        "a stop-limit keeps its stop",
        "core/state/order.py",
        "            self.stop = None\n        if self",
        "            self.stop_reached = True\n        if self",
    ),
    Bug(
        "a split truncates an order as a whole",
        "core/state/order.py",
        "        self.amount = self.filled + remaining\n",
        "        self.amount = self.filled + remaining + (1 if remaining else 0)\n",
    ),
    Bug(
        "the volume budget is not shared between orders",
        "finance/slippage_model.py",
        "            self._filled += abs(amount)\n",
        "",
    ),
    Bug(
        "an exhausted bar blocks only one order",
        "finance/slippage_model.py",
        ("            except LiquidityExceeded:\n                break"),
        ("            except LiquidityExceeded:\n                continue"),
    ),
    Bug(
        "orders fill without volume",
        "finance/slippage_model.py",
        '        if asset.has_volume and float(data.current(asset, "volume")) == 0:\n            return\n',
        "",
    ),
    Bug(
        "price impact is linear",
        "finance/slippage.py",
        "close + share**2 *",
        "close + share *",
    ),
    Bug(
        "the whole spread is paid",
        "finance/slippage.py",
        "float(self.spread) / 2.0",
        "float(self.spread)",
    ),
    Bug(
        "sales get a better price",
        "finance/slippage.py",
        "return close + close * (self.percentage * direction)",
        "return close + close * self.percentage",
    ),
    Bug(
        "a minimum is paid by every fill",
        "finance/commission.py",
        "    if charged == 0:\n",
        "    if True:\n",
    ),
    Bug(
        "a trade is paid for by every fill",
        "finance/commission.py",
        "return self.cost if float(order.commission) == 0 else 0.0",
        "return self.cost",
    ),
    Bug(
        "limits are rounded against the customer",
        "finance/execution.py",
        (
            "return self._on_tick(self.limit_price, round_down=is_buy)\n"
            "\n"
            "    def get_stop_price(self, is_buy: bool) -> None:"
        ),
        (
            "return self._on_tick(self.limit_price, round_down=not is_buy)\n"
            "\n"
            "    def get_stop_price(self, is_buy: bool) -> None:"
        ),
    ),
    Bug(
        "the end of a day cancels nothing",
        "core/actions/session_ends.py",
        "        leaving = orders.get_active_orders(asset) if asset in orders.book else []\n",
        "        leaving = []\n",
    ),
    Bug(
        "the end of a day always cancels everything",
        "core/actions/session_ends.py",
        "if daily and state.quirks.cancel_oldest_only:",
        "if False:",
    ),
    Bug(
        "delisted positions are kept",
        "core/actions/session_ends.py",
        "        state.portfolio.book_transaction(asset, amount, price=price, dt=state.now)\n",
        "",
    ),
    Bug(
        "delisted orders stay open",
        "core/actions/session_ends.py",
        '                cancel_order(state, order.id, f"{asset.symbol} has left the market")',
        "                pass",
    ),
    Bug(
        "a session's profit has the morning's dividends in it",
        "core/state/session_figures.py",
        "    previous_pnl = close.starting_cash + before - close.starting_base",
        "    previous_pnl = close.starting_cash + before - close.starting_base - close.capital_used",
    ),
    Bug(
        "a recorded variable is forgotten overnight",
        "core/actions/session_close.py",
        "    books.closed_version = portfolio.version\n",
        ("    books.closed_version = portfolio.version\n    state.recorded.clear()\n"),
    ),
    Bug(
        "handle_data comes after scheduled functions",
        "core/actions/bar_step.py",
        ("            if handle_data is not None:\n                try:"),
        (
            "            if state.scheduled:\n"
            "                run_scheduled(state)\n"
            "            if handle_data is not None:\n"
            "                try:"
        ),
    ),
    Bug(
        "controls are asked after the order",
        "core/actions/order_entry.py",
        ("    if state.trading_controls:\n        _check_controls(state, asset, shares)\n"),
        "",
    ),
    Bug(
        "the open is a minute late",
        "core/rules/schedule.py",
        "            return MINUTE_US\n",
        "            return 2 * MINUTE_US\n",
    ),
    Bug(
        "a scheduled function may run twice a day",
        "core/rules/schedule.py",
        (
            "            self._ran = True\n"
            "            self.rests_until_us = self._day_ends_us\n"
            "            return True"
        ),
        "            return True",
    ),
    Bug(
        "half days count as whole ones",
        "core/rules/schedule.py",
        "return self.half_days or not self.calendar.is_early_close(session)",
        "return True",
    ),
    Bug(
        "weeks are counted from the wrong end",
        "core/rules/schedule.py",
        '"week", -1 - _offset',
        '"week", -2 - _offset',
    ),
    Bug(
        "history is not adjusted",
        "data/windows/adjustments.py",
        "                (session, asset, number, 1.0 / number, True)\n",
        "                (session, asset, 1.0, 1.0, True)\n",
    ),
    Bug(
        "prices are not carried over a gap",
        "data/bars/cursor.py",
        "            row = (self._traded if by_volume else self._known).find(index, row)",
        "            row = -1",
    ),
    Bug(
        "a morning looks ahead in every setting",
        "data/bars/market.py",
        "        if self._look_ahead and not self.interval.intraday",
        "        if not self.interval.intraday",
    ),
)


def plant(bug: Bug, tree: Path) -> None:
    """Change a copy of the tree.

    Raises:
        LookupError: the text is not there exactly once.
    """
    path = tree / "rbtlive" / bug.file
    text = path.read_text(encoding="utf-8")
    if text.count(bug.old) != 1:
        raise LookupError(
            f"{bug.name}: {bug.file} holds the text to change {text.count(bug.old)} times, not once"
        )
    path.write_text(text.replace(bug.old, bug.new), encoding="utf-8")


def noticed(tree: Path) -> str | None:
    """Run the suite in a copy of the tree until something fails; return what failed, or
    None.
    """
    present = [name for name in SUITE if (tree / name).exists()]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "-k",
        f"not {DESELECTED}",
        *present,
    ]
    done = subprocess.run(
        command,
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(tree)},
    )
    if done.returncode == 0:
        return None
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0] if failed else f"exit status {done.returncode}"


def copy_tree(folder: Path) -> Path:
    """Copy what the suite needs into a folder."""
    tree = folder / "tree"
    tree.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)
    return tree


def sound() -> bool:
    """Say whether the suite passes on the tree as it is; else it would notice
    everything.
    """
    with tempfile.TemporaryDirectory() as temporary:
        found = noticed(copy_tree(Path(temporary)))
    if found is not None:
        print(f"no bug is planted: the suite fails already, in {found}")
    return found is None


def try_bug(bug: Bug) -> str:
    """Plant one bug and return "caught", "survived" or "stale", with a remark."""
    with tempfile.TemporaryDirectory() as temporary:
        tree = copy_tree(Path(temporary))
        try:
            plant(bug, tree)
        except LookupError as problem:
            return f"stale: {problem}"
        found = noticed(tree)
    return "survived" if found is None else f"caught by {found}"


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bug", action="append", help="plant only this bug (repeatable)")
    parser.add_argument("--list", action="store_true", help="name the bugs, and stop")
    options = parser.parse_args()
    chosen = [bug for bug in BUGS if not options.bug or bug.name in options.bug]
    if options.list:
        print(*(bug.name for bug in chosen), sep="\n")
        return 0
    if not options.bug and not sound():
        return 2
    outcomes: list[str] = []
    for number, bug in enumerate(chosen, 1):
        begun = time.monotonic()
        outcomes.append(try_bug(bug))
        print(
            f"{number}/{len(chosen)} {bug.name}: {outcomes[-1]} ({time.monotonic() - begun:.0f} s)",
            flush=True,
        )
    counts = [
        sum(outcome.startswith(kind) for outcome in outcomes)
        for kind in ("caught", "survived", "stale")
    ]
    print("{} caught, {} survived, {} stale".format(*counts))
    return 2 if counts[2] else int(counts[1] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
