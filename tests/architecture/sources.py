"""The project's own sources, as the architecture tests read them."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "rbtlive"


def modules(folder: Path = PACKAGE) -> Iterator[Path]:
    """Yield the Python files under a folder, sorted."""
    yield from sorted(folder.rglob("*.py"))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def path_name(path: Path) -> str:
    """Return a path as messages name it."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def tracked_files() -> list[Path]:
    """Return the files under version control that are there now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    paths = (ROOT / name for name in listed.split("\0") if name)
    return [path for path in paths if path.is_file()]
