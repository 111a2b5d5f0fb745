"""Nesting event loops, for people who want `loop.run_until_complete` inside a cell.

The rule: only on request. Nothing in this package needs a patched loop.
"""

from __future__ import annotations

import asyncio
import sys
import warnings

from rbtlive.errors import MissingExtra


def enable_nested_loop() -> None:
    """Let the running loop be run again from within, by nest-asyncio2, the maintained successor of nest-asyncio.

    Raises:
        MissingExtra: nest-asyncio2 is not installed.
    """
    try:
        import nest_asyncio2
    except ImportError:
        raise MissingExtra(
            "enable_nested_loop() needs nest-asyncio2: install it with pip install 'rbtlive[nested]'"
        ) from None
    warn_of_archived_patch()
    nest_asyncio2.apply()


def warn_of_archived_patch() -> None:
    """Warn if the archived nest-asyncio has patched asyncio: with ipykernel 7.4 cells are lost without a word."""
    archived = sys.modules.get("nest_asyncio")
    if archived is not None and hasattr(asyncio, "_nest_patched") and "nest_asyncio2" not in sys.modules:
        warnings.warn(
            "nest_asyncio has patched asyncio: it is archived, and with ipykernel 7.4 a cell queued during a nested run never "
            "gets its reply; rbtlive does not need it, or use rbtlive.enable_nested_loop()",
            RuntimeWarning,
            stacklevel=3,
        )
