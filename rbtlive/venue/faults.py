"""Faults between the venue and its clients that can be switched on.

The rule: every fault draws from its own seeded generator, so the same requests meet the
same faults.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

RestKind = Literal[
    "delay", "delay_after", "error", "error_after", "rate_limit", "reset_before", "reset_after"
]
StreamKind = Literal["delay", "drop", "duplicate", "reorder", "silence", "disconnect"]
RestPlace = Literal["submit", "cancel", "orders", "account", "data", "other", "rest"]
StreamPlace = Literal["trade_updates", "market_data", "streams"]

REST_KINDS = frozenset(get_args(RestKind))
STREAM_KINDS = frozenset(get_args(StreamKind))
STREAM_PLACES = frozenset(get_args(StreamPlace))


class Fault(BaseModel):
    """One fault.

    Attributes:
        kind: The kind of fault. For requests: "delay" and "error" (5xx) occur before
            the request is processed, "delay_after" and "error_after" after it;
            "rate_limit" is a 429; "reset_before" and "reset_after" cut the connection.
            For streams: "delay", "drop", "duplicate", "reorder" (a message is sent
            after the next one), "silence" (only heartbeats) and "disconnect".
        where: The requests or stream that it affects; "rest" and "streams" mean all of
            them.
        probability: Chance per request or message.
        count: Maximum number of occurrences; None is unlimited.
        seed: Seed of its random generator.
        delay_s: Seconds, for the delays.
        status: HTTP status, for the errors.
        retry_after_s: Seconds to wait that a 429 asks for; None does not say.
        event: Only trade updates with this event.
        hits: Number of occurrences so far.
    """

    model_config = ConfigDict(extra="forbid")

    kind: RestKind | StreamKind
    where: RestPlace | StreamPlace
    probability: float = Field(default=1.0, ge=0, le=1)
    count: int | None = Field(default=None, ge=0)
    seed: int = 0
    delay_s: float = Field(default=0.1, ge=0, le=600)
    status: int = Field(default=503, ge=500, le=599)
    retry_after_s: int | None = Field(default=None, ge=0, le=600)
    event: str | None = None
    hits: int = 0
    _chances: random.Random = PrivateAttr()

    def model_post_init(self, _context: object, /) -> None:
        """Create its random generator."""
        self._chances = random.Random(self.seed)  # noqa: S311 - chances of faults, not secrets

    @model_validator(mode="after")
    def _kind_fits_place(self) -> Fault:
        kinds = STREAM_KINDS if self.where in STREAM_PLACES else REST_KINDS
        if self.kind not in kinds:
            raise ValueError(
                f"kind at {self.where} must be one of {', '.join(sorted(kinds))}: was {self.kind}"
            )
        return self

    def strikes(self) -> bool:
        """Decide at random whether it occurs now, and count it."""
        if self.count is not None and self.hits >= self.count:
            return False
        if self._chances.random() >= self.probability:
            return False
        self.hits += 1
        return True


class Faults:
    """The active faults, in order."""

    def __init__(self) -> None:
        self.active: list[Fault] = []

    def switch(self, specs: Iterable[Mapping[str, Any]]) -> None:
        """Replace all faults.

        Raises:
            ValidationError: a fault is invalid; then nothing changes.
        """
        self.active = [Fault.model_validate(dict(spec)) for spec in specs]

    def at_request(self, place: str) -> list[Fault]:
        """Return the faults that occur for a request."""
        return [f for f in self.active if f.where in (place, "rest") and f.strikes()]

    def at_message(self, place: str, event: str | None = None) -> list[Fault]:
        """Return the faults that occur for a stream's message."""
        return [
            f
            for f in self.active
            if f.where in (place, "streams") and f.event in (None, event) and f.strikes()
        ]
