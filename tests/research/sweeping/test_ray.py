"""A sweep on a ray cluster of this machine gives what this process gives."""

import importlib.util
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="ray is not installed: rbtlive[ray]"
)

# Ray gives its own parts seconds to start, which a busy machine does not have.
SETTINGS = {
    "PATH": "",
    "RAY_AUTH_MODE": "disabled",
    "RAY_agent_register_timeout_ms": "200000",
    "RAY_raylet_start_wait_time_s": "200",
}
# A process of its own: ray leaves threads and sockets in the one that starts it.
SCRIPT = """
import sys

from tests.research.sweeping.sweeps import SETS, DiesOnce, FailsOnThree, sweep

here = sweep(FailsOnThree).frame.drop("seconds")
there = sweep(FailsOnThree, workers=2, backend="ray").frame.drop("seconds")
died = sweep(DiesOnce, {**SETS, "note": sys.argv[1]}, workers=2, backend="ray")
print(there.equals(here), died.errors.height, len(died))
"""


def test_ray_gives_what_this_process_gives_and_a_killed_worker_loses_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "died")],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path), **SETTINGS},
    )

    assert (tmp_path / "died").exists(), done.stderr
    assert done.stdout.splitlines()[-1] == "True 0 6", done.stderr
