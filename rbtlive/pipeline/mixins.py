"""Shared behaviour of factors, filters and classifiers: custom computations, names,
slices, downsampling, choices and constants.

The rule: a mixin defines how values are computed; the class it is mixed into defines
their type.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from rbtlive.errors import (
    NoFurtherDataError,
    NonExistentAssetInTimeFrame,
    UnsupportedDataType,
    WindowLengthNotPositive,
)
from rbtlive.model.arrays import np
from rbtlive.pipeline.kinds import registered
from rbtlive.pipeline.selections import Selections
from rbtlive.pipeline.sentinels import NotSpecified
from rbtlive.pipeline.term import BOOL, TEXT, Term


class RestrictedDType(Term):
    """A term whose values are limited to some types."""

    ALLOWED_DTYPES: ClassVar[frozenset[Any]] = frozenset()
    DTYPE_HINT: ClassVar[str] = ""

    def _validate(self) -> None:
        super()._validate()
        if self.dtype not in self.ALLOWED_DTYPES:
            allowed = ", ".join(sorted(str(dtype) for dtype in self.ALLOWED_DTYPES))
            kinds = {
                "CustomFilter": (BOOL,),
                "CustomClassifier": (np.dtype("O"), np.dtype("int64")),
                "CustomFactor": (np.dtype("float64"), np.dtype("datetime64[ns]")),
            }
            hint = next((kind for kind, dtypes in kinds.items() if self.dtype in dtypes), "")
            raise UnsupportedDataType(
                f"{type(self).__name__} instances with dtype {self.dtype} are not supported: "
                f"expected {allowed}" + (f"; did you mean to create a {hint}?" if hint else "")
            )


class SingleInputMixin(Term):
    """A term with exactly one input."""

    def _validate(self) -> None:
        super()._validate()
        if len(self.inputs) != 1:
            raise ValueError(
                f"{type(self).__name__} expects only one input, but received {len(self.inputs)} "
                "instead."
            )


class StandardOutputs(Term):
    """A term with one value per asset and day."""

    def _validate(self) -> None:
        super()._validate()
        if self.outputs is not NotSpecified:
            raise ValueError(
                f"{type(self).__name__} does not support custom outputs, but received custom "
                f"outputs={self.outputs}."
            )


class PositiveWindowLengthMixin(Term):
    """A term whose window has at least one row."""

    def _validate(self) -> None:
        super()._validate()
        if not self.windowed:
            raise WindowLengthNotPositive(
                f"window_length of {type(self).__name__} must be at least 1: was "
                f"{self.window_length}"
            )


def computes_many_days(kind: type) -> bool:
    """Say whether a class can compute many days at once: a subclass that only overrides
    `compute` cannot.
    """

    def definer(name: str) -> type:
        return next(one for one in kind.__mro__ if name in vars(one))

    owner = definer("_whole")
    return owner is not CustomTermMixin and owner is definer("compute")


class _Calls:
    """Calls a term's `compute`, day by day.

    Windows are read-only views. A `compute` that writes into one is called again with
    copies, and from then on always: zipline's windows are copies, except those of one
    column.
    """

    def __init__(self, term: Any) -> None:
        self._term = term
        self._compute = term.compute
        self._params = term.params
        self._writes = False

    def __call__(self, day: Any, sids: Any, out: Any, inputs: Any) -> None:
        windows = [next(one) for one in inputs]
        if not self._writes:
            try:
                self._compute(day, sids, out, *windows, **self._params)
            except ValueError as error:
                if "read-only" not in str(error):
                    raise
                out[...] = self._term._allocate(out.shape)  # noqa: SLF001 - as it was before
                self._writes = True
            else:
                return
        copies = [one if one.shape[1] == 1 else one.copy() for one in windows]
        self._compute(day, sids, out, *copies, **self._params)


class CustomTermMixin(Term):
    """A term whose `compute` is called once a day with that day's windows."""

    def compute(self, today: Any, assets: Any, out: Any, *inputs: Any) -> None:
        """Write the day's values into `out`.

        Args:
            today: The day's label, a pandas Timestamp.
            assets: Sids of the assets, a pandas Index.
            out: One element per asset, missing until it is written.
            *inputs: One window per input, days x assets; then the params, by name. No
                other code sees changes to a window.
        """
        raise NotImplementedError(f"{type(self).__name__} must define a compute method")

    # Rows that can be computed together instead of day by day; None if they cannot.
    def _whole(self, windows: Any, mask: Any) -> Any:  # noqa: ARG002 - for subclasses
        return None

    def _allocate(self, shape: tuple[int, ...]) -> Any:
        outputs = object.__getattribute__(self, "outputs")
        if outputs is NotSpecified:
            return np.full(shape, self.missing_value, dtype=self.dtype)
        out = np.recarray(shape, formats=[self.dtype.str] * len(outputs), names=outputs)
        out[:] = tuple(self.missing_value for _ in outputs)
        return out

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        if computes_many_days(type(self)):
            whole = self._whole(inputs, mask)
            if whole is not None:
                return whole
        if self.ndim == 1:
            return self._by_day_alone(inputs, dates, assets, mask)
        out, missing = self._allocate(mask.shape), self._allocate(mask.shape[1:])
        selections = getattr(inputs[0], "selections", None) if inputs else None
        selections = selections or Selections(mask)
        call, until = _Calls(self), 0
        for row, day in enumerate(dates):
            if row >= until:
                selection = selections.at(row)
                until, places = selection.until, selection.places
                sids = assets if places is None else assets.take(places)
            if places is None:
                call(day, sids, out[row], inputs)
            else:
                values = missing[: len(places)].copy()
                call(day, sids, values, inputs)
                out[row][places] = values
        return out

    # One value per day.
    def _by_day_alone(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        out = self._allocate((len(mask), 1))
        call = _Calls(self)
        for row, day in enumerate(dates):
            values = out[row].copy()
            call(day, assets[mask[row]], values, inputs)
            out[row] = values
        return out

    def graph_repr(self) -> str:
        """Return a short text for diagrams."""
        return f"{type(self).__name__}\nwindow_length: {self.window_length}"


class LatestMixin(SingleInputMixin):
    """The last known value of a column."""

    window_length = 1

    def compute(self, today: Any, assets: Any, out: Any, data: Any) -> None:
        """Write the last row."""
        del today, assets
        out[:] = data[-1]

    def _validate(self) -> None:
        super()._validate()
        if self.inputs[0].dtype != self.dtype:
            raise TypeError(
                f"{type(self).__name__} expected an input of dtype {self.dtype}, but got "
                f"{self.inputs[0].dtype} instead."
            )

    def graph_repr(self) -> str:
        """Return a short text for diagrams."""
        return "Latest"


class UniversalMixin(Term):
    """A feature that factors, filters and classifiers can all have."""

    PREFIX: ClassVar[str] = ""
    _specialized: ClassVar[dict[Any, Any]] = {}

    @classmethod
    def specialized(cls, principal: Any) -> Any:
        """Return this mixin's class for factors, filters or classifiers."""
        key = (cls, principal)
        if key not in UniversalMixin._specialized:
            name = cls.PREFIX + principal.__name__
            UniversalMixin._specialized[key] = type(
                name, (cls, principal), {"__module__": __name__}
            )
        return UniversalMixin._specialized[key]

    def __reduce__(self) -> Any:
        """Pickle as the parts of the class, because no module has a name for it."""
        make, (kind, *said) = super().__reduce__()
        return _of_specialized, (make, *kind.__bases__, *said)


def _of_specialized(make: Any, mixin: Any, principal: Any, *said: Any) -> Any:
    return make(mixin.specialized(principal), *said)


@registered("AliasedMixin")
class AliasedMixin(SingleInputMixin, UniversalMixin):
    """A term under another name."""

    PREFIX = "Aliased"
    name: str

    def __new__(cls, term: Any, name: str) -> Any:
        """Return `term` under a name."""
        return super().__new__(
            cls,
            inputs=(term,),
            outputs=term.outputs,
            window_length=0,
            dtype=term.dtype,
            missing_value=term.missing_value,
            ndim=term.ndim,
            window_safe=term.window_safe,
            facts={"name": name},
        )

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets, mask
        return inputs[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inputs[0].recursive_repr()}, name={self.name!r})"

    def graph_repr(self) -> str:
        """Return the name."""
        return self.name


