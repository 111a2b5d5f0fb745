"""Fetched values: a CSV file or a frame that is read once and then available through
`data.current`.

The rule: a value is valid from its row's session until the next row of the same asset
or name. Source: zipline-reloaded 3.2.1, sources/requests_csv.py, and
data/data_portal.py 307-420.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rbtlive.data.calendars.calendar import datetime_of
from rbtlive.errors import NotAFrame, NotBuilt, UnreadableFile
from rbtlive.model.arrays import np
from rbtlive.model.calls import warn_user

if TYPE_CHECKING:
    import pandas as pd

    from rbtlive.data.bars.market import Market
    from rbtlive.model.asset import Asset

_URL_STARTS = ("http://", "https://", "ftp://", "s3://")
_CLOSING_HOURS = 16
_READ_OPTIONS = {
    "sep",
    "dialect",
    "doublequote",
    "escapechar",
    "quotechar",
    "quoting",
    "skipinitialspace",
    "lineterminator",
    "header",
    "index_col",
    "names",
    "skiprows",
    "skipfooter",
    "na_values",
    "true_values",
    "false_values",
    "delimiter",
    "converters",
    "dtype",
    "na_filter",
    "keep_default_na",
    "thousands",
    "comment",
    "decimal",
    "nrows",
    "encoding",
    "usecols",
}


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """How rows become values: zipline's arguments of `fetch_csv`."""

    pre_func: Callable[[Any], Any] | None = None
    post_func: Callable[[Any], Any] | None = None
    date_column: str = "date"
    date_format: str | None = None
    timezone: Any = "UTC"
    symbol: Any = None
    mask: bool = True
    symbol_column: str | None = None


@dataclass(frozen=True, slots=True)
class FetchedValues:
    """The result of `fetch_csv`: the parsed rows, indexed by date, with the asset or
    name in `sid`.
    """

    df: pd.DataFrame

    @property
    def fields(self) -> list[str]:
        """Names of the columns."""
        return [str(name) for name in self.df.columns]


@dataclass(slots=True)
class Fetcher:
    """Reads values for one run and answers requests for them.

    Attributes:
        market: The run's market.
        assets: The run's assets, as strategies see them.
        last_session: The run's last session, or None.
    """

    market: Market
    assets: tuple[Asset, ...]
    last_session: int | None
    _values: dict[str, dict[Any, np.ndarray[Any, Any]]] = field(default_factory=dict)
    _since: dict[Any, int] = field(default_factory=dict)  # of the last fetch, by session of the run

    def fetch(
        self, source: object, options: FetchOptions, read_options: Mapping[str, Any]
    ) -> FetchedValues:
        """Read `source`, and make its columns readable by asset, or by the name in
        `options.symbol`.

        Args:
            source: Path of a CSV file, or a pandas or polars frame.
            options: How rows become values.
            read_options: For `pandas.read_csv`; with files only.

        Raises:
            NotBuilt: the source is a URL.
            UnreadableFile: the file does not exist.
            NotAFrame: the source is neither a path nor a frame.
            TypeError: an option is unknown.
            KeyError: the date or symbol column is missing.
        """
        rows = _pandas_frame(_read(source, options, read_options), "source")
        if options.pre_func is not None:
            rows = _pandas_frame(options.pre_func(rows), "result of pre_func")
        rows = self._dated(rows, options)
        rows = self._named(rows, options)
        rows = rows.set_index("dt").tz_localize("UTC").sort_index()
        rows = rows.drop(
            columns=[options.date_column]
            + ([] if options.symbol is not None else [_symbols_in(options)])
        )
        if options.post_func is not None:
            rows = _pandas_frame(options.post_func(rows), "result of post_func")
        self._keep(rows)
        return FetchedValues(rows)

    def known_assets(self) -> list[Asset]:
        """Return the assets that have a row of the last fetch by now, in the order of
        sids.
        """
        place = self._place(self.market.session)
        return [asset for asset in self.assets if self._since.get(asset, place + 1) <= place]

    def _dated(self, rows: pd.DataFrame, options: FetchOptions) -> pd.DataFrame:
        import pandas as pd

        if options.date_format is not None:
            warn_user(
                "date_format of fetch_csv() has no effect, as in zipline: dates are read in "
                "pandas' own way; "
                "convert unusual ones in pre_func"
            )
        dates = _column(rows, options.date_column, "date_column")
        if str(options.timezone) == str(UTC):
            moments = pd.DatetimeIndex(pd.to_datetime(dates.to_numpy(), utc=True, errors="coerce"))
        else:
            local = pd.DatetimeIndex(pd.to_datetime(dates.to_numpy(), errors="coerce"))
            moments = local.tz_localize(str(options.timezone)).tz_convert("UTC")
        naive = (
            moments.tz_localize(None)
            if self.market.interval.intraday
            else self._next_sessions(moments)
        )
        rows = rows.assign(dt=naive)
        return rows[rows["dt"].notna()]

    # On daily bars a row counts from the session after its New York day: the day that
    # contains its moment, sixteen hours earlier.
    def _next_sessions(self, moments: pd.DatetimeIndex) -> pd.DatetimeIndex:
        import pandas as pd

        days = (
            moments.tz_convert("America/New_York") - pd.Timedelta(hours=_CLOSING_HOURS)
        ).tz_localize(None)
        labels = self.market.calendar.labels
        places = np.searchsorted(labels, days.to_numpy().astype("datetime64[D]"), side="right")
        known = days.notna() & (places < len(labels))
        shown = np.where(
            known, labels[np.minimum(places, len(labels) - 1)], np.datetime64("NaT", "D")
        )
        return pd.DatetimeIndex(shown.astype("datetime64[ns]"))

    def _named(self, rows: pd.DataFrame, options: FetchOptions) -> pd.DataFrame:
        if options.symbol is not None:
            return rows.assign(sid=options.symbol)
        if "sid" in rows.columns:
            warn_user(
                "the column 'sid' given to fetch_csv() is replaced by the assets of its symbols"
            )
        symbols = _column(rows, _symbols_in(options), "symbol_column")
        assets: dict[str, Asset] = {asset.symbol.upper(): asset for asset in self.assets}
        found = [
            assets.get(name.upper()) if isinstance(name, str) else None for name in symbols.tolist()
        ]
        rows = rows.assign(sid=np.array([*found, None], dtype=object)[:-1])
        rows = rows.sort_values(by=_symbols_in(options))
        return rows[[asset is not None for asset in rows["sid"]]]

    # One array for each column and asset, with a value for each session of the run.
    def _keep(self, rows: pd.DataFrame) -> None:
        import pandas as pd

        calendar, first = self.market.calendar, self.market.first_session
        last = len(calendar.labels) - 1 if self.last_session is None else self.last_session
        sessions = pd.DatetimeIndex(calendar.labels[first : last + 1].astype("datetime64[ns]"))
        days = pd.DatetimeIndex(rows.index).normalize().tz_localize(None).as_unit("ns")
        rows = rows.set_axis(days, axis=0)
        names = rows["sid"].tolist()
        self._since = {}
        for name in dict.fromkeys(names):
            own = rows[[other == name for other in names]].drop(columns="sid")
            self._since[name] = int(sessions.searchsorted(own.index.min()))
            own = own.groupby(level=0).last().reindex(index=sessions, method="ffill")
            for column in own.columns:
                self._values.setdefault(column, {})[name] = own[column].to_numpy()
                self.market.add_source(column, self._reader(column))

    def _reader(self, column: str) -> Callable[[Any, int], Any]:
        by_name = self._values[column]

        def read(asset: object, session: int) -> Any:
            values, place = by_name.get(asset), self._place(session)
            return float("nan") if values is None or not 0 <= place < len(values) else values[place]

        return read

    # The number of a session within the run. In an intraday run a session that ends at
    # midnight ends, in zipline's books, on the next day.
    def _place(self, session: int) -> int:
        market = self.market
        if market.interval.intraday:
            day = np.datetime64(datetime_of(market.now_us).date(), "D")
            session = int(np.searchsorted(market.calendar.labels, day))
        return session - market.first_session


