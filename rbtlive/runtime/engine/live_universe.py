"""The universe of a live feed: what a run's pipelines select, within the feed's limit.

The rule: symbols that the feed was subscribed to otherwise stay; with daily bars
nothing is unsubscribed, as the next morning's table needs a bar of every asset.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rbtlive.core.actions.universe import wanted

if TYPE_CHECKING:
    from rbtlive.runtime.engine.live_run import LiveRun

_NAMED: Final = 10  # so many symbols are named in a message


class LiveUniverse:
    """Subscribes one run's feed to what its pipelines select.

    Args:
        run: The run.
    """

    def __init__(self, run: LiveRun) -> None:
        self._run = run
        self._left_out: frozenset[str] = frozenset()
        self._outside: dict[str, int] = {}  # since which session, by symbol

    @property
    def _decides(self) -> bool:
        state = self._run.core.state
        return (
            self._run.feed.is_live
            and state.settings.intraday
            and any(attached.subscribes for attached in state.pipelines.by_name.values())
        )

    def begin(self) -> None:
        """Subscribe before the first table is there: to what was selected last, else to
        as many of the run's assets as the feed takes.
        """
        if not self._decides:
            return
        state, limit = self._run.core.state, self._run.feed.most_symbols
        if any(attached.shown for attached in state.pipelines.by_name.values()):
            self.follow(wanted(state))
        elif limit is not None and not self._run.feed.follows:
            first = [
                *sorted(self._run.feed.kept),
                *wanted(state),
                *(asset.symbol for asset in state.assets),
            ]
            self._run.feed.follow(list(dict.fromkeys(first))[:limit])

    def follow(self, symbols: Sequence[str]) -> None:
        """Subscribe to these symbols, and to no others but those that stay.

        Args:
            symbols: The most important first; beyond the feed's limit the last are left
                out, with a message.
        """
        if not self._decides:
            return
        feed = self._run.feed
        asked = list(dict.fromkeys([*sorted(feed.kept), *symbols]))
        taken = asked[: feed.most_symbols]
        lacking = self._days_outside(taken)
        if self._run.recorder.replaying:
            return
        self._say_what_is_left_out(asked, len(taken))
        self._say_what_is_missing(lacking)
        if taken:
            feed.follow(taken)

    # Of what joins, in words: the run's sessions of which there are no whole bars. What
    # the portal has is there, subscribed to or not.
    def _days_outside(self, taken: Sequence[str]) -> dict[str, str]:
        state = self._run.core.state
        market, session = state.market, state.market.session
        begin = max(market.first_session, market.portal.last_session + 1)
        missing: dict[str, str] = {}
        inside = set(taken)
        for asset in state.assets:
            since = self._outside.get(asset.symbol)
            if asset.symbol not in inside:
                self._outside.setdefault(asset.symbol, session)
            elif since is not None and max(since, begin) < session:
                first, last = (state.calendar.label(n) for n in (max(since, begin), session - 1))
                missing[asset.symbol] = f"{first}" if first == last else f"{first} to {last}"
                del self._outside[asset.symbol]
            else:
                self._outside.pop(asset.symbol, None)
        return missing

    def _say_what_is_missing(self, days: dict[str, str]) -> None:
        if not days:
            return
        named = ", ".join(f"{symbol} ({span})" for symbol, span in list(days.items())[:_NAMED])
        self._run.on_message(
            "warning",
            "these symbols join what the feed gives, and windows and tables have no whole bars of "
            f"the days they were outside: {named}"
            f"{', …' if len(days) > _NAMED else ''}; to let them in, attach again with fresh "
            "history, data=await feed.fetch_bars(...): the run goes on",
        )

    # Once for the same symbols.
    def _say_what_is_left_out(self, asked: list[str], count: int) -> None:
        left_out = asked[count:]
        if left_out and frozenset(left_out) != self._left_out:
            named = ", ".join(left_out[:_NAMED]) + (", …" if len(left_out) > _NAMED else "")
            self._run.on_message(
                "warning",
                f"the feed takes {count} symbols, and {len(asked)} are wanted by what is held, "
                f"ordered and shown by the pipelines: there are no bars of {named} "
                f"({len(left_out)} in all); make the screen smaller, e.g. with .top()",
            )
        self._left_out = frozenset(left_out)
