"""Write docs/reference.md from the docstrings of what `rbtlive` exports:
`python scripts/make_reference.py`.
"""

import enum
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rbtlive

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "reference.md"
HEAD = """\
# Reference

What `import rbtlive as rbt` gives, from the docstrings; `?` in a notebook shows the same. The functions that strategies call
(`order_target_percent`, `schedule_function`, `record` ...) are zipline's: [every name and its state](zipline-api.md). Written by
`python scripts/make_reference.py`.

"""
GROUPS = {
    "Running a strategy": (
        "backtest", "backtest_async", "attach", "run", "sessions", "open_session", "run_algorithm", "enable_nested_loop",
    ),
    "Strategies": ("TradingAlgorithm",),
    "Data and feeds": ("load_sample", "PolarsDataPortal", "ReplayFeed", "DataFeed", "Bar"),
    "Sessions, results, proofs": ("LiveSession", "BacktestResult", "ParityReport"),
    "Brokers and breakers": ("PaperBroker", "BrokerAdapter", "Breakers"),
    "The engine under a session": (
        "TradingEngine", "EventQueue", "EventDispatcher", "OrderManager", "StrategyExecutor", "OrderState",
    ),
    "Events": (
        "Event", "MarketDataEvent", "OrderFillEvent", "OrderRejectEvent", "OrderUpdateEvent", "ScheduledTriggerEvent",
        "SystemErrorEvent", "CircuitBreakerEvent", "OperatorEvent",
    ),
    "Notebook": ("load_ipython_extension",),
}  # fmt: skip
ZIPLINES = "TradingAlgorithm"
"""Its methods are zipline's functions, which have a page of their own."""
SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises|Source):\s*(.*)$")
ENTRY = re.compile(r"^(\*{0,2}[\w., `]+): (.*)$")


def anchor_of(heading: str) -> str:
    """Return the anchor that a page gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-")


def signature_of(thing: Any, name: str) -> str:
    """Return a call of `thing` with its parameters' names and defaults; types are told
    in words below it.
    """
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return name
    shown = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]
    text = str(inspect.Signature(shown))
    return name + re.sub(r"<[^>]*>", "...", text)


def described(doc: str | None) -> Iterator[str]:
    """Give a Google docstring as lines of Markdown."""
    lists = False
    example = False
    for line in inspect.cleandoc(doc or "").splitlines():
        section = SECTION.match(line)
        if line.startswith(">>>") and not example:
            yield "```text"
            example = True
        elif example and not line.strip():
            yield "```"
            example = False
        if example or not line.strip():
            yield line
            continue
        if section:
            lists = section.group(1) in {"Args", "Attributes", "Raises"}
            yield from ("", f"*{section.group(1)}:* {section.group(2)}".rstrip(), "")
            continue
        text, entry = line.strip(), ENTRY.match(line.strip())
        if lists and entry and len(line) - len(line.lstrip()) == 4:
            yield f"* `{entry.group(1)}`: {entry.group(2)}"
        else:
            yield f"  {text}" if lists else text
    if example:
        yield "```"


def members(kind: type) -> Iterator[tuple[str, str]]:
    """Give the public methods and properties that a class adds: how each is written,
    and its first sentence.
    """
    for name, member in list(vars(kind).items()):
        plain = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
        doc = inspect.getdoc(plain.func if hasattr(plain, "func") else plain)
        if (
            name.startswith("_")
            or not doc
            or (not callable(plain) and not hasattr(plain, "__get__"))
        ):
            continue
        shown = signature_of(plain, name) if inspect.isfunction(plain) else name
        if isinstance(member, classmethod):
            shown = re.sub(r"\(cls(, )?", "(", shown)
        shown = f"await {shown}" if inspect.iscoroutinefunction(plain) else shown
        yield shown, " ".join(doc.split("\n\n")[0].split())


def issubclass_of(thing: Any, kind: type) -> bool:
    """Say whether `thing` is a class of that kind."""
    return isinstance(thing, type) and issubclass(thing, kind)


def entry(name: str) -> Iterator[str]:
    """Give the part of one exported name."""
    thing = getattr(rbtlive, name)
    yield f"### {name}\n"
    if issubclass_of(thing, enum.Enum):
        yield "`" + "`, `".join(f"{name}.{member.name}" for member in thing) + "`\n"
    elif issubclass_of(thing, rbtlive.Event):
        fields = [field for field in thing.model_fields if field not in {"priority", "event_type"}]
        yield f"`rbt.{name}({', '.join(f'{field}=...' for field in fields)})`\n"
    else:
        yield f"`rbt.{signature_of(thing, name)}`\n"
    yield from described(thing.__doc__)
    yield ""
    table = list(members(thing)) if isinstance(thing, type) and name != ZIPLINES else []
    if table:
        yield f"| of a `{name}` | |\n| --- | --- |"
        for shown, sentence in table:
            yield f"| `{shown}` | {sentence} |".replace(" | None", " or None")
        yield ""


def reference() -> str:
    """Return the whole page."""
    lines = [HEAD]
    for title, names in GROUPS.items():
        links = " · ".join(f"[{name}](#{anchor_of(name)})" for name in names)
        lines.append(f"* {title}: {links}")
    for title, names in GROUPS.items():
        lines.append(f"\n## {title}\n")
        for name in names:
            lines += entry(name)
    text = "\n".join(line.rstrip() for line in "\n".join(lines).splitlines())
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}: {len(reference().splitlines())} lines")
