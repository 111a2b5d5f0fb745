"""Every case of the suite under rbtlive, against what zipline-reloaded made of it.

The same source runs three times: as a backtest with zipline's quirks, as a backtest
with the default settings where no mended quirk plays a part, and on the paper broker,
which must equal the backtest exactly.
"""

import asyncio
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from rbtlive.core.rules import quirks as rules
from tests.parity import compare
from tests.parity.cases import Case, all_cases, execute, ported
from tests.parity.datasets import load
from tests.parity.oracle.observe import Watch, describe

CASES = all_cases()
SAFE_CASES = [case for case in CASES if case.default_safe]
SHOWN = 12
FRAMES = ("orders", "denied", "transactions", "positions", "performance")


@cache
def portal(name: str) -> Any:
    """Return a data set as a portal, which the cases of a process share."""
    from rbtlive import PolarsDataPortal

    data = load(name)
    return PolarsDataPortal(
        data.bars,
        minute_bars=data.minute_bars,
        assets=data.assets,
        splits=data.splits,
        dividends=data.dividends,
        calendar=data.calendar,
    )


def settings(case: Case, *, quirks: bool) -> dict[str, Any]:
    """Return the arguments that backtest and attach share."""
    return {
        "start": case.start,
        "end": case.end,
        "capital_base": case.capital_base,
        "frequency": {"daily": "1d", "minute": "1m"}[case.data_frequency],
        "calendar": load(case.data).calendar,
        "frames": "pandas",
        "zipline_quirks": quirks,
    }


class ByColumn:
    """The loader of a data set whose columns have loaders of their own, as `custom_loader` of
    zipline's `run_algorithm` has them.
    """

    def __init__(self, loaders: dict[Any, Any]) -> None:
        self._loaders = loaders

    def load(self, column: Any, *facts: Any) -> Any:
        """Return the values of a column, by its own loader."""
        from rbtlive.pipeline.loaders.base import loaded_by

        return loaded_by(self._loaders[column], column, *facts)


class Run:
    """One run of a case: the namespace it ran in, the bars it saw, its result or its
    error.
    """

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        self.namespace = execute(ported(case.source), name=case.name, folder=folder)
        for dataset in self.namespace.get("DATA_SETS", ()):
            dataset.use(ByColumn(self.namespace["CUSTOM_LOADER"]))
        self.watch = Watch()
        self.watch.attach(self.namespace)
        self.result: Any = None
        self.error: Exception | None = None

    def backtest(self, *, quirks: bool) -> "Run":
        """Run as a backtest."""
        from rbtlive import backtest

        try:
            self.result = backtest(
                self.namespace, portal(self.case.data), **settings(self.case, quirks=quirks)
            )
        except Exception as error:  # noqa: BLE001 - whatever ends the run is a result
            self.error = error
        return self

    def paper(self, *, quirks: bool) -> "Run":
        """Run on the paper broker, over a replay of the same bars."""
        asyncio.run(self._paper(quirks=quirks))
        return self

    async def _paper(self, *, quirks: bool) -> None:
        from rbtlive import PaperBroker, ReplayFeed, attach

        shared = settings(self.case, quirks=quirks)
        feed = ReplayFeed(portal(self.case.data))
        try:
            session = attach(
                self.namespace,
                PaperBroker(),
                feed=feed,
                name=self.case.name,
                on_error="raise",
                **shared,
            )
            await session.wait()
            self.result = session.result()
        except Exception as error:  # noqa: BLE001 - whatever ends the session is a result
            self.error = error

    @property
    def log(self) -> Any:
        """What the strategy wrote down."""
        return self.namespace.get("LOG", [])

    def facts(self) -> dict[str, Any]:
        """Return the run as plain facts."""
        if self.error is not None:
            return compare.facts_of_error(self.error, self.watch, self.log)
        return compare.facts_of_result(self.result, self.log)


def differences(case: Case, run: Run) -> str:
    """Return the first mismatches with zipline, one a line; empty if there are none."""
    found = compare.mismatches(case.name, compare.load_expected(case.name), run.facts())
    if not found:
        return ""
    lines = [str(mismatch) for mismatch in found[:SHOWN]]
    if run.error is not None:
        lines.append(f"the run ended with {run.error!r}")
    return "\n".join([f"{len(found)} mismatches", *lines])


