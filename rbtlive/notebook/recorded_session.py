"""`open_session`: a recorded run, for reading only."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rbtlive.core.actions.user_code import from_own_line
from rbtlive.model.other_names import answering, by_word
from rbtlive.notebook.loaded import loaded_by
from rbtlive.research.explaining.explain import explain
from rbtlive.research.explaining.explanation import Explanation
from rbtlive.research.parity_report import ParityReport
from rbtlive.research.proof import Proof
from rbtlive.research.result import BacktestResult
from rbtlive.research.result_display import table_html
from rbtlive.runtime.journal.opening import open_run
from rbtlive.runtime.journal.state_folder import JournalPlace, StateFolder
from rbtlive.runtime.machine import refusals_explained
from rbtlive.runtime.recorded.changes import history_of

_ELSEWHERE: Final = by_word(
    {
        f"recorded.result().{name}": name
        for name in (
            "orders",
            "positions",
            "stats",
            "trades",
            "transactions",
            "fills",
            "performance",
        )
    }
    | {
        "recorded.result().plot()": "plot show",
        'recorded.result().report("run.html")': "report",
        "recorded.ended": "state status is_running",
        "rbt.attach(strategy, broker, name=...), which carries on the run": "pause resume start "
        "continue_run attach run restart cancel flatten kill call wait",
        "rbt.sessions()[name].stop(), in the process where it runs": "stop",
        "recorded.result().settings": "params settings parameters",
        "python -m rbtlive show NAME": "logs log",
    }
)


class RecordedSession:
    """A run as recorded in its journal; its session may still be running in another
    process.

    Attributes:
        name: Name of the session.
        run_id: The run's 8 characters.
        strategy: Name of the strategy.
        journal_path: Path of the journal.
        ended: Whether the run has ended, so that the next attach starts another.
    """

    def __init__(self, name: str, run: int | None, journal: JournalPlace = None) -> None:
        with refusals_explained(f"the state folder of session {name!r:.80} cannot be found"):
            self._folder = StateFolder(journal)
        self._run_number = run
        self.name = name
        with open_run(self._folder, name, run) as recorded:
            self.run_id = recorded.run_id
            self.journal_path: Path | None = recorded.path
            self.ended = recorded.ended
            self.strategy = str(recorded.header["strategy"])

    def result(self) -> BacktestResult:
        """Return the run's result, up to the end of its last session."""
        with open_run(self._folder, self.name, self._run_number) as recorded:
            result = Proof(recorded, self._folder, loaded_by(self.name)).result()
            history = history_of(recorded)
        result.judge = self.parity
        result.history = lambda: history
        return result

    def parity(self) -> ParityReport:
        """Run a fresh backtest over the slices that the run saw, and compare orders,
        fills and books exactly.
        """
        with open_run(self._folder, self.name, self._run_number) as recorded:
            return Proof(recorded, self._folder, loaded_by(self.name)).parity()

    def explain(self, against: object = None) -> Explanation:
        """Explain why the run's profit differs from a backtest's: see
        `LiveSession.explain`.
        """
        with open_run(self._folder, self.name, self._run_number) as recorded:
            return explain(Proof(recorded, self._folder, loaded_by(self.name)), against)

    @from_own_line
    def replay(self, strategy: object = None) -> BacktestResult:
        """Run a strategy over the slices that the run saw, without its
        interventions.
        """
        with open_run(self._folder, self.name, self._run_number) as recorded:
            return Proof(recorded, self._folder, loaded_by(self.name)).replay(strategy)

    __getattr__ = answering(_ELSEWHERE)

    def __repr__(self) -> str:
        return f"<RecordedSession {self.name}>"

    def _repr_html_(self) -> str:
        rows = [
            ("strategy", self.strategy),
            ("run", self.run_id),
            ("ended", "yes" if self.ended else "no"),
        ]
        return table_html(f"Recorded session {self.name}", rows)


def open_session(
    name: str, run: int | None = None, *, journal: JournalPlace = None
) -> RecordedSession:
    """Open a recorded run for reading.

    Args:
        name: The session.
        run: Number of an earlier run, from 1; None is the latest.
        journal: Folder of the journals. Default: RBTLIVE_HOME, otherwise `.rbtlive` in
            the working directory.

    Raises:
        RunNotFound: the run does not exist.
        JournalVersion: it was written in another format.
        JournalCorrupt: it is damaged before its end.
        JournalError: the operating system does not allow reading it.
    """
    with refusals_explained(f"the journal of session {name!r:.80} cannot be read"):
        return RecordedSession(name, run, journal)
