"""The reference: a page a subject, from the docstrings of what `rbtlive` exports.

python scripts/make_reference.py FOLDER
"""

import enum
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rbtlive

HEAD = """\
# Reference

What `import rbtlive as rbt` gives, from the docstrings; `?` in a notebook shows the same.
`rbtlive.api` has the functions that strategies call: [every name of zipline's](../zipline-api.md)
and whether it is built.

"""
GROUPS = {
    "Running a strategy": (
        "backtest", "backtest_async", "attach", "run", "sessions", "board", "open_session", "run_algorithm", "run_pipeline", "factor_sheet", "enable_nested_loop",
    ),
    "Strategies": ("TradingAlgorithm",),
    "Data and feeds": ("read", "fetch", "catalog", "resample", "load_sample", "PolarsDataPortal", "bars_from_ticks", "ReplayFeed", "DataFeed", "Bar"),
    "Sessions, results, proofs": ("LiveSession", "BacktestResult", "ParityReport", "Explanation", "compare", "Comparison", "FactorSheet"),
    "What callbacks receive": ("Context", "BarData", "Portfolio", "Position", "Account", "Order", "Transaction"),
    "Cost models": (
        "PerShare", "PerTrade", "PerDollar", "NoCommission", "FixedBasisPointsSlippage", "VolumeShareSlippage", "FixedSlippage",
        "NoSlippage",
    ),
    "Sweeps": ("sweep", "SweepResult", "signals", "walk_forward", "cross_validate", "monte_carlo"),
    "Brokers and breakers": ("PaperBroker", "BrokerAdapter", "Breakers"),
    "The engine under a session": (
        "TradingEngine", "EventQueue", "EventDispatcher", "OrderManager", "StrategyExecutor", "OrderState",
    ),
    "Events": (
        "Event", "MarketDataEvent", "OrderFillEvent", "OrderRejectEvent", "OrderReplacedEvent", "OrderUpdateEvent", "ScheduledTriggerEvent",
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
    """Return a call of `thing` with its parameters' names and defaults; types are given
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
    if isinstance(thing, type) and name != ZIPLINES:
        yield from members_table(thing)


def members_table(kind: type) -> Iterator[str]:
    """Give the methods and properties of a class, inherited ones of ours included."""
    ours = [base for base in reversed(kind.__mro__) if base.__module__.startswith("rbtlive.")]
    found = {shown: sentence for base in ours for shown, sentence in members(base)}
    if found:
        yield f"| of a `{kind.__name__}` | |\n| --- | --- |"
        for shown, sentence in found.items():
            yield f"| `{shown}` | {sentence} |".replace(" | None", " or None")
        yield ""


def title_of(name: str) -> str:
    """Return the file name of a group's page."""
    return re.sub(r"[^a-z]+", "-", name.lower()).strip("-") + ".md"


def zipline_functions() -> dict[str, list[Any]]:
    """Return zipline's functions by what a strategy does with them."""
    import rbtlive.api

    names = [name for name in rbtlive.api.__all__ if inspect.isfunction(getattr(rbtlive.api, name))]
    placing = [name for name in names if "order" in name and not name.startswith("set_")]
    setting = [name for name in names if name.startswith(("set_", "schedule"))]
    others = [name for name in names if name not in {*placing, *setting}]
    return {
        "Orders": [getattr(rbtlive.api, name) for name in placing],
        "Schedule, costs and controls": [getattr(rbtlive.api, name) for name in setting],
        "Assets, records and the rest": [getattr(rbtlive.api, name) for name in others],
    }


def strategy_objects() -> dict[str, list[Any]]:
    """Return what callbacks are given, and the models that decide fills and costs."""
    from rbtlive.core.shown.bar_data import BarData
    from rbtlive.core.shown.order_views import OrderView
    from rbtlive.core.shown.portfolio_views import AccountView, PortfolioView
    from rbtlive.finance import commission, slippage

    models = [
        value
        for module in (commission, slippage)
        for name, value in sorted(vars(module).items())
        if isinstance(value, type) and value.__module__ == module.__name__ and name[0] != "_"
    ]
    return {
        "What callbacks are given": [BarData, PortfolioView, AccountView, OrderView],
        "Commission and slippage": models,
    }


def described_object(thing: Any, prefix: str = "") -> Iterator[str]:
    """Give the part of a function or class outside the facade."""
    yield f"### {thing.__name__}\n"
    yield f"`{prefix}{signature_of(thing, thing.__name__)}`\n"
    yield from described(thing.__doc__)
    yield ""
    if isinstance(thing, type):
        yield from members_table(thing)


def pages() -> dict[str, str]:
    """Return the reference as file name -> Markdown."""
    made = {}
    contents = [HEAD]
    for title, names in GROUPS.items():
        made[title_of(title)] = [f"# {title}\n", *(line for name in names for line in entry(name))]
        links = [f"[{name}]({title_of(title)}#{anchor_of(name)})" for name in names]
        contents.append(f"* [{title}]({title_of(title)}): {' · '.join(links)}")
    for prefix, groups in (("", strategy_objects()), ("rbtlive.api.", zipline_functions())):
        for title, things in groups.items():
            lines = [line for thing in things for line in described_object(thing, prefix)]
            made[title_of(title)] = [f"# {title}\n", *lines]
            links = [
                f"[{thing.__name__}]({title_of(title)}#{anchor_of(thing.__name__)})"
                for thing in things
            ]
            contents.append(f"* [{title}]({title_of(title)}): {' · '.join(links)}")
    made["errors.md"] = ["# Errors\n", *described_errors()]
    contents.append("* [Errors](errors.md): every exception, in one tree")
    made["index.md"] = contents
    return {name: _tidy(lines) for name, lines in made.items()}


def described_errors() -> Iterator[str]:
    """Give the tree of exceptions, as the package draws it."""
    lead, _, tree = inspect.cleandoc(rbtlive.errors.__doc__ or "").partition("RbtliveError\n")
    yield lead
    yield f"```text\nRbtliveError\n{tree}\n```"


def _tidy(lines: list[str]) -> str:
    text = "\n".join(line.rstrip() for line in "\n".join(lines).splitlines())
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def write(folder: Path) -> None:
    """Write the pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    print(f"{len(pages())} pages in {sys.argv[1]}")
