"""Compare a sweep on a ray cluster of this machine with one in this process, and kill a
worker in the middle.

`python scripts/check_ray.py`, with `pip install ".[test,ray]"`. The suite does not run
it: ray is an extra, and takes up to a minute to start.
"""

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

# Ray gives its own parts seconds to start, which a busy machine does not have.
SETTINGS = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_agent_register_timeout_ms": "200000",
    "RAY_raylet_start_wait_time_s": "200",
}


def problems() -> list[str]:
    """Return what differs on the cluster; nothing if all is well."""
    from tests.research.sweeping.sweeps import SETS, DiesOnce, FailsOnThree, sweep

    found = []
    here = sweep(FailsOnThree).frame.drop("seconds")
    if not sweep(FailsOnThree, workers=2, backend="ray").frame.drop("seconds").equals(here):
        found.append("a grid has other results on ray than in this process")
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "died"
        died = sweep(DiesOnce, {**SETS, "note": str(note)}, workers=2, backend="ray")
        if not note.exists():
            found.append("no worker died")
        if died.errors.height or len(died) != len(here):
            found.append(f"the death of a worker lost runs: {died.errors}")
    return found


if __name__ == "__main__":
    if importlib.util.find_spec("ray") is None:
        sys.exit('ray is not installed: pip install "rbtlive[ray]"')
    os.environ.update(SETTINGS)
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # for ray's workers
    wrong = problems()
    print("\n".join(wrong) or "sweeps on ray give what this process gives")
    sys.exit(bool(wrong))
