"""The cases of the parity suite: one zipline strategy a file, with its settings in a
literal named CASE.

One rule: reading a case executes nothing, so that the same file serves an interpreter
without zipline.
"""

import ast
import re
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STRATEGIES = Path(__file__).parent / "strategies"
_IMPORT_LINE = re.compile(r"^\s*(from|import)\s.*$", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """One strategy and how it is run.

    `error` names the exception class that ends the run under zipline. `default_safe`
    says that none of the quirks that rbtlive mends by default plays a part, so that its
    default settings must give zipline's numbers too; otherwise `quirks` names those that
    do, and the other ones may be mended. `twin_of` names a module that
    zipline ships: the expected results are that module's, and the file is our own
    writing of the same rules.
    """

    name: str
    path: Path
    data: str
    start: str
    end: str
    capital_base: float = 100_000.0
    data_frequency: str = "daily"
    default_safe: bool = False
    quirks: Sequence[str] = ()
    error: str | None = None
    twin_of: str | None = None

    @property
    def source(self) -> str:
        """The strategy as written for zipline."""
        return self.path.read_text(encoding="utf-8")


def read_case(path: Path) -> Case:
    """Read a strategy file's settings.

    Raises:
        ValueError: the file has no literal dictionary named CASE.
    """
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [
            getattr(target, "id", "") for target in node.targets
        ] == ["CASE"]:
            return Case(name=path.stem, path=path, **ast.literal_eval(node.value))
    msg = f"{path.name} needs a literal dictionary named CASE at module level"
    raise ValueError(msg)


def all_cases() -> list[Case]:
    """Return every case, sorted by name."""
    return [read_case(path) for path in sorted(STRATEGIES.glob("*.py"))]


def ported(source: str) -> str:
    """Return a zipline strategy's source with `zipline` replaced by `rbtlive` in its
    import lines, and only there.
    """
    return _IMPORT_LINE.sub(lambda line: re.sub(r"\bzipline\b", "rbtlive", line.group()), source)


def execute(source: str, *, name: str, folder: Path) -> dict[str, Any]:
    """Run a strategy's source and return its namespace.

    A strategy that reads a CSV file carries the text in FETCH_CSV; it is written into
    `folder` and its path becomes FETCH_PATH.
    """
    namespace: dict[str, Any] = {"__name__": name}
    exec(compile(source, f"{name}.py", "exec"), namespace)
    provide_csv(namespace, name=name, folder=folder)
    return namespace


def provide_csv(namespace: MutableMapping[str, Any], *, name: str, folder: Path) -> None:
    """Write the text a strategy carries in FETCH_CSV and tell it where."""
    if "FETCH_CSV" in namespace:
        path = folder / f"{name}.csv"
        path.write_text(namespace["FETCH_CSV"], encoding="utf-8")
        namespace["FETCH_PATH"] = str(path)
