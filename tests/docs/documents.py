"""What the documents show: code blocks, commands, links, tables."""

import ast
import asyncio
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a language, in order."""
    return [code for found, code in _FENCE.findall(text) if found == language]


def links(text: str) -> list[str]:
    """Return the targets of the links that stay in the repository."""
    return [target for target in _LINK.findall(text) if "://" not in target]


def anchors(text: str) -> set[str]:
    """Return the anchors that the headings of a document give."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def rows(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its head."""
    table = re.search(r"(?:^\|.*\n)+", text[text.index(f"\n{heading}\n") :], re.MULTILINE)
    assert table is not None
    return [
        [cell.strip() for cell in line.strip("|\n ").split("|")]
        for line in table.group().splitlines()[2:]
    ]


def run_as_cells(codes: list[str]) -> dict[str, Any]:
    """Run code blocks as a notebook runs cells: in one namespace, on a running loop,
    `await` at the top allowed.
    """
    namespace: dict[str, Any] = {"__name__": "document"}

    async def notebook() -> None:
        for number, code in enumerate(codes, 1):
            compiled = compile(
                code, f"block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            )
            waiting = eval(compiled, namespace)
            if waiting is not None:
                await waiting

    asyncio.run(notebook())
    return namespace
