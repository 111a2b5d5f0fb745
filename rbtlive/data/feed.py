"""What a feed of one's own is made of, at the short path that scripts import it
from.
"""

from rbtlive.data.feeds.as_feed import DataFeed, FeedPlan, StreamFeed, as_feed

__all__ = ["DataFeed", "FeedPlan", "StreamFeed", "as_feed"]
