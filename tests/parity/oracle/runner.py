"""Runs zipline strategies and writes down what they did; executes inside an interpreter
that has zipline.

One rule: nothing here decides a number. Bars go in as bundles, results come out as
zipline's own objects state them.

Usage: python -m tests.parity.oracle.runner JOBS.json, with the repository on PYTHONPATH
and ZIPLINE_ROOT set.
"""

import importlib
import importlib.metadata
import json
import sys
import traceback
import warnings
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from tests.parity.cases import execute
from tests.parity.oracle.observe import Watch, describe, error_facts, label

COUNTRIES = {"XNYS": "US", "XLON": "GB", "XTKS": "JP"}
PACKAGES = ("zipline-reloaded", "pandas", "numpy", "exchange_calendars", "empyrical-reloaded")
_PRICES = ["open", "high", "low", "close"]


def zipline(name: str) -> Any:
    """Import a zipline module late and untyped: linters run without zipline."""
    return importlib.import_module(name)


class Bundle:
    """One data set, read from the CSV files of a folder and ingested as a zipline
    bundle.
    """

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.settings = json.loads((folder / "settings.json").read_text())
        self.calendar = zipline("zipline.utils.calendar_utils").get_calendar(
            self.settings["calendar"]
        )
        dates = ["start_date", "end_date", "auto_close_date"]
        self.assets = pd.read_csv(folder / "assets.csv", parse_dates=dates).set_index("sid")
        self.daily = pd.read_csv(folder / "bars.csv", parse_dates=["date"])
        minutes = folder / "minute_bars.csv"
        self.minutes = pd.read_csv(minutes, parse_dates=["timestamp"]) if minutes.exists() else None
        self.splits = pd.read_csv(folder / "splits.csv", parse_dates=["effective_date"])
        self.dividends = pd.read_csv(folder / "dividends.csv", parse_dates=["ex_date", "pay_date"])

    def ingest(self) -> None:
        """Register the bundle and write it into ZIPLINE_ROOT."""
        bundles = zipline("zipline.data.bundles")
        bundles.register(
            self.name,
            self._write,
            calendar_name=self.settings["calendar"],
            start_session=self.daily["date"].min(),
            end_session=self.daily["date"].max(),
            minutes_per_day=1440 if self.settings["calendar"] == "24/7" else 390,
        )
        bundles.ingest(self.name)

    def _write(
        self, _environ: Any, assets: Any, minutes: Any, daily: Any, adjustments: Any, *_rest: Any
    ) -> None:
        exchange = self.settings["calendar"]
        country = COUNTRIES.get(exchange, "??")
        assets.write(
            equities=self.assets.assign(exchange=exchange),
            exchanges=pd.DataFrame(
                [{"exchange": exchange, "canonical_name": exchange, "country_code": country}]
            ),
        )
        if self.minutes is not None:
            minutes.write(self._by_sid(self.minutes, "timestamp", None))
        daily.write(self._by_sid(self.daily, "date", self.calendar))
        nothing = pd.Series(pd.NaT, index=self.dividends.index, dtype="datetime64[ns]")
        adjustments.write(
            splits=self._with_sid(self.splits),
            dividends=self._with_sid(self.dividends).assign(
                record_date=nothing, declared_date=nothing
            ),
        )

    def _with_sid(self, frame: pd.DataFrame) -> pd.DataFrame:
        sids = {symbol: sid for sid, symbol in self.assets["symbol"].items()}
        return (
            frame.assign(sid=frame["symbol"].map(sids))
            .drop(columns="symbol")
            .astype({"sid": "int64"})
        )

    def _by_sid(self, bars: pd.DataFrame, stamp: str, calendar: Any) -> Any:
        # zipline wants a row a session from the first to the last; an all-zero row is
        # its missing bar.
        for sid, symbol in self.assets["symbol"].items():
            frame = (
                bars[bars["symbol"] == symbol].set_index(stamp).sort_index()[[*_PRICES, "volume"]]
            )
            if calendar is not None:
                frame = frame.reindex(
                    calendar.sessions_in_range(frame.index[0], frame.index[-1]), fill_value=0
                )
            if len(frame):
                yield sid, frame


