"""The documentation site is whole, and loads nothing from elsewhere."""

import re
import subprocess
import sys

import pytest

from tests.docs.documents import ROOT


@pytest.fixture(scope="module")
def site():
    done = subprocess.run(
        [sys.executable, "scripts/build_docs.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return ROOT / "build" / "site"


def test_every_page_of_the_repository_is_in_the_site(site):
    names = {path.stem for path in (ROOT / "docs").rglob("*.md")}
    names |= {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}

    assert names <= {path.stem for path in site.rglob("*.html")}


def test_no_page_loads_anything_from_elsewhere(site):
    loading = re.compile(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="(https?:)?//[^"]*"')

    assert [page.name for page in site.rglob("*.html") if loading.search(page.read_text())] == []


def test_the_search_index_knows_what_people_look_for(site):
    index = (site / "search" / "search_index.json").read_text(encoding="utf-8")

    for word in (
        "order_target_percent",
        "data.history",
        "schedule_function",
        "slippage",
        "flatten",
        "trailing stop",
        "grid search",
        "API key",
    ):
        assert word in index
