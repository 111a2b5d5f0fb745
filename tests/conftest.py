"""What holds for every test."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.no_skips import pytest_make_collect_report, pytest_runtest_makereport
from tests.order import place_of

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]

# No test asserts on a clock, and a busy machine is no failure; in CI the examples are
# the same ones every time.
_CALM = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("developer", **_CALM)
settings.register_profile("ci", derandomize=True, **_CALM)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


@pytest.hookimpl(optionalhook=True)  # other Pythons run without xdist
def pytest_xdist_auto_num_workers() -> int:
    """One more worker than processors: tests of kernels and sessions also wait."""
    return 1 + (os.cpu_count() or 1)


def pytest_configure(config):
    """Keep xdist from ordering files anew, by how many tests they have."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items):
    """Begin with the longest files. Let a test of a real kernel or browser fail once:
    these wait for processes that are not ours, with time limits. The summary names each
    that was run again.
    """
    items.sort(key=lambda item: place_of(item.nodeid))
    for item in items:
        if item.get_closest_marker("browser") or item.get_closest_marker("kernel"):
            item.add_marker(pytest.mark.flaky(reruns=1))
