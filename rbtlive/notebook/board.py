"""`board`: an overview of all sessions, running and recorded.

The rule: a running session is read on its own loop, a recorded one from its journal,
once per state of the file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.errors import RbtliveError
from rbtlive.notebook.attach import known_sessions
from rbtlive.notebook.loops import call_on, running_loop
from rbtlive.notebook.panel.columns import BOARD_COLUMNS, described
from rbtlive.notebook.panel.plain import cut, plain
from rbtlive.notebook.panel.snapshot import PanelState
from rbtlive.notebook.panel.static_view import rows_html
from rbtlive.notebook.panel.widget import board_widget_class, can_be_live, display_still
from rbtlive.notebook.recorded_session import open_session
from rbtlive.notebook.session import LiveSession
from rbtlive.research.reports.writing import cell, money, percent
from rbtlive.runtime.journal.state_folder import JournalPlace, StateFolder

TICK_S = 1.0
UNHEARD_S = 90.0
"""Updates stop if no view has reported for this long."""
LARGEST_READ_BYTES = 50_000_000
"""The board does not read the figures of a larger recorded run."""


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One session.

    Attributes:
        name: The session.
        strategy: Its strategy.
        broker: Where it trades; "" if it is recorded.
        state: Its state; "recorded", or "ended", if it does not run here.
        trading: Whether it takes orders: running, reducing, halted.
        value: Portfolio value.
        profit: Profit since the start.
        day: Profit since the previous close.
        drawdown: Against the highest value, as a fraction.
        positions: Number of positions.
        orders: Number of open orders.
        last: Time of the last bar, ms since 1970.
        errors: Failures so far; None if unknown.
        note: Why it was halted, failed or cannot be read.
        running: Whether it runs in this process.
    """

    name: str
    strategy: str
    broker: str
    state: str
    trading: str
    value: float | None
    profit: float | None
    day: float | None
    drawdown: float | None
    positions: int | None
    orders: int | None
    last: int | None
    errors: int | None
    note: str
    running: bool


