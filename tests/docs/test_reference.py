"""The reference has every exported name, with the parameters that it takes now."""

import inspect
import re

import pytest

import rbtlive
from scripts.make_reference import GROUPS, described, reference
from tests.docs.documents import ROOT, read

PAGE = read(ROOT / "docs" / "reference.md")


def part_of(page, name):
    """Return what the page says of a name."""
    return re.split(
        r"^##+ ", page[page.index(f"\n### {name}\n") + 5 :], maxsplit=1, flags=re.MULTILINE
    )[0]


@pytest.mark.parametrize("name", sorted(rbtlive.__all__))
def test_an_exported_name_is_described_with_its_parameters(name):
    thing = getattr(rbtlive, name)

    part = part_of(PAGE, name)

    assert " ".join((thing.__doc__ or "").strip().splitlines()[0].split()) in " ".join(part.split())
    if inspect.isfunction(thing):
        call = part.split("`")[1]
        assert [
            p for p in inspect.signature(thing).parameters if not re.search(rf"[(* ]{p}\b", call)
        ] == []


def test_the_groups_name_every_export_once():
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(rbtlive.__all__)


def test_the_page_is_made_of_the_docstrings():
    assert part_of(reference(), "BacktestResult").startswith(
        "BacktestResult\n\n`rbt.BacktestResult(record, *, context=None, bars=None)`"
    )
    assert list(
        described("Do it.\n\nArgs:\n    what: Which\n        of them.\n\nReturns:\n    That.")
    ) == [
        "Do it.",
        "",
        "",
        "*Args:*",
        "",
        "* `what`: Which",
        "  of them.",
        "",
        "",
        "*Returns:*",
        "",
        "That.",
    ]
