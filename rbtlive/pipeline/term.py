"""Terms: the parts of a pipeline, each describing a table of days and assets.

The rule: a term never changes, and equal terms are the same object, so that terms
shared by pipelines are computed once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn
from weakref import WeakValueDictionary

from rbtlive.errors import (
    DTypeNotSpecified,
    InvalidOutputName,
    InvalidTermParams,
    NoDefaultMissingValue,
    NonPipelineInputs,
    NonSliceableTerm,
    NonWindowSafeInput,
    NotDType,
    TermInputsNotSpecified,
    TermOutputsEmpty,
    UnsupportedDataType,
    UnsupportedDType,
    WindowLengthNotSpecified,
)
from rbtlive.model.arrays import np
from rbtlive.pipeline.arguments import (
    days_of_window,
    no_attribute,
    no_filter,
    terms_of,
    warn_of_truth,
)
from rbtlive.pipeline.domain import GENERIC, Domain, infer_domain
from rbtlive.pipeline.kinds import kind
from rbtlive.pipeline.sentinels import NotSpecified

BOOL: Final = np.dtype("bool")
FLOAT: Final = np.dtype("float64")
INT: Final = np.dtype("int64")
TIME: Final = np.dtype("datetime64[ns]")
TEXT: Final = np.dtype("O")
NOT_A_TIME: Final = np.datetime64("NaT", "ns")
_MISSING: Final = {BOOL: False, FLOAT: np.nan, TIME: NOT_A_TIME, TEXT: None}


def validate_dtype(name: str, dtype: Any, missing_value: Any) -> tuple[Any, Any]:
    """Return a term's dtype and missing value, checked.

    Raises:
        DTypeNotSpecified: no dtype is given.
        NotDType: it is not a dtype.
        UnsupportedDType: pipelines do not support this dtype.
        UnsupportedDataType: they do not support this width of numbers.
        NoDefaultMissingValue: an int64 term has no missing value.
        TypeError: the missing value does not have the dtype.
    """
    if dtype is NotSpecified:
        raise DTypeNotSpecified(f"{name} needs a dtype: set it as a class attribute")
    try:
        dtype = np.dtype(dtype)
    except TypeError as error:
        raise NotDType(f"dtype of {name} must be a numpy dtype: was {dtype!r}") from error
    if dtype.kind == "M":
        dtype = TIME
    if dtype.kind in "US":
        dtype = TEXT
    if dtype not in {BOOL, FLOAT, INT, TIME, TEXT}:
        narrow = dtype.kind in "iu" or dtype == np.float32  # zipline stores, and computes not
        raise (UnsupportedDataType if narrow else UnsupportedDType)(
            f"dtype of {name} must be bool, float64, int64, datetime64[ns] or object: was {dtype}"
        )
    if missing_value is NotSpecified:
        if dtype == INT:
            raise NoDefaultMissingValue(
                f"{name} is of int64 and needs a missing_value: pass one, e.g. -1"
            )
        return dtype, _MISSING[dtype]
    return dtype, coerced(name, dtype, missing_value)


def coerced(name: str, dtype: Any, value: Any) -> Any:
    """Return a scalar converted to the dtype.

    Raises:
        TypeError: it cannot be converted without loss.
    """
    fits: Any = True
    if dtype == BOOL:
        fits = isinstance(value, (bool, np.bool_))
    elif dtype == INT:
        fits = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    elif dtype == FLOAT:
        fits = isinstance(value, (int, float, np.floating, np.integer))
        value = float(value) if fits else value
    elif dtype == TIME:
        return np.datetime64(value, "ns")
    if not fits:
        raise TypeError(
            f"a value of {name} must be of {dtype}: was {value!r} ({type(value).__name__})"
        )
    return value


# NaN and NaT are not equal to themselves, and would never be found again.
def _key(value: Any) -> Any:
    if isinstance(value, (float, np.floating, np.datetime64)) and value != value:  # noqa: PLR0124
        return "missing"
    return (type(value).__name__, value)


class Term:
    """The base of all terms.

    Attributes:
        dtype: NumPy type of the values.
        missing_value: The value that means missing.
        window_safe: Whether values mean the same when seen from any later day, so that
            other terms may use windows of them.
        ndim: 2, or 1 for one value per day.
        params: Names of further arguments of `compute`, or their defaults by name.
        domain: Its market.
        mask: Filter of the assets it is computed for.
    """

    dtype: Any = NotSpecified
    missing_value: Any = NotSpecified
    window_safe: Any = False
    ndim: Any = 2
    domain: Any = GENERIC
    params: Any = ()
    inputs: Any = ()
    outputs: Any = NotSpecified
    window_length: Any = 0
    mask: Any = None
    _said: tuple[tuple[str, ...], tuple[str, ...]]  # names of the attributes that identify the term
    _cache: ClassVar[WeakValueDictionary[Any, Any]] = WeakValueDictionary()

    def __new__(
        cls,
        *,
        domain: Any = NotSpecified,
        dtype: Any = NotSpecified,
        missing_value: Any = NotSpecified,
        window_safe: Any = NotSpecified,
        ndim: Any = NotSpecified,
        facts: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return the term with these attributes; the same object each time.

        Raises:
            TypeError: a parameter is missing, unknown or not hashable.
        """
        said = {"domain": domain, "window_safe": window_safe, "ndim": ndim}
        own = {
            name: getattr(cls, name) if value is NotSpecified else value
            for name, value in said.items()
        }
        own["dtype"], own["missing_value"] = validate_dtype(
            cls.__name__,
            cls.dtype if dtype is NotSpecified else dtype,
            cls.missing_value if missing_value is NotSpecified else missing_value,
        )
        params = cls._pop_params(kwargs)
        if kwargs:
            raise TypeError(
                f"{cls.__name__} received unexpected keyword arguments "
                f"{', '.join(sorted(kwargs))}: it takes {', '.join(dict(params)) or 'none'}"
            )
        facts = dict(facts or {})
        key = (
            cls,
            tuple((name, _key(value)) for name, value in own.items()),
            tuple((name, _key(value)) for name, value in params),
            tuple((name, _key(value)) for name, value in facts.items()),
        )
        known = Term._cache.get(key)
        if known is not None:
            return known
        made = super().__new__(cls)
        for name, value in (own | facts).items():
            object.__setattr__(made, name, value)
        made._check_params(params)
        object.__setattr__(made, "params", dict(params))
        object.__setattr__(made, "_said", (tuple(own), tuple(facts)))
        made._validate()
        Term._cache[key] = made
        return made

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """Do nothing: an existing term must not be initialized again."""

    def __reduce__(self) -> Any:
        """Pickle as the term's attributes."""
        own, facts = (
            {name: object.__getattribute__(self, name) for name in names} for names in self._said
        )
        return _said_again, (type(self), own, facts, self.params)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: Any) -> Any:
        return self

    @classmethod
    def _pop_params(cls, kwargs: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
        wanted = cls.params
        text = isinstance(wanted, str) and len(wanted) > 1  # ("k") is as good as ("k",)
        if text or not all(isinstance(name, str) for name in wanted):
            raise InvalidTermParams(
                f"params of {cls.__name__} must be a list of names, or a dict of defaults by "
                f'name: was {wanted!r}; write e.g. params = ("decay",)'
            )
        if not isinstance(wanted, Mapping):
            wanted = dict.fromkeys(wanted, NotSpecified)
        values = []
        for name, default in wanted.items():
            value = kwargs.pop(name, default)
            if value is NotSpecified:
                raise TypeError(f"{cls.__name__} expected a keyword parameter {name!r}.")
            try:
                hash(value)
            except TypeError as error:
                raise TypeError(
                    f"{cls.__name__} expected a hashable value for parameter {name!r}, but got "
                    f"{value!r} instead."
                ) from error
            values.append((name, value))
        return tuple(values)

    def _check_params(self, params: tuple[tuple[str, Any], ...]) -> None:
        for name, _ in params:
            if hasattr(type(self), name):
                raise TypeError(
                    f"Parameter {name!r} of {type(self).__name__} conflicts with an attribute of "
                    "all terms: give it another name"
                )

    # Subclasses check their own attributes and call this.
    def _validate(self) -> None:
        return

    def __getitem__(self, asset: Any) -> Any:
        """Return the term's values for one asset, one per day.

        Raises:
            NonSliceableTerm: it is a column of a data set; take its `latest`.
        """
        from rbtlive.model.asset import Asset

        if not isinstance(asset, Asset):
            raise TypeError(f"a term is sliced by an asset: was {asset!r}; pass symbol('AAPL')")
        if isinstance(self, LoadableTerm):
            raise NonSliceableTerm(
                f"{self!r} cannot be sliced: slice a factor, e.g. .latest[asset]"
            )
        assert isinstance(self, ComputableTerm)
        return self._with_mixin(kind("SliceMixin"))(self, asset)

    @property
    def windowed(self) -> bool:
        """Whether a value is computed from several days of the inputs."""
        return self.window_length is not NotSpecified and self.window_length > 0

    def compute_extra_rows(self, _labels: Any, _start: int, min_extra_rows: int) -> int:
        """Return the number of rows computed before the first one.

        Args:
            _labels: Labels of all sessions.
            _start: Number of the first requested session.
            min_extra_rows: Minimum number of rows needed.
        """
        return min_extra_rows

    @property
    def dependencies(self) -> dict[Any, int]:
        """The terms to compute first, with the extra rows of each."""
        extra = max(0, self.window_length - 1)
        needed = dict.fromkeys(self.inputs, extra)
        if self.mask is not None:
            needed.setdefault(self.mask, 0)
        return needed

    def graph_repr(self) -> str:
        """Return a short text for diagrams."""
        return type(self).__name__

    def recursive_repr(self) -> str:
        """Return a short text for use inside another term's."""
        return type(self).__name__


# Bypasses the class's own `__new__`, which takes other arguments.
def _said_again(
    cls: type[Term], own: dict[str, Any], facts: dict[str, Any], params: dict[str, Any]
) -> Any:
    return Term.__new__(cls, **own, facts=facts, **params)


class LoadableTerm(Term):
    """A term whose values are loaded: a column of a data set."""


class AssetExists(Term):
    """Whether an asset is listed on a day: the default mask of all terms."""

    dtype = BOOL

    def __repr__(self) -> str:
        return "AssetExists()"

    graph_repr = __repr__
    recursive_repr = __repr__


LISTED: Final = AssetExists()
"""The one term of its kind."""


class InputDates(Term):
    """The days, one per row."""

    dtype = TIME
    ndim = 1
    window_safe = True


def _filter(cls: type, mask: object) -> ComputableTerm | AssetExists:
    if isinstance(mask, (ComputableTerm, AssetExists)) and mask.dtype == BOOL:
        return mask
    column, term = isinstance(mask, LoadableTerm), isinstance(mask, Term)
    raise no_filter(f"mask of {cls.__name__}", mask, column=column, term=term)


class ComputableTerm(Term):
    """A term that is computed from others: a factor, a filter or a classifier.

    Args:
        inputs: Terms or columns that it is computed from.
        outputs: Names of its values, if it has several.
        window_length: Number of days of each input per value; 0 is only the day itself.
        mask: Filter of the assets it is computed for; values of others are missing.

    Raises:
        TermInputsNotSpecified: no inputs are given.
        WindowLengthNotSpecified: no window length is given.
        NonPipelineInputs: an input is not a term.
        NonWindowSafeInput: it uses a window of a term that is not window-safe.
        TermOutputsEmpty: the list of outputs is empty.
        InvalidOutputName: an output's name is private or taken.
    """

    inputs: Any = NotSpecified
    window_length: Any = NotSpecified
    mask: Any = NotSpecified
    domain: Any = NotSpecified
    _reads_history = False  # whether it is handed all sessions with bars, as they were loaded

    def __new__(
        cls,
        inputs: Any = NotSpecified,
        outputs: Any = NotSpecified,
        window_length: Any = NotSpecified,
        mask: Any = NotSpecified,
        domain: Any = NotSpecified,
        *,
        facts: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return the term with these attributes; the same object each time."""
        inputs = cls.inputs if inputs is NotSpecified else inputs
        outputs = cls.outputs if outputs is NotSpecified else outputs
        mask = cls.mask if mask is NotSpecified else mask
        domain = cls.domain if domain is NotSpecified else domain
        if inputs is not NotSpecified:
            inputs = terms_of(cls.__name__, inputs)
            strange = [value for value in inputs if not isinstance(value, Term)]
            if strange:
                names = ", ".join(f"{value!r} ({type(value).__name__})" for value in strange)
                raise NonPipelineInputs(f"inputs of {cls.__name__} must be terms: was {names}")
        if domain is NotSpecified:
            domain = GENERIC if inputs is NotSpecified else infer_domain(inputs)
        length = cls.window_length if window_length is NotSpecified else window_length
        own = {
            "inputs": inputs,
            "outputs": outputs if outputs is NotSpecified else tuple(outputs),
            "window_length": days_of_window(cls.__name__, length),
            "mask": LISTED if mask is NotSpecified or mask is None else _filter(cls, mask),
        }
        return super().__new__(cls, domain=domain, facts=own | dict(facts or {}), **kwargs)

    def _validate(self) -> None:
        super()._validate()
        name = type(self).__name__
        if self.inputs is NotSpecified:
            raise TermInputsNotSpecified(
                f"{name} needs inputs: pass inputs=[USEquityPricing.close]"
            )
        if not isinstance(self.domain, Domain):
            raise TypeError(f"domain of {name} must be a Domain: was {self.domain!r}")
        self._check_outputs(name)
        if self.window_length is NotSpecified:
            raise WindowLengthNotSpecified(f"{name} needs a window_length: pass a count of days")
        if self.window_length > 1:
            for term in self.inputs:
                if not term.window_safe:
                    raise NonWindowSafeInput(
                        f"Can't compute windowed expression {name} with windowed input {term!r}: "
                        "its values cannot be compared over time; use returns, ranks or zscores"
                    )

    # `and`, `or` and `not` lose a term, but `base or default` is right.
    def __bool__(self) -> bool:
        warn_of_truth(self)
        return True

    if not TYPE_CHECKING:  # else every name would have a type

        def __getattr__(self, name: str) -> NoReturn:
            """Refuse a name that is not there, and say which one is near.

            Raises:
                AttributeError: always.
            """
            raise no_attribute(repr(type(self).__name__), name, dir(type(self)), what="attribute")

    def _check_outputs(self, name: str) -> None:
        outputs = object.__getattribute__(self, "outputs")
        if outputs is NotSpecified:
            return
        if not outputs:
            raise TermOutputsEmpty(f"{name} has an empty list of outputs: name at least one")
        taken = {attribute for attribute in dir(ComputableTerm) if not attribute.startswith("_")}
        for output in outputs:
            if output.startswith("_") or output in taken | {"compute"}:
                raise InvalidOutputName(
                    f"an output of {name} cannot be called {output!r}: the name is private or taken"
                )

    # Inputs are arrays, or windows for a windowed term; the result is rows x assets.
    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        raise NotImplementedError

    @classmethod
    def _principal_type(cls) -> Any:
        raise NotImplementedError

    @classmethod
    def _with_mixin(cls, mixin: Any) -> Any:
        return mixin.specialized(cls._principal_type())

    def downsample(self, frequency: str) -> Any:
        """Return the term computed only on the first session of each period, and kept
        until the next.

        Args:
            frequency: "year_start", "quarter_start", "month_start" or "week_start".
        """
        return self._with_mixin(kind("DownsampledMixin"))(self, frequency)

    def alias(self, name: str) -> Any:
        """Return the term under a name of its own.

        Raises:
            TypeError: the name is not text.
        """
        if not isinstance(name, str):
            raise TypeError(f"the name in alias() must be text: was {name!r}")
        return self._with_mixin(kind("AliasedMixin"))(self, name)

    def isnull(self) -> Any:
        """Return a filter that is True where a value is missing."""
        self._refuse_filter("isnull")
        return self.isnan() if self.dtype == FLOAT else kind("NullFilter")(self)  # type: ignore[attr-defined]

    def notnull(self) -> Any:
        """Return a filter that is True where a value is not missing."""
        self._refuse_filter("notnull")
        return kind("NotNullFilter")(self)

    def fillna(self, fill_value: Any) -> Any:
        """Return the term with missing values replaced by a value, or by another term's
        values.
        """
        self._refuse_filter("fillna")
        if isinstance(fill_value, LoadableTerm):
            raise TypeError(
                f"Can't use expression {fill_value!r} as a fill value. Did you mean to append "
                "'.latest?'"
            )
        if not isinstance(fill_value, ComputableTerm):
            value = coerced(f"fillna() of {type(self).__name__}", self.dtype, fill_value)
            fill_value = self._with_mixin(kind("ConstantMixin"))(
                const=value, dtype=self.dtype, missing_value=self.missing_value
            )
        return self.notnull().if_else(self, fill_value)

    def _refuse_filter(self, method: str) -> None:
        if self.dtype == BOOL:
            raise TypeError(f"{method}() is not supported for Filters")

    def postprocess(self, values: Any) -> Any:
        """Return a flat array of values in a pipeline's output form."""
        return [tuple(value) for value in values] if values.dtype.names else values

    def __repr__(self) -> str:
        inputs = ", ".join(term.recursive_repr() for term in self.inputs)
        return f"{type(self).__name__}([{inputs}], {self.window_length})"

    def recursive_repr(self) -> str:
        """Return a short text for use inside another term's."""
        return f"{type(self).__name__}(...)"


def is_missing(values: Any, missing: Any) -> Any:
    """Return where values are missing."""
    if values.dtype.kind == "f" and missing != missing:  # noqa: PLR0124 - NaN
        return np.isnan(values)
    if values.dtype.kind == "M" and np.isnat(missing):
        return np.isnat(values)
    if values.dtype == TEXT:
        return np.frompyfunc(lambda v: v is None or v == missing, 1, 1)(values).astype(bool)
    return values == missing
