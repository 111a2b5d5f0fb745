"""Say whether a tag may be released: python scripts/check_release.py v0.2.0."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def problems(tag: str) -> list[str]:
    """Return why the tag cannot be released; nothing if it can."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = []
    if tag != f"v{version['version']}":
        found.append(f"the tag must be v{version['version']}, as in pyproject.toml: was {tag}")
    heading = re.search(rf"^## {re.escape(tag.removeprefix('v'))} \((.+)\)$", changes, re.MULTILINE)
    if heading is None:
        found.append(f"CHANGELOG.md has no heading for {tag.removeprefix('v')}")
    elif not re.fullmatch(r"\d{4}-\d\d-\d\d", heading[1]):
        found.append(f"CHANGELOG.md must give the date of {tag}: was {heading[1]!r}")
    return found


if __name__ == "__main__":
    wrong = problems(sys.argv[1])
    print("\n".join(wrong) or f"{sys.argv[1]} can be released")
    sys.exit(bool(wrong))
