"""Put the documentation together and build it.

    python scripts/build_docs.py [--serve]

The site contains the pages in docs/, the tutorials in notebooks/, the reference from
the docstrings, and the pages beside the README. It loads nothing from other sites.
"""

import argparse
import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for scripts.make_reference
SOURCE = ROOT / "build" / "docs-source"
SITE = ROOT / "build" / "site"
BESIDE_README = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "benchmarks/README.md": "benchmarks/index.md",
    "benchmarks/RESULTS.md": "benchmarks/results.md",
    "tests/parity/README.md": "parity.md",
}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def tutorials() -> list[Path]:
    """Return the notebooks, in their order."""
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def places() -> dict[Path, str]:
    """Return where each page of the repository stands in the site."""
    found = {ROOT / page: place for page, place in BESIDE_README.items() if (ROOT / page).exists()}
    for page in sorted((ROOT / "docs").rglob("*.md")):
        found[page] = str(page.relative_to(ROOT / "docs"))
    for notebook in tutorials():
        found[notebook] = f"tutorials/{notebook.stem}.md"
    return found


def relinked(text: str, page: Path, place: str, known: dict[Path, str]) -> str:
    """Return a page's text with links as they are in the site.

    A link to a file that the site does not show (a test, a script) becomes its text.
    """
    here = Path(place).parent

    def link(match: re.Match[str]) -> str:
        picture, words, target = match.groups()
        path, _, anchor = target.partition("#")
        if "://" in target or not path or target.startswith("data:"):
            return match.group()
        file = (page.parent / path).resolve()
        if file in known:
            up = Path(*[".."] * len(here.parts)) / known[file]
            return f"{picture}[{words}]({up.as_posix()}{'#' + anchor if anchor else ''})"
        if picture and file.exists():
            target_file = SOURCE / "images" / file.name
            target_file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target_file)
            up = Path(*[".."] * len(here.parts)) / "images" / file.name
            return f"![{words}]({up.as_posix()})"
        if path.startswith("reference/"):
            return match.group()
        return words

    parts = _FENCE.split(text)
    return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)


def notebook_text(path: Path) -> str:
    """Return a notebook as Markdown: cells, and the outputs that are stored in it."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        elif source.strip():
            parts.append(f"```python\n{source}\n```")
            parts += [text for output in cell["outputs"] for text in _output(output)]
    return "\n\n".join(parts) + "\n"


def _output(output: dict[str, object]) -> list[str]:
    if output["output_type"] == "stream":
        return [f"```text\n{''.join(output['text']).rstrip()}\n```"]  # type: ignore[arg-type]
    if output["output_type"] == "error":
        return ["```text\n" + f"{output['ename']}: {output['evalue']}" + "\n```"]
    data: dict[str, list[str]] = output.get("data", {})  # type: ignore[assignment]
    if "text/html" in data:
        page = "".join(data["text/html"])
        if "<script" not in page:
            flat = re.sub(r"\n\s*\n", "\n", page)  # a blank line would end the HTML block
            return [f'<div class="output">\n{flat}\n</div>']
    if "image/svg+xml" in data:
        return ["".join(data["image/svg+xml"])]
    if "image/png" in data:
        encoded = "".join(data["image/png"]).replace("\n", "")
        return [f'<img alt="output" src="data:image/png;base64,{encoded}">']
    text = "".join(data.get("text/plain", [])).rstrip()
    return [f"```text\n{text}\n```"] if text else []


def title_of(text: str, otherwise: str) -> str:
    """Return the first heading of a page."""
    match = re.search(r"^# (.+)$", text, re.MULTILINE)
    return re.sub(r"[`*]", "", match.group(1)) if match else otherwise


def assemble() -> None:
    """Write all pages and the navigation into `SOURCE`."""
    from scripts import make_reference

    shutil.rmtree(SOURCE, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    if (ROOT / "docs" / "images").is_dir():
        shutil.copytree(ROOT / "docs" / "images", SOURCE / "images")
    known = places()
    titles: dict[str, str] = {}
    for page, place in known.items():
        raw = notebook_text(page) if page.suffix == ".ipynb" else page.read_text(encoding="utf-8")
        text = relinked(raw, page, place, known)
        target = SOURCE / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        titles[place] = title_of(text, page.stem)
    make_reference.write(SOURCE / "reference")
    for page in sorted((SOURCE / "reference").glob("*.md")):
        titles[f"reference/{page.name}"] = title_of(page.read_text(encoding="utf-8"), page.stem)
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    settings["docs_dir"], settings["site_dir"] = str(SOURCE), str(SITE)
    settings["nav"] = navigation(titles)
    (ROOT / "build" / "mkdocs.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def navigation(titles: dict[str, str]) -> list[object]:
    """Return the site's navigation: the reader's first hour first."""

    def entries(pages: list[str]) -> list[object]:
        return [{titles[page]: page} for page in pages]

    inside = ["architecture.md", "glossary.md", "parity.md", "contributing.md"]
    benches = [page for page in titles if page.startswith("benchmarks/")]
    cookbook = sorted(page for page in titles if page.startswith("cookbook/"))
    moving = sorted(page for page in titles if page.startswith("moving-from") or "zipline" in page)
    moving = [page for page in moving if not page.startswith(("tutorials/", "reference/"))]
    reference = ["reference/index.md"]
    reference += [page for page in titles if page.startswith("reference/") and "index" not in page]
    tutorials = sorted(page for page in titles if page.startswith("tutorials/"))
    placed = {
        "index.md",
        "find-it.md",
        "changelog.md",
        *inside,
        *benches,
        *cookbook,
        *moving,
        *reference,
    }
    guides = sorted(page for page in titles if page not in placed | set(tutorials))
    return [
        {"Home": ["index.md", {titles["find-it.md"]: "find-it.md"}]},
        {"Tutorials": entries(tutorials)},
        {"Guides": entries(guides)},
        *([{"Cookbook": entries(cookbook)}] if cookbook else []),
        {"Moving here": entries(moving)},
        {"Reference": entries(reference)},
        {"Inside": entries([page for page in inside if page in titles] + sorted(benches))},
        {"Changes": "changelog.md"},
    ]


def build() -> None:
    """Build the site; a broken link or a page outside the navigation ends it."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run([*command, "-f", str(ROOT / "build" / "mkdocs.yml")], check=True, env=quiet)


def main() -> None:
    """Build the site, and serve it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="serve the site on this machine")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    assemble()
    build()
    print(f"site in {SITE.relative_to(ROOT)}: {sum(1 for _ in SITE.rglob('*.html'))} pages")
    if options.serve:
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=SITE)
        print(f"http://127.0.0.1:{options.port}/")
        http.server.ThreadingHTTPServer(("127.0.0.1", options.port), handler).serve_forever()


if __name__ == "__main__":
    main()
