"""A run that takes too long is ended, and nothing of it is left in its thread."""

import subprocess
import sys

import pytest

from rbtlive.research.sweeping.time_limit import RunTimedOut, time_limit

PROFILED = """
import sys
from rbtlive.research.sweeping.time_limit import RunTimedOut, time_limit

def turn(times):
    for _ in range(times):
        pass

with time_limit(60):
    turn(10)
try:
    with time_limit(0.01):
        while True:
            turn(10)
except RunTimedOut:
    print("timed out")
try:
    with time_limit(0.01):
        try:
            while True:
                turn(10)
        except:
            pass
except RunTimedOut:
    pass

calls = []
sys.setprofile(lambda frame, event, argument: calls.append(event))
turn(10)
sys.setprofile(None)
print(len(calls) > 0)
"""


def test_a_profiled_thread_goes_on_after_runs_with_and_without_a_timeout():
    """Python 3.11 stands still where an exception is held to be under way for ever."""
    done = subprocess.run(
        [sys.executable, "-c", PROFILED], capture_output=True, text=True, timeout=120, check=True
    )

    assert done.stdout.split() == ["timed", "out", "True"]


def endless():
    while True:
        pass


def test_what_is_raised_does_not_reach_what_comes_after():
    for _ in range(50):
        with pytest.raises(RunTimedOut), time_limit(0.001):
            endless()
        for _ in range(1000):
            pass
