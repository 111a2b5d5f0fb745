"""The live panel: one widget per session, updated by one throttled tick while it is
viewed.

The rule: the panel reads the session only on the session's own loop. A message from a
view may arrive on any thread, and is passed to that loop first.

The displayed, and therefore stored, output is a static picture in HTML; the widget's
code replaces it by its live view. So a notebook whose kernel has gone, an export, and a
page without widgets show the last state.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import sys
from collections import deque
from collections.abc import Coroutine
from time import monotonic
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.errors import MissingExtra, RbtliveError
from rbtlive.model.wording import counted
from rbtlive.notebook.loops import call_on, running_loop
from rbtlive.notebook.operated_session import OperatedSession
from rbtlive.notebook.panel.failures import traceback_text
from rbtlive.notebook.panel.snapshot import PanelState, State
from rbtlive.notebook.panel.static_view import static_html
from rbtlive.runtime.broker.operator_report import OperatorReport

TICK_S = 0.2
"""Time between two looks at the session; each sends at most one message."""
BEAT_S = 2.0
"""A message is sent this often even without changes, so that a view can distinguish a
busy kernel from a quiet one.
"""
UNHEARD_S = 90.0
"""Updates stop if no view has reported for this long; views report every half
minute.
"""
SLOW_TICK_S = 2.0
"""While a cell runs, the reports of views may not arrive: updates then only slow
down.
"""
PICTURES_S = (2.0, 30.0)
"""While the panel is viewed, the picture stored in the notebook is renewed, soon at
first and then every half minute.
"""
VIEWS_KEPT = 20
ENDED_KEPT = 20
_VIEW_TYPE = "application/vnd.jupyter.widget-view+json"

_PANELS: WeakKeyDictionary[OperatedSession, Panel] = WeakKeyDictionary()
_ENDED: deque[Panel] = deque()
_WIDGETS: WeakKeyDictionary[OperatedSession, Any] = WeakKeyDictionary()


def show(session: OperatedSession) -> None:
    """Display a session in the running cell: live, and as a static picture once it has
    ended.
    """
    from IPython import display

    publish: Any = display.display
    panel = _panel_of(session)
    if panel is None:
        publish(_still(session), raw=True)
    else:
        bundle = panel.bundle() if _renders_widgets_only() else panel.picture()
        about = view_metadata(panel.widget)
        panel.add_view(publish(bundle, metadata=about, raw=True, display_id=True))


def mimebundle(session: OperatedSession) -> dict[str, Any]:
    """Return all forms of a session for front ends: text, static HTML, and a live view
    while it runs.
    """
    panel = _panel_of(session)
    return _still(session) if panel is None else panel.bundle()


def session_widget(session: OperatedSession) -> Any:
    """Return the widget of a session: live while it runs, afterwards its last state.

    Raises:
        MissingExtra: a package for widgets is not installed.
    """
    if not can_be_live():
        raise MissingExtra(
            "widget() needs anywidget, ipywidgets and IPython: install them with "
            "pip install 'rbtlive[lab]'"
        )
    panel = _panel_of(session)
    if panel is not None:
        _WIDGETS[session] = panel.widget
    elif session not in _WIDGETS:
        _WIDGETS[session] = _widget_class()(key=uuid4().hex, picture=_whole(session))
    return _WIDGETS[session]


def session_html(session: OperatedSession) -> str:
    """Return a static picture of a session's current state."""
    return static_html(_whole(session))


def _whole(session: OperatedSession) -> State:
    return session.read(lambda: PanelState(session).whole())


def _still(session: OperatedSession) -> dict[str, Any]:
    return {"text/plain": repr(session), "text/html": session_html(session)}


def _panel_of(session: OperatedSession) -> Panel | None:
    # One widget for all views of a session, so that they show the same state.
    loop = session.loop
    if (
        loop is None
        or loop.is_closed()
        or session.state in {"stopped", "failed"}
        or not can_be_live()
    ):
        return None
    panel = _PANELS.get(session)
    if panel is None:
        panel = _PANELS[session] = Panel(session, loop)
    return panel


def _renders_widgets_only() -> bool:
    # VS Code and Colab run a widget's code where the widget is displayed, separate from
    # the notebook's page.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return "google.colab" in sys.modules or (
        shell is not None and "__vsc_ipynb_file__" in shell.user_ns
    )


def view_metadata(widget: Any) -> dict[str, Any]:
    """Return the metadata of a displayed widget: in Colab the place of its manager for
    foreign widgets, without which it shows none; elsewhere nothing.
    """
    shown = widget._repr_mimebundle_() if _renders_widgets_only() else None
    return dict(shown[1]) if isinstance(shown, tuple) else {}