FREQUENCIES: Final = ("year_start", "quarter_start", "month_start", "week_start")


def period_starts(labels: Any, frequency: str) -> Any:
    """Return the indices of labels that begin a new year, quarter, month or ISO
    week.

    Args:
        labels: Days, datetime64, ascending.
        frequency: One of `FREQUENCIES`.
    """
    days = labels.astype("datetime64[D]")
    months = days.astype("datetime64[M]").astype(np.int64)
    period = {
        "year_start": lambda: days.astype("datetime64[Y]").astype(np.int64),
        "quarter_start": lambda: months // 3,
        "month_start": lambda: months,
        "week_start": lambda: (days.astype(np.int64) + 3) // 7,
    }[frequency]()
    return np.flatnonzero(np.concatenate([[True], period[1:] != period[:-1]]))


@registered("DownsampledMixin")
class DownsampledMixin(StandardOutputs, UniversalMixin):
    """A term that is computed on the first session of each period, and kept."""

    PREFIX = "Downsampled"
    window_safe = False
    frequency: str
    wrapped: Any

    def __new__(cls, term: Any, frequency: str) -> Any:
        """Return `term` computed once a period.

        Raises:
            ValueError: the frequency is unknown.
        """
        if frequency not in FREQUENCIES:
            raise ValueError(
                f"frequency in downsample() must be one of {', '.join(FREQUENCIES)}: was "
                f"{frequency!r}"
            )
        return super().__new__(
            cls,
            inputs=term.inputs,
            outputs=term.outputs,
            window_length=term.window_length,
            mask=term.mask,
            dtype=term.dtype,
            missing_value=term.missing_value,
            ndim=term.ndim,
            facts={"frequency": frequency, "wrapped": term},
        )

    def compute_extra_rows(self, labels: Any, start: int, min_extra_rows: int) -> int:
        """Return enough rows to start at the first session of a period."""
        current = start - min_extra_rows
        if current < 0:
            raise NoFurtherDataError(
                f"{self!r} needs {min_extra_rows} sessions before {labels[start]}, but "
                "the calendar "
                f"begins on {labels[0]}: start later"
            )
        first = int(period_starts(labels[: current + 1], self.frequency)[-1])
        return min_extra_rows + current - first

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        samples = set(period_starts(dates.values, self.frequency).tolist())
        rows: list[Any] = []
        for row in range(len(dates)):
            if row not in samples:
                rows.append(rows[-1])
                continue
            if self.windowed:
                for windows in inputs:
                    windows.skip_to(row)
            given = inputs if self.windowed else [values[[row]] for values in inputs]
            one = slice(row, row + 1)
            rows.append(self._sample(given, dates[one], assets, mask[one]))
        return np.vstack(rows)

    # Day by day even if whole matrices were possible, because only some days are
    # wanted.
    def _sample(self, given: Any, day: Any, assets: Any, mask: Any) -> Any:
        if not self.windowed:
            return self.wrapped._compute(given, day, assets, mask)  # noqa: SLF001
        held = [OneWindow(next(windows)) for windows in given]
        return self.wrapped._compute(held, day, assets, mask)  # noqa: SLF001


