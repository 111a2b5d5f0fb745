"""Nested event loops, for `loop.run_until_complete` inside a cell.

The rule: only on request. This package never needs a patched loop.
"""

from __future__ import annotations

import asyncio

from rbtlive.errors import MissingExtra
from rbtlive.model.calls import warn_user


def enable_nested_loop() -> None:
    """Allow the running loop to be run again from inside, using nest-asyncio2, the
    maintained successor of nest-asyncio.

    Raises:
        MissingExtra: nest-asyncio2 is not installed.
    """
    warn_of_archived_patch()
    try:
        import nest_asyncio2
    except ImportError:
        raise MissingExtra(
            "enable_nested_loop() needs nest-asyncio2: install it with pip install "
            "'rbtlive[nested]'"
        ) from None
    nest_asyncio2.apply()


def warn_of_archived_patch() -> None:
    """Warn if the archived nest-asyncio has patched asyncio: with ipykernel 7, cells
    are then lost silently.
    """
    if (
        asyncio.run.__module__ == "nest_asyncio"
    ):  # both packages leave the same mark; the functions show which one it was
        warn_user(
            "nest_asyncio has patched asyncio: it is archived, and with ipykernel 7 a cell queued "
            "during a nested run never "
            "gets its reply; restart the kernel without nest_asyncio.apply(): rbtlive does not "
            "need it, and where you do, "
            "rbtlive.enable_nested_loop() loses no cell",
            RuntimeWarning,
        )
