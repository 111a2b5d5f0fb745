"""The building blocks of custom feeds, importable from a short path for scripts."""

from rbtlive.data.feeds.as_feed import DataFeed, FeedPlan, StreamFeed, as_feed

__all__ = ["DataFeed", "FeedPlan", "StreamFeed", "as_feed"]