def can_be_live() -> bool:
    """Whether the packages for live views are installed."""
    return all(
        importlib.util.find_spec(name) is not None
        for name in ("anywidget", "ipywidgets", "IPython")
    )


def _script(name: str) -> str:
    from importlib.resources import files

    here = files("rbtlive.notebook.panel")
    return "\n".join((here / part).read_text(encoding="utf-8") for part in ("common.js", name))


@functools.cache
def board_widget_class() -> Any:
    """Return the class of the board's widget."""
    from importlib.resources import files

    import anywidget
    import traitlets

    class BoardWidget(anywidget.AnyWidget):
        _esm = _script("board.js")
        _css = (files("rbtlive.notebook.panel") / "panel.css").read_text(encoding="utf-8")
        key = traitlets.Unicode().tag(sync=True)
        picture = traitlets.Dict().tag(sync=True)

    return BoardWidget


def display_still(text: str, still: str, *, key: str | None, widget: Any) -> None:
    """Display HTML that a widget replaces by its live view.

    Args:
        text: Text for plain terminals.
        still: The HTML.
        key: The widget's key, None if nothing will replace the HTML.
        widget: Displayed itself by front ends that keep widgets apart from the page.
    """
    from IPython import display

    bundle: dict[str, Any] = {"text/plain": text, "text/html": still}
    about: dict[str, Any] = {}
    if key is not None:
        bundle["text/html"] = f'<div class="rbt-at-{key}">{still}</div>'
        if _renders_widgets_only():
            view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
            bundle[_VIEW_TYPE] = view
            about = view_metadata(widget)
    publish: Any = display.display
    publish(bundle, metadata=about, raw=True)


@functools.cache
def _widget_class() -> Any:
    from importlib.resources import files

    import anywidget
    import traitlets

    here = files("rbtlive.notebook.panel")

    class PanelWidget(anywidget.AnyWidget):
        _esm = _script("panel.js")
        _css = (here / "panel.css").read_text(encoding="utf-8")
        key = traitlets.Unicode().tag(sync=True)
        picture = traitlets.Dict().tag(sync=True)

    return PanelWidget


class _CellWatch:
    # Whether a cell is running: messages of views on the kernel's main channel then do
    # not arrive. Programs that run a notebook from top to bottom accept only messages
    # of the running cell, so pictures are renewed at its end.
    def __init__(self) -> None:
        self.busy = False
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython is not None else None
        if shell is not None:
            self.busy = True  # the panel is being shown by a cell
            shell.events.register("pre_run_cell", lambda _info: self._set(busy=True))
            shell.events.register("post_run_cell", lambda _result: self._end())

    def _set(self, *, busy: bool) -> None:
        self.busy = busy

    def _end(self) -> None:
        self.busy = False
        for panel in [*_PANELS.values(), *_ENDED]:
            panel.renew_in_peace(in_cell=True)


_cell_watch = functools.cache(_CellWatch)