class Board:
    """A table of all sessions; as the last expression of a cell it is shown live.

    Args:
        journal: Folder of the journals. Default: RBTLIVE_HOME, otherwise `.rbtlive` in
            the working directory.
    """

    def __init__(self, journal: JournalPlace = None) -> None:
        self._journal = journal
        self._states: WeakKeyDictionary[LiveSession, PanelState] = WeakKeyDictionary()
        self._recorded: dict[tuple[str, int], BoardRow] = {}
        self._key = uuid4().hex
        self._widget: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._feeding: asyncio.Task[None] | None = None
        self._errands: set[asyncio.Task[Any]] = set()
        self._heard_s = monotonic()

    def rows(self) -> list[BoardRow]:
        """Return the sessions: those known here first, then recorded ones, by name."""
        here = known_sessions()
        rows = [self._live_row(session) for _name, session in sorted(here.items())]
        folder = StateFolder(self._journal)
        names = folder.names() if folder.path.is_dir() else []
        return rows + [self._recorded_row(folder, name) for name in names if name not in here]

    def _live_row(self, session: LiveSession) -> BoardRow:
        state = self._states.get(session)
        if state is None:
            state = self._states[session] = session.read(lambda: PanelState(session))
        seen = session.read(state.summary)
        head, money, counts = seen["head"], seen.get("money", {}), seen.get("counts", {})
        return BoardRow(
            name=session.name,
            strategy=head["strategy"],
            broker=head["broker"],
            state=head["state"],
            trading=head["trading"],
            value=money.get("value"),
            profit=money.get("gain"),
            day=money.get("day"),
            drawdown=money.get("drawdown"),
            positions=counts.get("positions"),
            orders=counts.get("open"),
            last=seen["feed"]["bar"],
            errors=seen["meters"]["errors"],
            note=head["failure"] or (head["reason"] if head["trading"] != "running" else ""),
            running=head["state"] not in {"stopped", "failed"},
        )

    def _recorded_row(self, folder: StateFolder, name: str) -> BoardRow:
        path = folder.find_run(name)
        stamp = path.stat()
        key = (name, stamp.st_mtime_ns)
        if key not in self._recorded:
            for old in [known for known in self._recorded if known[0] == name]:
                del self._recorded[old]
            self._recorded[key] = self._read_run(name, large=stamp.st_size > LARGEST_READ_BYTES)
        return self._recorded[key]

    def _read_run(self, name: str, *, large: bool) -> BoardRow:
        try:
            recorded = open_session(name, journal=self._journal)
            state = "ended" if recorded.ended else "recorded"
            if large:
                return _blank(name, recorded.strategy, state, "large: open_session() reads it")
            result = recorded.result()
        except RbtliveError as error:
            return _blank(name, "", "unreadable", cut(describe_error(error), 120))
        rows = result.performance
        if rows.is_empty():
            return _blank(name, recorded.strategy, state, "no session was finished")
        values = rows["portfolio_value"]
        value, before = values[-1], values[-2] if len(values) > 1 else values[-1]
        closed = datetime.combine(rows["date"][-1], datetime.min.time(), UTC)
        return BoardRow(
            name=name,
            strategy=recorded.strategy,
            broker="",
            state=state,
            trading="",
            value=plain(value, 2),
            profit=plain(value - float(result.settings["capital_base"]), 2),
            day=plain(value - before, 2),
            drawdown=plain(value / float(values.max()) - 1.0, 6),  # type: ignore[arg-type]
            positions=result.positions.filter(date=rows["date"][-1]).height,
            orders=result.orders.filter(status="pending").height,
            last=int(closed.timestamp() * 1000),
            errors=None,
            note="",
            running=False,
        )

    # -- display
    # ------------------------------------------------------------------------

    def widget(self) -> Any:
        """Return the board as an ipywidget, kept up to date while a loop runs here."""
        if self._widget is None:
            self._widget = board_widget_class()(key=self._key, picture=self._picture())
            self._widget.on_msg(self._on_message)
        self._loop = running_loop() or self._loop
        self._feed_if_asked()
        return self._widget

    def _picture(self) -> dict[str, Any]:
        rows = [asdict(row) for row in self.rows()]
        return {"t": "board", "rows": rows, "columns": described(BOARD_COLUMNS)}

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        loop = self._loop
        if loop is not None:
            call_on(loop, self._hear, content)

    def _hear(self, content: dict[str, Any]) -> None:
        self._heard_s = monotonic()
        if content.get("t") == "do":
            self._act(str(content.get("action")), str(content.get("target")))
        self._feed_if_asked()

    def _act(self, action: str, name: str) -> None:
        session = known_sessions().get(name)
        try:
            if session is None or action not in {"pause", "resume", "stop", "kill"}:
                self._answer(f"the board cannot {action} {name!r}")
                return
            if action == "stop":
                self._run_errand(session.stop())
            else:
                getattr(session, action)()
            self._answer(f"{action}: asked for {name}")
        except RbtliveError as refusal:
            self._answer(str(refusal))

    def _run_errand(self, errand: Any) -> None:
        assert self._loop is not None
        task = self._loop.create_task(errand, name="rbtlive board errand")
        self._errands.add(task)
        task.add_done_callback(self._errand_done)

    def _errand_done(self, task: asyncio.Task[Any]) -> None:
        self._errands.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            self._answer(describe_error(failure))

    def _answer(self, text: str) -> None:
        self._widget.send({"t": "answer", "text": cut(text)})

    def _feed_if_asked(self) -> None:
        if self._loop is None or self._loop is not running_loop():
            return
        if self._feeding is None or self._feeding.done():
            self._feeding = self._loop.create_task(self._feed(), name="rbtlive board")

    async def _feed(self) -> None:
        before = None
        while monotonic() - self._heard_s < UNHEARD_S:
            picture = self._picture()
            if picture != before:
                self._widget.picture = before = picture
                self._widget.send(picture)
            await asyncio.sleep(TICK_S)

    def __repr__(self) -> str:
        rows = self.rows()
        if not rows:
            return "no sessions: none runs here, and none is recorded"
        return board_text(rows)

    def table_html(self) -> str:
        """Return the board as a static table."""
        return rows_html("Sessions", BOARD_COLUMNS, self._picture()["rows"])

    def _repr_html_(self) -> str:
        return self.table_html()

    # marimo displays this instead of the object: a widget that it keeps live.
    def _display_(self) -> Any:
        return self.widget()

    def _ipython_display_(self) -> None:
        live = can_be_live() and running_loop() is not None
        if live:
            self.widget()
        key = self._key if live else None
        display_still(repr(self), self._repr_html_(), key=key, widget=self._widget)


def _blank(name: str, strategy: str, state: str, note: str) -> BoardRow:
    nothing = dict.fromkeys(
        ("value", "profit", "day", "drawdown", "positions", "orders", "last", "errors")
    )
    return BoardRow(
        name=name,
        strategy=strategy,
        broker="",
        state=state,
        trading="",
        note=note,
        running=False,
        **nothing,
    )


_HEAD = (
    *("name", "state", "trading", "value", "profit", "day", "drawdown"),
    *("held", "open", "last bar", "errors", "note"),
)
_LEFT = {"name", "state", "trading", "last bar", "note"}


def board_text(rows: Sequence[BoardRow]) -> str:
    """Return sessions as a text table: figures right-aligned, a dash for missing
    values.
    """
    table = [_HEAD, *(_cells(row) for row in rows)]
    used = [i for i in range(len(_HEAD)) if any(row[i] for row in table[1:])]
    widths = {i: max(len(row[i]) for row in table) for i in used}
    lines = (
        "  ".join(
            row[i].ljust(widths[i]) if _HEAD[i] in _LEFT else row[i].rjust(widths[i]) for i in used
        )
        for row in table
    )
    return "\n".join(line.rstrip() for line in lines)


def _cells(row: BoardRow) -> tuple[str, ...]:
    last = None if row.last is None else datetime.fromtimestamp(row.last / 1000, UTC)
    return (
        row.name,
        row.state,
        row.trading,
        money(row.value),
        money(row.profit),
        money(row.day),
        percent(row.drawdown),
        cell(row.positions),
        cell(row.orders),
        cell(last),
        cell(row.errors),
        row.note,
    )


def board(*, journal: JournalPlace = None) -> Board:
    """Show all sessions, running and recorded: state, profit, day, drawdown, positions,
    open orders, last bar and errors, with buttons for the running ones.

    Args:
        journal: Folder of the journals. Default: RBTLIVE_HOME, otherwise `.rbtlive` in
            the working directory.
    """
    return Board(journal)
