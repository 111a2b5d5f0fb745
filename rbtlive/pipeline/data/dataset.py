"""Data sets: named columns of loaded values.

The rule: a data set defines its columns; a loader, or a frame given to `use`, provides
the values.
"""

from __future__ import annotations

from inspect import getattr_static
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from rbtlive.errors import InvalidSetting, NotBuilt
from rbtlive.pipeline.arguments import no_attribute
from rbtlive.pipeline.domain import GENERIC, Domain
from rbtlive.pipeline.kinds import kind
from rbtlive.pipeline.missing import FAMILY_NAMES, refusing
from rbtlive.pipeline.sentinels import NotSpecified
from rbtlive.pipeline.term import BOOL, INT, LISTED, TEXT, LoadableTerm, validate_dtype

__getattr__ = refusing(__name__, FAMILY_NAMES)


class Column:
    """A column of a data set, as declared in its class.

    Args:
        dtype: float64, int64, bool, datetime64[ns] or object (texts).
        missing_value: The value that means missing; int64 needs one.
        doc: Its description.
        metadata: Any further facts.
        currency_aware: Whether values are amounts of money. There is one currency.
    """

    def __init__(
        self,
        dtype: Any,
        missing_value: Any = NotSpecified,
        doc: str | None = None,
        metadata: dict[str, Any] | None = None,
        currency_aware: bool = False,
    ) -> None:
        self.dtype = dtype
        self.missing_value = missing_value
        self.doc = doc
        self.metadata = dict(metadata or {})
        self.currency_aware = currency_aware


class _ColumnOf:
    def __init__(self, name: str, column: Column) -> None:
        self.name = name
        self.column = column
        self.dtype, self.missing_value = validate_dtype(
            f"Column(name={name!r})", column.dtype, column.missing_value
        )

    def __get__(self, instance: Any, owner: Any) -> BoundColumn:
        bound: BoundColumn = BoundColumn(owner, self.name, self.dtype, self.missing_value)
        return bound


class BoundColumn(LoadableTerm):
    """A column of a data set, for use as a term's input.

    Attributes:
        dataset: The data set.
        name: Name of the column.
    """

    window_safe = True
    dataset: Any
    name: str

    def __new__(cls, dataset: Any, name: str, dtype: Any, missing_value: Any) -> Any:
        """Return the column; the same object each time."""
        return super().__new__(
            cls,
            domain=dataset.domain,
            dtype=dtype,
            missing_value=missing_value,
            ndim=dataset.ndim,
            facts={"dataset": dataset, "name": name, "mask": LISTED},
        )

    @property
    def latest(self) -> Any:
        """The last known value, as a factor, filter or classifier."""
        name = "LatestNumber"
        if self.dtype == BOOL:
            name = "LatestFlag"
        elif self.dtype in {INT, TEXT}:
            name = "LatestLabel"
        return kind(name)(
            inputs=(self,), dtype=self.dtype, missing_value=self.missing_value, ndim=self.ndim
        )

    @property
    def metadata(self) -> dict[str, Any]:
        """The further facts that the column was declared with."""
        return self._declared().metadata

    @property
    def currency_aware(self) -> bool:
        """Whether values are amounts of money."""
        return self._declared().currency_aware

    @property
    def currency_conversion(self) -> None:
        """None: there is one currency."""
        return None

    def _declared(self) -> Column:
        found: Column = getattr_static(self.dataset, self.name).column
        return found

    @property
    def qualname(self) -> str:
        """Name of the data set with its market in angle brackets, and of the column."""
        country = self.dataset.domain.country_code
        market = f"<{country}>" if country and self.dataset is not self.dataset.root else ""
        return f"{self.dataset.__name__}{market}.{self.name}"

    def specialize(self, domain: Domain) -> BoundColumn:
        """Return the column of the data set in a domain."""
        found: BoundColumn = getattr(self.dataset.specialize(domain), self.name)
        return found

    def unspecialize(self) -> BoundColumn:
        """Return the column of the data set without a domain."""
        found: BoundColumn = getattr(self.dataset.root, self.name)
        return found

    if not TYPE_CHECKING:  # else every name would have a type

        def __getattr__(self, name: str) -> NoReturn:
            """Refuse a factor's attributes, which only the column's latest value
            has.

            Raises:
                AttributeError: always.
            """
            latest = object.__getattribute__(self, "latest")
            if not name.startswith("_") and hasattr(type(latest), name):
                raise AttributeError(
                    f"{self.qualname} is a column and has no {name!r}: write "
                    f"{self.dataset.__name__}.{self.name}.latest.{name}",
                    name=name,
                )
            if name == "fx":
                raise NotBuilt(
                    f"{self.qualname}.fx is not built: there is one currency; convert the values "
                    "in your frame, or multiply by a column of rates"
                )
            raise no_attribute(self.qualname, name, dir(type(self)), what="attribute")

    def __lt__(self, other: Any) -> Any:
        raise TypeError(
            f"Can't compare '{self.qualname}' with '{type(other).__name__}'. (Did you mean to use "
            "'.latest'?)"
        )

    __gt__ = __le__ = __ge__ = __lt__

    def __repr__(self) -> str:
        return f"{self.qualname}::{self.dtype.name}"

    def recursive_repr(self) -> str:
        """Return the name of the data set and the column."""
        return self.qualname

    graph_repr = recursive_repr