class Panel:
    """Updates the views of one session, and carries out their requests.

    Args:
        session: The running session.
        loop: The session's loop.
    """

    def __init__(self, session: OperatedSession, loop: asyncio.AbstractEventLoop) -> None:
        self._session: OperatedSession | None = session
        self._loop = loop
        state = session.read(lambda: PanelState(session))
        self._state: PanelState | None = state
        self._text = repr(session)
        self._picture = session.read(state.whole)
        self._cells = _cell_watch()
        self._feeding: asyncio.Task[None] | None = None
        self._errands: set[asyncio.Task[None]] = set()
        self._views: deque[Any] = deque(maxlen=VIEWS_KEPT)
        self._heard_s = self._sent_s = self._pictured_s = monotonic()
        self._picture_again_s = PICTURES_S[0]
        self._pictured = self._pictured_in_cell = self._moment()
        self._key = uuid4().hex
        self.widget = _widget_class()(key=self._key, picture=self._picture)
        self.widget.on_msg(self._on_message)
        task = session.task
        if task is not None and not call_on(
            loop, task.add_done_callback, lambda _task: self._finish()
        ):
            self._finish()

    def picture(self) -> dict[str, Any]:
        """Return the state as text and static HTML, which the live view replaces while
        the session runs.
        """
        still = static_html(self._picture)
        if self._session is not None:
            still = f'<div class="rbt-at-{self._key}">{still}</div>'
        return {"text/plain": self._text, "text/html": still}

    def bundle(self) -> dict[str, Any]:
        """Return the picture, and the widget's id for front ends that display only
        widgets.
        """
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return {**self.picture(), _VIEW_TYPE: view}

    def add_view(self, handle: object) -> None:
        """Keep a display's handle: its picture is renewed from time to time, and for
        the last time at the session's end.
        """
        self._views.append(handle)

    # -- from the views ---------------------------------------------------------------

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        # May arrive on its own thread, with another loop.
        if not call_on(self._loop, self._hear, content) and content.get("t") == "resync":
            self._send(self._picture)

    def _hear(self, content: dict[str, Any]) -> None:
        self._heard_s = monotonic()
        kind = content.get("t")
        if kind == "resync":
            self._send(self._picture if self._state is None else self._state.whole())
        elif kind == "watch" and self._state is not None:
            self._send(self._state.watch(str(content.get("symbol"))))
        elif kind == "do":
            self._act(str(content.get("action")), str(content.get("target", "")))
        if self._session is not None and (self._feeding is None or self._feeding.done()):
            self._feeding = self._loop.create_task(self._feed(), name="rbtlive panel")

    def _act(self, action: str, target: str) -> None:
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
            elif action == "cancel":
                session.cancel(target)
                self._answer(f"cancel: asked for order {target}")
            elif action == "close":
                session.close(target)
                self._answer(f"close: asked for {target}")
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
        left = [f"{counted(len(report.open_orders), 'order')} open"] if report.open_orders else []
        left += [f"{counted(len(report.positions), 'position')} held"] if report.positions else []
        self._answer(
            f"{report.action}: not confirmed, {' and '.join(left) or 'the session ended first'}"
        )

    def _run_errand(self, errand: Coroutine[Any, Any, Any]) -> None:
        task = self._loop.create_task(errand, name="rbtlive panel errand")
        self._errands.add(task)
        task.add_done_callback(self._errand_done)

    def _errand_done(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._answer(f"{type(task.exception()).__name__}: {task.exception()}")

    # -- to the views -----------------------------------------------------------------

    async def _feed(self) -> None:
        try:
            while self._session is not None:
                await asyncio.sleep(TICK_S)
                if monotonic() - self._heard_s > UNHEARD_S:
                    if not self._cells.busy:
                        return
                    await asyncio.sleep(SLOW_TICK_S)
                self.tick()
                if monotonic() - self._pictured_s >= self._picture_again_s:
                    await asyncio.sleep(0)  # a separate step: it costs more than a tick
                    self._picture_again_s = min(2 * self._picture_again_s, PICTURES_S[1])
                    self.renew_picture()
        except Exception as failure:  # noqa: BLE001 - the outermost frame of this task: the session goes on without a picture
            self._stand_still(failure)

    def _stand_still(self, failure: Exception) -> None:
        if self._session is not None:
            self._session.logs.append(f"error: the panel has stopped: {traceback_text(failure)}")
        self._answer(f"the panel has stopped: {describe_error(failure)}")

    def tick(self) -> None:
        """Examine the session and send the changes; call it on the session's loop."""
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

    # -- the end ----------------------------------------------------------------------

    def _finish(self) -> None:
        # The last state is sent and kept; the session itself is released.
        session, state = self._session, self._state
        if session is None or state is None:
            return
        self._picture = state.last()
        self._session = self._state = None
        if self._feeding is not None:
            self._feeding.cancel()
            self._send(self._picture)
        self.renew_in_peace()
        _PANELS.pop(session, None)
        _ENDED.append(self)
        while len(_ENDED) > ENDED_KEPT:
            _ENDED.popleft().widget.close()

    # -- the stored picture -----------------------------------------------------------

    def renew_in_peace(self, *, in_cell: bool = False) -> None:
        """Renew the picture like `renew_picture`; a failure affects only the panel, not
        the cell or the ending session.
        """
        try:
            self.renew_picture(in_cell=in_cell)
        except Exception as failure:  # noqa: BLE001 - the display hook: cells, sessions and an exiting IPython must not be affected
            self._views.clear()
            self._stand_still(failure)

    def renew_picture(self, *, in_cell: bool = False) -> None:
        """Replace the picture in all displays of this panel, if the session has changed
        since.

        Args:
            in_cell: A cell is ending: pictures sent outside cells are sent again, in
                its name.
        """
        moment = self._moment()
        if not self._views or moment == (self._pictured_in_cell if in_cell else self._pictured):
            return
        if self._session is not None and running_loop() is not self._loop:
            return
        self._pictured = moment
        if in_cell:
            self._pictured_in_cell = moment
        self._pictured_s = monotonic()
        if self._state is not None:
            fed = self._feeding is not None and not self._feeding.done()
            self._picture = self._state.sent() if fed else self._state.whole()
        picture = (
            self.bundle()
            if self._session is not None and _renders_widgets_only()
            else self.picture()
        )
        about = view_metadata(self.widget) if _VIEW_TYPE in picture else {}
        for handle in self._views:
            handle.update(picture, metadata=about, raw=True)

    def _moment(self) -> tuple[Any, ...]:
        session = self._session
        if session is None:
            return ("ended",)
        return (
            session.state,
            session.trading_state,
            session.engine.meters.events,
            len(session.logs),
        )