def require_none(found: str) -> None:
    """Fail with the mismatches as they are: pytest would cut them short."""
    if found:
        pytest.fail(found, pytrace=False)


deprecated_by_zipline = pytest.mark.filterwarnings(
    "ignore:set_do_not_order_list", "ignore:before_trading_start never runs on XTKS"
)
"""Two strategies call it, one has it; every other warning is an error."""


@pytest.fixture(autouse=True)
def _own_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RBTLIVE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def tested(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a case's backtest with quirks, which two tests use; pytest runs both before
    the next case's.
    """
    return Run(request.param, tmp_path_factory.mktemp("backtest")).backtest(quirks=True)


@deprecated_by_zipline
def test_a_backtest_with_quirks_gives_what_zipline_gave(tested: Run) -> None:
    require_none(differences(tested.case, tested))


@deprecated_by_zipline
@pytest.mark.parametrize("case", SAFE_CASES, ids=lambda case: case.name)
def test_the_default_settings_give_what_zipline_gave_where_no_quirk_is_mended(
    case: Case, tmp_path: Path
) -> None:
    run = Run(case, tmp_path).backtest(quirks=False)

    require_none(differences(case, run))


@deprecated_by_zipline
@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.default_safe], ids=lambda case: case.name
)
def test_a_difference_of_the_default_settings_comes_from_the_quirks_that_a_case_names(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With these quirks alone a run gives zipline's numbers; with one fewer it does not."""
    named = replace(rules.MENDED, **dict.fromkeys(case.quirks, True))
    fewer = replace(named, **{case.quirks[0]: False})

    monkeypatch.setattr(rules, "AS_ZIPLINE", named)
    require_none(differences(case, Run(case, tmp_path).backtest(quirks=True)))

    monkeypatch.setattr(rules, "AS_ZIPLINE", fewer)
    assert differences(case, Run(case, tmp_path).backtest(quirks=True))


@deprecated_by_zipline
def test_a_paper_session_equals_the_backtest(tested: Run, tmp_path: Path) -> None:
    traded = Run(tested.case, tmp_path).paper(quirks=True)

    assert describe(traded.log) == describe(tested.log)
    assert (traded.watch.bars, type(traded.error)) == (tested.watch.bars, type(tested.error))
    if tested.error is None:
        for frame in FRAMES:
            assert_frame_equal(
                getattr(traded.result, frame), getattr(tested.result, frame), check_exact=True
            )


def test_every_case_has_expected_results_and_every_result_a_case() -> None:
    stored = {path.name.split(".")[0] for path in compare.EXPECTED.iterdir()}

    assert stored - {"pipelines"} == {case.name for case in CASES}  # those have a test of their own


def test_expected_errors_are_those_the_settings_name() -> None:
    stored = {
        case.name: (compare.load_expected(case.name)["error"] or {}).get("type") for case in CASES
    }

    assert stored == {case.name: case.error for case in CASES}


def test_only_import_lines_are_ported() -> None:
    source = 'import zipline\nfrom zipline.api import order\n\n    from zipline.errors import A\nTEXT = "zipline"\n'

    assert ported(source) == source.replace("import zipline", "import rbtlive").replace(
        "from zipline", "from rbtlive"
    )


def test_a_planted_difference_is_found_and_named() -> None:
    case = next(case for case in CASES if case.name == "orders_every_function")
    expected, actual = compare.load_expected(case.name), compare.load_expected(case.name)
    actual["orders"][3]["filled"] += 1
    actual["transactions"][2]["price"] *= 1 + 1e-8
    actual["performance"]["portfolio_value"][20] += 0.01
    actual["log"][7][1] = None

    found = [str(mismatch) for mismatch in compare.mismatches(case.name, expected, actual)]

    assert [line.split(": ")[1] for line in found] == [
        "log[7].[1]",
        "orders[3].filled",
        "transactions[2].price",
        f"performance[{expected['sessions'][20]}].portfolio_value",
    ]


def test_numbers_may_differ_by_a_billionth_and_nothing_else_may() -> None:
    assert compare.same(100.0, 100.0 + 9e-8)
    assert not compare.same(100.0, 100.0 + 2e-7)
    assert not compare.same(1, True)
    assert not compare.same(None, 0)
    assert not compare.same("filled", "open")
