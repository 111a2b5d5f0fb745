"""Data shared by all runs over a portal, built on first use: the tables of its bars,
its assets' listing dates, its splits and dividends by session.

The rule: nothing here changes once it is built, and nothing is copied or pickled: a
copy of the portal starts empty.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast
from weakref import WeakValueDictionary

from rbtlive.data.bars.column_cache import ColumnCache

if TYPE_CHECKING:
    from rbtlive.data.checking.corporate import Dividend, Split
    from rbtlive.data.windows.adjustments import Coming, Known

KEPT_CELLS: Final = 8_000_000
"""Recently used tables of up to this many bars (of 40 bytes) are kept for later runs;
larger tables only while a run or a result holds them.
"""

T = TypeVar("T")


class Grid(Protocol):
    """The size and state of a table."""

    rows: int
    width: int
    computed: ColumnCache | None


G = TypeVar("G", bound=Grid)


@dataclass(frozen=True, slots=True)
class Actions:
    """Splits and dividends, by number of the session in which they take effect.

    Attributes:
        splits: Splits of each session.
        dividends: Dividends that go ex in each session.
        coming: All actions by session, the latest session first.
    """

    splits: Mapping[int, Sequence[Split]]
    dividends: Mapping[int, Sequence[Dividend]]
    coming: Sequence[Coming]

    @classmethod
    def of(cls, splits: Sequence[Split], dividends: Sequence[Dividend]) -> Actions:
        """Return the actions of a portal."""
        by_session: dict[int, list[Split]] = {}
        by_ex_session: dict[int, list[Dividend]] = {}
        for split in splits:
            by_session.setdefault(split.session, []).append(split)
        for dividend in dividends:
            by_ex_session.setdefault(dividend.ex_session, []).append(dividend)
        # Within one session zipline applies dividends before splits, and within one
        # kind the last one first.
        coming: dict[int, list[tuple[int, int, float]]] = {}
        for paid in reversed(dividends):
            action = (0, paid.asset, float(str(paid.amount)))
            coming.setdefault(paid.ex_session, []).append(action)
        for split in reversed(splits):
            action = (1, split.asset, float(str(split.ratio)))
            coming.setdefault(split.session, []).append(action)
        return cls(by_session, by_ex_session, sorted(coming.items(), reverse=True))


@dataclass(slots=True)
class SharedBars:
    """Data that the runs over one portal share."""

    _listing: Any = None
    _actions: Actions | None = None
    _panels: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)
    _large: WeakValueDictionary[Hashable, Any] = field(default_factory=WeakValueDictionary)
    _fields: dict[bool, Any] = field(default_factory=dict)
    _factors: dict[Hashable, Known] = field(default_factory=dict)

    def listing(self, make: Callable[[], T]) -> T:
        """Return the listing dates of the assets."""
        if self._listing is None:
            self._listing = make()
        return cast(T, self._listing)

    def actions(self, splits: Sequence[Split], dividends: Sequence[Dividend]) -> Actions:
        """Return the portal's splits and dividends by session."""
        if self._actions is None:
            self._actions = Actions.of(splits, dividends)
        return self._actions

    def factors(self, key: Hashable) -> Known:
        """Return the factors of the actions by session; runs with the same key, and so
        the same closes, add their results.
        """
        return self._factors.setdefault(key, {})

    def fields(self, thousandths: bool, make: Callable[[], T]) -> T:
        """Return the daily bars field by field, in thousandths or not; the result
        requested last is kept.
        """
        known = self._fields.get(thousandths)
        if known is None:
            known = make()
            self._fields = {thousandths: known}
        return cast(T, known)

    def table(self, key: Hashable, make: Callable[[], G]) -> G:
        """Return the frozen table with that key, or build it."""
        known: G | None = self._panels.pop(key, None) or self._large.get(key)
        if known is None:
            known = make()
            known.computed = ColumnCache()
        if known.rows * known.width > KEPT_CELLS:
            self._large[key] = known
            return known
        self._panels[key] = known  # the most recently used one comes last
        while sum(table.rows * table.width for table in self._panels.values()) > KEPT_CELLS:
            self._panels.popitem(last=False)
        return known

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedBars, ()
