"""An environment of its own for every peer, made once.

Its rule: versions are pinned here and nowhere else; nothing is installed beside
rbtlive.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = {
    "backtesting": ("backtesting==0.6.6",),
    "bt": ("bt==1.4.1",),
    "backtrader": ("backtrader==1.9.78.123", "pandas", "numpy"),
    "basana": ("basana==1.11", "numpy"),
    "nautilus": ("nautilus_trader==1.221.0",),
    "zipline": ("zipline-reloaded==3.2.1",),
}


def folder() -> Path:
    """Return where environments and workloads go: RBTLIVE_BENCH, by default `.bench` in
    the working directory.
    """
    return Path(os.environ.get("RBTLIVE_BENCH", ".bench")).absolute()


def python_of(peer: str, root: Path) -> Path:
    """Return the interpreter of a peer's environment, made first if it is not there or
    out of date.
    """
    requirements = REQUIREMENTS[peer]
    place = root / "venvs" / peer
    python = place / "bin" / "python"
    stamp, wanted = place / "made-of", hashlib.sha256("\n".join(requirements).encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == wanted):
        print(
            f"making an environment for {', '.join(requirements)} ...", file=sys.stderr, flush=True
        )
        venv.create(place, with_pip=True, clear=True)
        subprocess.run(
            [
                python,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                *requirements,
            ],
            check=True,
        )
        stamp.write_text(wanted)
    return python
