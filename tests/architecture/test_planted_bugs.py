"""The lists of planted bugs fit the code: each changes a text that stands there once."""

import pytest

from scripts.plant_bugs import BUGS
from scripts.plant_pipeline_bugs import CHANGES
from tests.architecture.sources import PACKAGE

PLANTED = [(bug.name, bug.file, bug.old) for bug in BUGS]
PLANTED += [(name, file, old) for name, file, old, _new in CHANGES]


@pytest.mark.parametrize(("name", "file", "old"), PLANTED, ids=[name for name, *_ in PLANTED])
def test_a_bug_can_be_planted(name, file, old):
    text = (PACKAGE / file).read_text(encoding="utf-8")

    assert text.count(old) == 1, f"{name}: adapt the list to today's code"
