"""The value for an argument that was left out."""

from __future__ import annotations

from typing import Final


class NotSpecifiedType:
    """The type of `NotSpecified`."""

    def __repr__(self) -> str:
        return "NotSpecified"

    def __reduce__(self) -> str:
        return "NotSpecified"


NotSpecified: Final = NotSpecifiedType()
