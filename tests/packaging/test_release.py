"""A tag is released only if the version and the changelog say the same."""

import tomllib

from scripts.check_release import problems
from tests.docs.documents import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_another_version_than_the_projects_is_refused():
    assert any("pyproject.toml" in problem for problem in problems("v9.9.9"))


def test_a_version_without_a_date_in_the_changelog_is_refused():
    found = problems(f"v{VERSION}")

    assert found == [] or all("CHANGELOG.md" in problem for problem in found)


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "rbtlive" / "py.typed").exists()
