"""Pipelines in research: one call for all days.

The rule: the table of a day is the one that a strategy would have seen that morning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from rbtlive.core.actions.user_code import from_own_line
from rbtlive.core.shown.presenter import get_presenter
from rbtlive.data.bars.field_table import WholeMarket
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import InvalidSetting
from rbtlive.model.given import DateLike, check_flag
from rbtlive.runtime.backtest import prepare_settings


@from_own_line
def run_pipeline(  # noqa: PLR0913 - each by name
    pipeline: object,
    start: DateLike,
    end: DateLike,
    data: object,
    *,
    frames: Literal["polars", "pandas"] = "polars",
    chunks: int = 252,
    loaders: Mapping[Any, Any] | None = None,
    calendar: str | None = None,
    zipline_quirks: bool = False,
) -> Any:
    """Compute a pipeline over all sessions of a span.

    Args:
        pipeline: The pipeline.
        start: First session, a date or text.
        end: Last session, included.
        data: A portal, or a source of one.
        frames: "polars" gives `date`, `symbol` and the columns; "pandas" gives
            zipline's frame, (date, asset) down.
        chunks: Number of sessions computed at once: it limits memory, and does not
            change the numbers.
        loaders: Loaders by data set or column.
        calendar: Name of the calendar, for a frame.
        zipline_quirks: Keep prices in thousandths, as in zipline's files.

    Returns:
        One row per asset and day that passes the screen; by day, then by sid.

    Raises:
        NoFurtherDataError: a window of the first day begins before the data.
        SettingsError: no session of the data is between `start` and `end`.
    """
    from rbtlive.pipeline.engine import compute
    from rbtlive.pipeline.output import pandas_frame, pandas_frames, polars_frames, shown
    from rbtlive.pipeline.pipeline import Pipeline
    from rbtlive.pipeline.source import Source

    if not isinstance(pipeline, Pipeline):
        raise InvalidSetting(
            f"pipeline must be a Pipeline: was {type(pipeline).__name__}; write "
            'Pipeline({"name": factor}, screen=filter)'
        )
    if isinstance(chunks, bool) or not isinstance(chunks, int) or chunks < 1:
        raise InvalidSetting(f"chunks must be a number of sessions from 1 on: was {chunks!r:.80}")
    if loaders is not None and not isinstance(loaders, Mapping):
        raise InvalidSetting(
            f"loaders must be a dict of loaders by data set or column: was {loaders!r:.80}"
        )
    check_flag(zipline_quirks, "zipline_quirks")
    portal = PolarsDataPortal.coerce(data, calendar=calendar).sessions_only()
    settings = prepare_settings(portal, start=start, end=end, frames=frames)
    assert settings.end is not None
    first, last = (portal.calendar.number(day) for day in (settings.start, settings.end))
    market = WholeMarket(portal, thousandths=zipline_quirks)
    presenter = get_presenter(frames)
    source = Source(market, [presenter.present_asset(a) for a in market.assets], loaders)
    parts: list[Any] = []
    spans = [(begin, min(begin + chunks - 1, last)) for begin in range(first, last + 1, chunks)]
    # As if computed at once: days without assets are left out, unless all are.
    listed = [span for span in spans if source.listed(*span).any()]
    for span in listed or spans[:1]:
        computed = compute(pipeline, source, *span)
        parts.append(pandas_frame(computed) if frames == "pandas" else shown(computed))
    if frames == "polars":
        return polars_frames(parts)
    return pandas_frames(parts)
