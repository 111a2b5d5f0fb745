"""The files whose tests take longest begin first: a worker that is given one at the end
works on alone while the others have nothing left to do.

xdist would begin with the files of most tests, and end with two that start clusters.
"""

from collections.abc import Iterable

LONGEST = (
    "notebooks/test_notebooks.py",
    "parity/test_zipline_parity.py",
    "simulation/test_found.py",
    "simulation/test_promises.py",
    "simulation/test_seeds.py",
    "research/sweeping/test_pools.py",
    "faults/test_kill_screened.py",
    "faults/test_kill_at_venue.py",
    "faults/test_kill.py",
    "properties/test_stored_minutes.py",
    "deck/test_deck.py",
    "research/sweeping/test_signals.py",
    "notebook/test_session_swap.py",
    "faults/test_contained.py",
    "notebook/test_kernel_abuse.py",
    "notebook/test_session_positions.py",
    "faults/test_memory.py",
    "notebook/test_kernel_life.py",
    "notebook/test_panel_kernel.py",
    "benchmarks/test_hot_loops.py",
    "pipeline/test_published_live.py",
    "packaging/test_import.py",
    "runtime/test_ordinary_slices.py",
    "runtime/test_journal_processes.py",
    "notebook/test_kernel_steering.py",
    "notebook/test_kernel_contained.py",
    "docs/test_examples.py",
)
"""Files with more than ten seconds of work or waiting, by how much; the others follow in
the order of their names.
"""
_PLACES = {f"tests/{name}": place for place, name in enumerate(LONGEST)}


def place_of(node_id: str) -> int:
    """Return the place of a test's file among the longest, or that of all others."""
    return _PLACES.get(node_id.partition("::")[0], len(LONGEST))


def unknown(files: Iterable[str]) -> list[str]:
    """Return the files named here that are not among those that there are."""
    return sorted(set(_PLACES) - set(files))