def _symbols_in(options: FetchOptions) -> str:
    return options.symbol_column or "symbol"


def _column(rows: pd.DataFrame, name: str, argument: str) -> pd.Series[Any]:
    if name not in rows.columns:
        raise KeyError(
            f"{argument} of fetch_csv() must name a column: was {name!r}; the data has "
            f"{', '.join(map(str, rows.columns))}"
        )
    return rows[name]


def _read(source: object, options: FetchOptions, read_options: Mapping[str, Any]) -> Any:
    import pandas as pd

    unknown = sorted(set(read_options) - _READ_OPTIONS)
    if unknown:
        raise TypeError(
            f"fetch_csv() takes no {', '.join(unknown)}: pass what pandas.read_csv takes for a "
            "local file"
        )
    if not isinstance(source, (str, Path)):
        if read_options:
            raise TypeError(
                f"{', '.join(sorted(read_options))} of fetch_csv() are for files: the source was a "
                "frame"
            )
        return source
    if str(source).lower().startswith(_URL_STARTS):
        raise NotBuilt(
            f"fetch_csv() reads local files and frames: was {str(source)!r}; download it first and "
            "pass its path, so "
            "that every run reads the same"
        )
    settings: dict[str, Any] = {
        "keep_default_na": False,
        "na_values": {"symbol": []},
        **read_options,
    }
    if settings.get("usecols") and options.date_column not in settings["usecols"]:
        settings["usecols"] = [*settings["usecols"], options.date_column]
    path = str(source).removeprefix("file://")
    try:
        return pd.read_csv(path, **settings)
    except FileNotFoundError:
        raise UnreadableFile(
            f"fetch_csv() found no file {path!r}: pass the path of a CSV file, or a frame"
        ) from None


def _pandas_frame(value: object, what: str) -> pd.DataFrame:
    import pandas as pd

    if isinstance(value, pl.LazyFrame):
        value = value.collect()
    if isinstance(value, pl.DataFrame):
        return pd.DataFrame({name: value[name].to_list() for name in value.columns})
    if isinstance(value, pd.DataFrame):
        return value.copy()
    raise NotAFrame(
        f"the {what} of fetch_csv() must be a frame of pandas or polars, or the path of a CSV "
        "file: "
        f"was {value!r} ({type(value).__name__})"
    )
