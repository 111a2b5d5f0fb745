"""A run that takes too long is ended, and nothing of it is left in its thread."""

import subprocess
import sys

import pytest

BEGIN = """
import sys, time
from rbtlive.research.sweeping import time_limit
from rbtlive.research.sweeping.time_limit import RunTimedOut, call_within

def endless():
    while True:
        pass

def swallowing():
    try:
        endless()
    except:
        pass
"""
PROFILED = """
call_within(60, lambda: None)
try:
    call_within(0.01, endless)
except RunTimedOut:
    print("timed out")
try:
    call_within(0.01, swallowing)
except RunTimedOut:
    pass

calls = []
sys.setprofile(lambda frame, event, argument: calls.append(event))
time.sleep(0)
sys.setprofile(None)
print(len(calls) > 0)
"""
AFTERWARDS = """
time_limit.AGAIN_S = 0.005
for turn in range(400):  # so short that it comes between any two steps
    try:
        call_within(0.00001 * turn, lambda: [None for _ in range(turn)])
    except RunTimedOut:
        pass
end = time.monotonic() + 0.5
while time.monotonic() < end:
    sum(range(100))
print("quiet")
"""


@pytest.mark.parametrize(
    ("code", "said"), [(PROFILED, ["timed", "out", "True"]), (AFTERWARDS, ["quiet"])]
)
def test_nothing_of_a_timeout_is_left_in_its_thread(code, said):
    """Python 3.11 lets a profiled thread stand still where an exception is held to be
    under way for ever.
    """
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.stdout.split(), done.stderr) == (said, "")
