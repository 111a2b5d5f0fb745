"""The live panel: one widget a session, fed by one throttled tick while somebody looks.

The rule: the panel looks at the session on the session's own loop and nowhere else. Whatever a view sends may come on
any thread, and hops to that loop before it is heard.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import sys
from collections import deque
from collections.abc import Coroutine
from importlib.resources import files
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from rbtlive.errors import RbtliveError
from rbtlive.notebook.panel_rows import traceback_text
from rbtlive.notebook.snapshot import PanelState, State
from rbtlive.notebook.static_view import static_html

if TYPE_CHECKING:
    from rbtlive.notebook.session import LiveSession, OperatorReport

TICK_S = 0.2
"""Time between two looks at the session; each sends at most one message."""
BEAT_S = 2.0
"""A message is sent this often even if nothing changed, so that a view can tell a busy kernel from a quiet one."""
UNHEARD_S = 90.0
"""The feeding ends if no view was heard of for so long; views say that they are there every half minute."""
SLOW_TICK_S = 2.0
"""While a cell runs, views may be there and not get through: the feeding then only slows down."""
VIEWS_KEPT = 20
ENDED_KEPT = 20
_VIEW_TYPE = "application/vnd.jupyter.widget-view+json"

_PANELS: WeakKeyDictionary[LiveSession, Panel] = WeakKeyDictionary()
_ENDED: deque[Panel] = deque()


def show(session: LiveSession) -> None:
    """Display a session in the cell that runs: live, and as a still picture once it has ended."""
    from IPython import display

    publish: Any = display.display
    panel = _panel_of(session)
    if panel is None:
        publish(_still(session), raw=True)
    else:
        panel.add_view(publish(panel.bundle(), raw=True, display_id=True))


def mimebundle(session: LiveSession) -> dict[str, Any]:
    """Return a session as everything a front end might show: text, still HTML, and a live view while it runs."""
    panel = _panel_of(session)
    return _still(session) if panel is None else panel.bundle()


def session_html(session: LiveSession) -> str:
    """Return a still picture of a session, as it is now."""
    return static_html(PanelState(session).whole())


def _still(session: LiveSession) -> dict[str, Any]:
    return {"text/plain": repr(session), "text/html": session_html(session)}


def _panel_of(session: LiveSession) -> Panel | None:
    # One widget for all views of a session, so that they show the same state.
    loop = session._loop  # noqa: SLF001 - a session and its panel are of one piece
    if loop is None or loop.is_closed() or session.state in {"stopped", "failed"} or not _can_be_live():
        return None
    panel = _PANELS.get(session)
    if panel is None:
        panel = _PANELS[session] = Panel(session, loop)
    return panel


def _can_be_live() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("anywidget", "ipywidgets", "IPython"))


@functools.cache
def _widget_class() -> Any:
    import anywidget
    import traitlets

    here = files("rbtlive.notebook")

    class PanelWidget(anywidget.AnyWidget):
        _esm = (here / "panel.js").read_text(encoding="utf-8")
        _css = (here / "panel.css").read_text(encoding="utf-8")
        picture = traitlets.Dict().tag(sync=True)

    return PanelWidget


class _CellWatch:
    # Whether a cell is running: views on the kernel's main channel are not heard then.
    def __init__(self) -> None:
        self.busy = False
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython is not None else None
        if shell is not None:
            self.busy = True  # the panel is being shown by a cell
            shell.events.register("pre_run_cell", lambda _info: self._set(busy=True))
            shell.events.register("post_run_cell", lambda _result: self._set(busy=False))

    def _set(self, *, busy: bool) -> None:
        self.busy = busy


_cell_watch = functools.cache(_CellWatch)


class Panel:
    """Feeds the views of one session, and carries out what they ask for.

    Args:
        session: The session, running.
        loop: The loop it runs on.
    """

    def __init__(self, session: LiveSession, loop: asyncio.AbstractEventLoop) -> None:
        self._session: LiveSession | None = session
        self._loop = loop
        self._state: PanelState | None = PanelState(session)
        self._text = repr(session)
        self._picture = PanelState(session).whole()
        self._cells = _cell_watch()
        self._feeding: asyncio.Task[None] | None = None
        self._errands: set[asyncio.Task[None]] = set()
        self._views: deque[Any] = deque(maxlen=VIEWS_KEPT)
        self._heard_s = self._sent_s = monotonic()
        self.widget = _widget_class()(picture=self._picture)
        self.widget.on_msg(self._on_message)
        task = session._task  # noqa: SLF001 - a session and its panel are of one piece
        if task is not None:
            loop.call_soon_threadsafe(task.add_done_callback, lambda _task: self._finish())

    def bundle(self) -> dict[str, Any]:
        """Return the views of this panel in every form: the live one goes with the widget's id."""
        return {
            "text/plain": self._text,
            "text/html": static_html(self._picture),
            _VIEW_TYPE: {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id},
        }

    def add_view(self, handle: Any) -> None:
        """Keep a display's handle: at the end its live view gives way to a still picture."""
        self._views.append(handle)

    # -- from the views --------------------------------------------------------------------------------------

    def _on_message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        # May come on a thread of its own, with another loop.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hear, content)
        elif content.get("t") == "resync":
            self._send(self._picture)

    def _hear(self, content: dict[str, Any]) -> None:
        self._heard_s = monotonic()
        kind = content.get("t")
        if kind == "resync":
            self._send(self._picture if self._state is None else self._state.whole())
        elif kind == "do":
            self._act(str(content.get("action")))
        if self._session is not None and (self._feeding is None or self._feeding.done()):
            self._feeding = self._loop.create_task(self._feed(), name="rbtlive panel")

    def _act(self, action: str) -> None:
        session = self._session
        if session is None:
            self._answer("this session has ended: attach again to carry its run on")
            return
        try:
            if action == "pause":
                session.pause()
                self._answer("paused: callbacks are skipped, orders live on")
            elif action == "resume":
                session.resume()
                self._answer("resumed")
            elif action in {"flatten", "kill"}:
                report = session.flatten() if action == "flatten" else session.kill()
                self._answer(f"{action}: asked for")
                self._run_errand(self._tell_report(report))
            elif action == "stop":
                self._answer("stopping")
                self._run_errand(session.stop())
            else:
                self._answer(f"the panel knows no action {action!r}")
        except RbtliveError as refusal:
            self._answer(str(refusal))

    async def _tell_report(self, awaitable: Any) -> None:
        report: OperatorReport = await awaitable
        if report.confirmed:
            nothing = "nothing rests" + (", nothing is held" if report.action == "flatten" else "")
            self._answer(f"{report.action}: done, {nothing}")
            return
        left = [f"{len(report.open_orders)} orders rest"] if report.open_orders else []
        left += [f"{len(report.positions)} positions are held"] if report.positions else []
        self._answer(f"{report.action}: not confirmed, {' and '.join(left) or 'the session ended first'}")

    def _run_errand(self, errand: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(errand, name="rbtlive panel errand")
        self._errands.add(task)
        task.add_done_callback(self._errand_done)

    def _errand_done(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._answer(f"{type(task.exception()).__name__}: {task.exception()}")

    # -- to the views ----------------------------------------------------------------------------------------

    async def _feed(self) -> None:
        try:
            while self._session is not None:
                await asyncio.sleep(TICK_S)
                if monotonic() - self._heard_s > UNHEARD_S:
                    if not self._cells.busy:
                        return
                    await asyncio.sleep(SLOW_TICK_S)
                self.tick()
        except Exception as failure:  # noqa: BLE001 - the outermost frame of this task: the session goes on without a picture
            if self._session is not None:
                self._session.logs.append(f"error: the panel stands still: {traceback_text(failure)}")
            self._answer(f"the panel stands still: {type(failure).__name__}: {failure}")

    def tick(self) -> None:
        """Look at the session and send what changed; to be called on the session's loop."""
        state = self._state
        if state is None:
            return
        message = state.delta()
        if message is None and monotonic() - self._sent_s >= BEAT_S:
            message = state.beat()
        if message is not None:
            self._send(message)

    def _answer(self, text: str) -> None:
        self._send({"t": "answer", "text": text})

    def _send(self, message: State) -> None:
        self._sent_s = monotonic()
        self.widget.send(message)

    # -- the end ---------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        # The last state is told and kept; the session itself is let go.
        session, state = self._session, self._state
        if session is None or state is None:
            return
        final = state.last()
        self._session, self._state, self._picture = None, None, final
        if self._feeding is not None:
            self._feeding.cancel()
            self._send(final)
        still = {"text/plain": self._text, "text/html": static_html(final)}
        for handle in self._views:
            handle.update(still, raw=True)
        self._views.clear()
        _PANELS.pop(session, None)
        _ENDED.append(self)
        while len(_ENDED) > ENDED_KEPT:
            _ENDED.popleft().widget.close()
