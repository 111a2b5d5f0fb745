"""Errors while a session runs, and of results that cannot be read."""
# ruff: noqa: N818 - an exception's name says what happened, without the suffix Error

from __future__ import annotations

import queue

from rbtlive.errors.base import RbtliveError


class EngineError(RbtliveError):
    """The engine cannot do this now."""


class EngineStopped(EngineError):
    """The engine has stopped and accepts no more events."""


class StrategyExited(EngineError):
    """A callback, a feed or a broker's adapter raised an exception that ends programs
    or tasks, such as SystemExit; it ended only its session.
    """


class TooManyErrors(EngineError):
    """Callbacks failed too many times in a row."""


class InvariantBroken(EngineError):
    """An invariant is broken: this is a bug, and the run must stop."""


class AmountTooLarge(EngineError, ArithmeticError):
    """A sum of money has more digits than the ledger keeps."""


class IllegalTransition(EngineError):
    """An order cannot change from its state to the requested one."""


class UnknownOrder(EngineError, LookupError):
    """No order has this id."""


class QueueFull(EngineError, queue.Full):
    """The queue holds as much market data as it may."""


class QueueEmpty(EngineError, queue.Empty):
    """The queue holds nothing."""


class FeedError(RbtliveError):
    """A feed failed."""


class FeedDisconnected(FeedError, ConnectionError):
    """A feed's source was lost and did not come back."""


class InvalidBar(FeedError, ValueError):
    """A feed gave an object that is not a usable bar."""


class BrokerError(RbtliveError):
    """A broker failed."""


class OrderRefused(BrokerError):
    """A broker finally rejected an order."""


class ReconciliationFailed(BrokerError):
    """A broker's books differ from the run's without an explanation."""


class ResultError(RbtliveError):
    """A saved result cannot be used."""


class ResultVersion(ResultError):
    """A saved result was written in another format."""


class ResultCorrupt(ResultError):
    """A saved result was changed or damaged."""
