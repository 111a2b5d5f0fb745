"""The operator's guide names, for every fault, a test that exists."""

import ast
import re

import pytest

from tests.docs.documents import ROOT, read

GUIDE = ROOT / "docs" / "operators-guide.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
HEADER = "| what happens | what you see | what the session does | what you do | shown by |"


def fault_rows(text):
    """Return the cells of all rows of the tables of faults."""
    found = []
    for table in text.split(HEADER)[1:]:
        lines = table.split("\n\n")[0].strip().splitlines()[1:]
        found += [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return found


def missing(text):
    """Return the tests that a text names and that do not exist."""
    return [f"{path}::{name}" for path, name in NAMED.findall(text) if name not in functions(path)]


def functions(path):
    """Return the names of a file's functions; none if there is no such file."""
    file = ROOT / path
    tree = ast.parse(read(file)) if file.exists() else ast.Module([], [])
    return {
        node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


def test_every_test_that_the_guide_names_exists():
    assert missing(read(GUIDE)) == []


def test_a_name_that_leads_nowhere_is_found():
    text = "`tests/docs/test_operators_guide.py::test_nothing` `tests/none.py::test_it`"

    assert missing(text) == [
        "tests/docs/test_operators_guide.py::test_nothing",
        "tests/none.py::test_it",
    ]


@pytest.mark.parametrize("row", fault_rows(read(GUIDE)), ids=lambda row: row[0][:40])
def test_every_fault_has_all_its_cells_and_a_test(row):
    assert len(row) == 5
    assert all(row)
    assert NAMED.search(row[4])
    assert not NAMED.sub("", row[4]).strip()


@pytest.mark.parametrize(
    "fault",
    ["killed, at any instant", "times out", "fills are lost", "the feed drops", "bad bars", "a callback raises", "holds the loop",
     "a limit is passed", "the disk is full", "torn off", "damaged in the middle", "a position differs", "SIGTERM", "keys", "markup",
     "run again, a hundred times", "more comes than can be processed"],
)  # fmt: skip
def test_every_fault_that_a_session_must_survive_has_a_row(fault):
    assert any(fault in row[0] for row in fault_rows(read(GUIDE)))


def test_the_commands_of_the_guide_lead_to_files():
    for path in re.findall(
        r"`(?:\w+=\d+ )?python (?:-m pytest )?((?:scripts|tests)/[\w/]+\.py)", read(GUIDE)
    ):
        assert (ROOT / path).exists(), path
