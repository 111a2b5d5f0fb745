"""Turn a source into a feed: a replay of recorded bars, or any asynchronous source of
bars.

The rule: any accepted source becomes a DataFeed here, and writing a custom one needs
nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterable

from rbtlive.data.feeds.data_feed import DataFeed, FeedPlan
from rbtlive.data.feeds.replay_feed import ReplayFeed
from rbtlive.data.feeds.slot_axis import Labels
from rbtlive.data.feeds.stream_feed import Backoff, StreamFeed
from rbtlive.errors import FeedError

__all__ = ["Backoff", "DataFeed", "FeedPlan", "ReplayFeed", "StreamFeed", "as_feed"]


def as_feed(source: object, labels: Labels | None = None) -> DataFeed:
    """Return a source as a feed, if possible.

    Args:
        source: A feed, an async iterator of bars, or a function of symbols that opens
            one.
        labels: Whether the source stamps bars with their END or their start; None is
            the END, or what a feed was made with.

    Raises:
        FeedError: `source` is none of these.
        InvalidSetting: the feed's stamps are known, and differ from `labels`.
    """
    if isinstance(source, DataFeed):
        if labels is not None:
            source.take_labels(labels)
        return source
    if isinstance(source, AsyncIterable) or callable(source):
        return StreamFeed(source, labels=labels or "end")
    raise FeedError(
        "a feed must be a DataFeed, an async iterator, or a function that opens one: was "
        f"{type(source).__name__}; "
        "wrap recorded bars in ReplayFeed(...)"
    )
