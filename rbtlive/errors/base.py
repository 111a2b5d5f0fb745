"""The base classes of every exception and warning of the package."""
# ruff: noqa: N818 - an exception's name says what happened, without the suffix Error

from __future__ import annotations

from typing import Any, ClassVar


class RbtliveError(Exception):
    """Base of every exception that this package raises itself."""

    def __str__(self) -> str:
        return ", ".join(
            str(part) for part in self.args
        )  # otherwise str() of a KeyError would show the repr


class RbtliveWarning(UserWarning):
    """Base of this package's Python warnings."""


class DataWarning(RbtliveWarning):
    """Part of the data was left out; the message counts it and names the first."""


class ZiplineError(RbtliveError):
    """Base of the exceptions that carry zipline's names.

    Accepts a message, or zipline's keyword arguments, which are listed after the
    class's own meaning. A subclass with a `msg` template has its keyword arguments
    inserted, as in zipline.

    Attributes:
        kwargs: The keyword arguments it was raised with.
    """

    msg: ClassVar[str | None] = None

    def __init__(self, message: str | None = None, /, **facts: object) -> None:
        self.kwargs = facts
        super().__init__(self._sentence(facts) if message is None else message)

    @property
    def message(self) -> str:
        """The text of the error."""
        return str(self)

    @classmethod
    def _sentence(cls, facts: dict[str, Any]) -> str:
        if cls.msg is not None:
            return cls.msg.format(**facts)
        if set(facts) == {"msg"}:
            return str(facts["msg"])
        meaning = (cls.__doc__ or cls.__name__).partition("\n")[0].rstrip(".")
        listed = ", ".join(f"{name} was {value}" for name, value in facts.items())
        return f"{meaning}: {listed}" if listed else meaning


class NotBuilt(RbtliveError, NotImplementedError):
    """A feature of zipline that this package does not have; the message names it."""


class MissingExtra(RbtliveError, ImportError):
    """A package of an optional extra is not installed; the message names the extra."""