class OneWindow:
    """A single window, as `InputWindows` of one day.

    Args:
        window: Days x assets, already masked.
    """

    def __init__(self, window: Any) -> None:
        self.window = window

    def skip_to(self, day: int) -> None:
        """Do nothing: there is only one day."""

    def __next__(self) -> Any:
        return self.window


@registered("SliceMixin")
class SliceMixin(UniversalMixin):
    """One asset's values, one per day."""

    PREFIX = "Sliced"
    asset: Any

    def __new__(cls, term: Any, asset: Any) -> Any:
        """Return the values of `term` for `asset`."""
        return super().__new__(
            cls,
            inputs=[term],
            window_length=0,
            mask=term.mask,
            dtype=term.dtype,
            missing_value=term.missing_value,
            window_safe=term.window_safe,
            ndim=1,
            facts={"asset": asset},
        )

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del mask
        column = int(np.searchsorted(assets.values, self.asset.sid))
        if column >= len(assets) or assets[column] != self.asset.sid:
            raise no_such_asset(self.asset, dates)
        return inputs[0][:, [column]]

    def __repr__(self) -> str:
        return f"{self.inputs[0].recursive_repr()}[{self.asset}]"


def no_such_asset(asset: Any, dates: Any) -> NonExistentAssetInTimeFrame:
    """Return the error for an asset that is not listed when a term needs it."""
    return NonExistentAssetInTimeFrame(
        f"The target asset {asset!r} does not exist for the entire timeframe between "
        f"{dates[0].date()} and {dates[-1].date()}: start later, or choose another asset"
    )


class IfElseMixin(UniversalMixin):
    """The values of one of two terms."""

    PREFIX = "IfElse"
    window_length = 0

    def __new__(cls, condition: Any, if_true: Any, if_false: Any) -> Any:
        """Return `if_true` where `condition` is True, otherwise `if_false`."""
        return super().__new__(
            cls,
            inputs=[condition, if_true, if_false],
            dtype=if_true.dtype,
            ndim=if_true.ndim,
            missing_value=if_true.missing_value,
            window_safe=condition.window_safe and if_true.window_safe and if_false.window_safe,
            outputs=if_true.outputs,
        )

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del dates, assets, mask
        return np.where(*inputs)


@registered("ConstantMixin")
class ConstantMixin(StandardOutputs, UniversalMixin):
    """The same value for every asset and day."""

    PREFIX = "Constant"
    window_length = 0
    inputs = ()
    params: Any = ("const",)

    def _compute(self, inputs: Any, dates: Any, assets: Any, mask: Any) -> Any:
        del inputs, dates, assets
        return np.full(mask.shape, self.params["const"], dtype=self.dtype)


__all__ = [
    "TEXT",
    "AliasedMixin",
    "ConstantMixin",
    "CustomTermMixin",
    "DownsampledMixin",
    "IfElseMixin",
    "LatestMixin",
    "OneWindow",
    "PositiveWindowLengthMixin",
    "RestrictedDType",
    "SingleInputMixin",
    "SliceMixin",
    "StandardOutputs",
    "UniversalMixin",
    "computes_many_days",
    "no_such_asset",
    "period_starts",
]