class DataSetMeta(type):
    """The type of data sets."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> Any:
        """Return the data set, with its columns bound to it."""
        if len(bases) > 1:
            raise TypeError("Multiple dataset inheritance is not supported.")
        domain = namespace.get("domain", GENERIC)
        if not isinstance(domain, Domain):
            raise TypeError(f"Expected a Domain for {name}.domain, but got {type(domain)} instead.")
        bound = {
            key: _ColumnOf(key, value) if isinstance(value, Column) else value
            for key, value in namespace.items()
        }
        made: Any = super().__new__(mcs, name, bases, bound, **options)
        inherited = getattr(bases[0], "column_names", ()) if bases else ()
        own = [key for key, value in bound.items() if isinstance(value, _ColumnOf)]
        made.column_names = tuple(dict.fromkeys([*inherited, *own]))
        if "root" not in namespace:
            made.root, made.on_domains, made.loader = made, {made.domain: made}, None
        return made

    @property
    def columns(cls) -> frozenset[BoundColumn]:
        """All columns."""
        names: tuple[str, ...] = cls.column_names  # type: ignore[attr-defined]
        return frozenset(getattr(cls, name) for name in names)

    @property
    def qualname(cls) -> str:
        """The name, with the country of its domain."""
        country = cls.domain.country_code  # type: ignore[attr-defined]
        return f"{cls.__name__}<{country}>" if country else cls.__name__

    if not TYPE_CHECKING:  # else every name would have a type

        def __getattr__(cls, name: str) -> NoReturn:
            """Refuse a column that is not there, and say which one is near.

            Raises:
                AttributeError: always.
            """
            raise no_attribute(
                cls.__name__, name, cls.__dict__.get("column_names", ()), what="column"
            )

    def __repr__(cls) -> str:
        return f"<DataSet: {cls.__name__!r}, domain={cls.domain!r}>"  # type: ignore[attr-defined]


class DataSet(metaclass=DataSetMeta):
    """Base of data sets: columns are class attributes.

    ```python
    class Fundamentals(DataSet):
        pe = Column(float)
        sector = Column(object, missing_value="")

    Fundamentals.use(frame)   # columns symbol, timestamp, pe, sector
    ```

    Attributes:
        domain: Its market.
        root: The data set without a domain.
        loader: Provides the values; None before `use`.
    """

    domain: ClassVar[Domain] = GENERIC
    ndim: ClassVar[int] = 2
    root: ClassVar[Any]
    loader: ClassVar[Any]
    column_names: ClassVar[tuple[str, ...]]
    on_domains: ClassVar[dict[Domain, Any]]

    @classmethod
    def get_column(cls, name: str) -> BoundColumn:
        """Return a column by its name.

        Raises:
            AttributeError: the data set has no such column.
        """
        if name not in cls.column_names:
            raise no_attribute(cls.__name__, name, cls.column_names, what="column")
        found: BoundColumn = getattr(cls, name)
        return found

    @classmethod
    def specialize(cls, domain: Domain) -> Any:
        """Return the data set in a domain."""
        known = cls.root.on_domains
        if domain not in known:
            facts = {"domain": domain, "root": cls.root, "__doc__": cls.__doc__}
            facts["__module__"] = cls.root.__module__
            known[domain] = DataSetMeta(cls.root.__name__, (cls.root,), facts)
        return known[domain]

    @classmethod
    def unspecialize(cls) -> Any:
        """Return the data set without a domain."""
        return cls.root

    @classmethod
    def use(cls, frame: Any, *, lag: int = 0, pick: str = "latest") -> None:
        """Use the values of a frame in which each row says since when it has been
        known.

        Args:
            frame: polars or pandas, with `symbol` or `sid`, `timestamp`, optionally
                `asof`, and the columns; see `rbtlive.pipeline.loaders.FrameLoader`. Or
                any object with `load(...)`, such as a `DataFrameLoader`.
            lag: Additional sessions before a row becomes visible.
            pick: Which of the known rows count: those with the "latest" `asof`, or of
                the "next" or "previous" one, seen from the session.

        Raises:
            InvalidSetting: a loader is given with `lag` or `pick`.
            NoTimeOfKnowledge: `timestamp` is missing, in all rows or some.
            DataError: the frame does not fit `FrameLoader`.
        """
        is_loader = hasattr(frame, "load") or hasattr(frame, "load_adjusted_array")
        if is_loader and (lag != 0 or pick != "latest"):
            raise InvalidSetting(
                f"lag and pick are for frames: {type(frame).__name__} is a loader, and decides "
                "itself what is visible"
            )
        made = frame if is_loader else kind("FrameLoader")(cls, frame, lag=lag, pick=pick)
        cls.root.loader = made