def load_strategy(job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the namespace of a job: a file's, or a shipped module's."""
    if job.get("module"):
        module = vars(zipline(job["module"]))
        module.update(job["globals"])
        return {name: value for name, value in module.items() if name != "analyze"}
    return execute(Path(job["path"]).read_text(), name=job["name"], folder=folder)


def serve_local_files() -> None:
    """Let zipline's CSV fetcher, which speaks HTTP only, read a path: the bytes stay
    the same.
    """
    source = zipline("zipline.sources.requests_csv")

    def get(path: str, **_settings: Any) -> Any:
        text = Path(path).read_text(encoding="utf-8")
        return SimpleNamespace(
            ok=True,
            is_redirect=False,
            elapsed=timedelta(0),
            iter_content=lambda *_, **__: iter([text]),
        )

    source.requests = SimpleNamespace(get=get, exceptions=source.requests.exceptions)


def run(job: dict[str, Any], bundle: Bundle, folder: Path) -> dict[str, Any]:
    """Run one strategy and return the facts: orders, transactions, positions, session
    figures, what it logged.
    """
    namespace, watch = load_strategy(job, folder), Watch()
    watch.attach(namespace)
    blotter = zipline("zipline.finance.blotter").SimulationBlotter()
    perf, failure = None, None
    try:
        perf = zipline("zipline").run_algorithm(
            start=pd.Timestamp(job["start"]),
            end=pd.Timestamp(job["end"]),
            initialize=namespace.get("initialize") or (lambda _context: None),
            handle_data=namespace["handle_data"],
            before_trading_start=namespace.get("before_trading_start"),
            analyze=namespace.get("analyze"),
            capital_base=job["capital_base"],
            data_frequency=job["data_frequency"],
            bundle=bundle.name,
            trading_calendar=bundle.calendar,
            blotter=blotter,
            default_extension=False,
            custom_loader=namespace.get("CUSTOM_LOADER"),
        )
    except Exception as error:  # noqa: BLE001 - whatever ends the run is a result
        failure = error
        (folder / f"{job['name']}.traceback").write_text(traceback.format_exc())
    ids = {order.id: str(number) for number, order in enumerate(blotter.orders.values(), 1)}
    facts: dict[str, Any] = {
        "case": job["name"],
        "versions": {package: importlib.metadata.version(package) for package in PACKAGES},
        "error": error_facts(failure, watch),
        "orders": [order_facts(order, ids) for order in blotter.orders.values()],
        "log": named(describe(namespace.get("LOG", [])), ids),
    }
    if perf is not None:
        facts.update(perf_facts(perf, ids))
    return facts


def named(value: Any, ids: dict[str, str]) -> Any:
    """Return `value` with zipline's random order ids replaced by their number in order
    of creation.
    """
    if isinstance(value, str):
        return ids.get(value, value)
    if isinstance(value, list):
        return [named(item, ids) for item in value]
    if isinstance(value, dict):
        return {ids.get(key, key): named(item, ids) for key, item in value.items()}
    return value


def order_facts(order: Any, ids: dict[str, str]) -> dict[str, Any]:
    """Return an order in its final state."""
    return {
        "id": ids[order.id],
        "created": describe(order.created),
        "dt": describe(order.dt),
        "symbol": order.asset.symbol,
        "amount": describe(order.amount),
        "filled": describe(order.filled),
        "limit": describe(order.limit),
        "stop": describe(order.stop),
        "status": order.status.name.lower(),
        "commission": describe(order.commission),
    }


def perf_facts(perf: pd.DataFrame, ids: dict[str, str]) -> dict[str, Any]:
    """Return the frame of run_algorithm: transactions, positions and orders by session,
    and every other column.
    """
    sessions = [stamp.isoformat() for stamp in perf.index]
    plain = [name for name in perf.columns if name not in ("orders", "transactions", "positions")]
    return {
        "transactions": [
            {
                "dt": describe(row["dt"]),
                "symbol": row["sid"].symbol,
                "amount": describe(row["amount"]),
                "price": describe(row["price"]),
                "commission": describe(row["commission"]),
                "order_id": ids.get(row["order_id"]),
            }
            for rows in perf["transactions"]
            for row in rows
        ],
        "positions": [
            {
                row["sid"].symbol: [
                    describe(row[key]) for key in ("amount", "cost_basis", "last_sale_price")
                ]
                for row in rows
            }
            for rows in perf["positions"]
        ],
        "session_orders": [
            [
                [
                    ids[row["id"]],
                    describe(row["dt"]),
                    describe(row["filled"]),
                    row["status"].name.lower(),
                ]
                for row in rows
            ]
            for rows in perf["orders"]
        ],
        "sessions": sessions,
        "performance": {
            label(name): named([describe(value) for value in perf[name]], ids) for name in plain
        },
    }


def main(jobs_file: str) -> None:
    """Run the jobs of a file and write one JSON a case beside it."""
    warnings.simplefilter("ignore")
    jobs = json.loads(Path(jobs_file).read_text())
    folder, bundles = Path(jobs_file).parent, {}
    serve_local_files()
    for name in sorted({job["data"] for job in jobs}):
        bundles[name] = Bundle(folder / "data" / name)
        bundles[name].ingest()
    np.seterr(all="ignore")
    for job in jobs:
        facts = run(job, bundles[job["data"]], folder)
        (folder / "results" / f"{job['name']}.json").write_text(
            json.dumps(facts, separators=(",", ":"))
        )
        print(job["name"], len(facts["orders"]), "orders", facts["error"] or "", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
