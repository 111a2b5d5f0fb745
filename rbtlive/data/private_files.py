"""Files that only their owner can read: trades, and the bars behind them.

The rule: a file has its permissions before it has content.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, replacing an existing one."""
    with open(path, "wb", opener=_opener) as file:
        file.write(content)


def make_private(path: Path) -> None:
    """Create an empty file that only its owner can read, unless it exists."""
    os.close(_opener(os.fspath(path), os.O_WRONLY | os.O_CREAT))


def _opener(path: str, flags: int) -> int:
    file = os.open(path, flags, 0o600)
    if hasattr(os, "fchmod"):  # whatever the umask would leave
        os.fchmod(file, 0o600)
    return file
