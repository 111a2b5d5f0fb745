"""The fields of a bar are one list; where speed writes them out, nothing is missing."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from rbtlive.model.bar import BAR_FIELDS, OHLCV, PRICES, Bar
from tests.architecture.sources import PACKAGE, modules, parsed, path_name

VARIABLES = {
    **dict.fromkeys(("first", "opens", "opened"), "open"),
    **dict.fromkeys(("highs", "highest"), "high"),
    **dict.fromkeys(("lows", "lowest"), "low"),
    **dict.fromkeys(("last", "closes", "closed"), "close"),
    **dict.fromkeys(("volumes", "traded"), "volume"),
}
"""Names of variables that hold a field."""


def written_out(tree: ast.AST) -> Iterator[tuple[int, set[str]]]:
    """Yield the line and the words of each list, mapping, text or unpacking."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield node.lineno, set(map(_word, node.keys))
        elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            yield node.lineno, set(map(_word, node.elts))
        elif isinstance(node, ast.JoinedStr):
            text = "".join(map(_word, node.values))
            yield node.lineno, {name for name in (*OHLCV, "trades") if f'"{name}":' in text}


def _word(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name):
        return VARIABLES.get(node.id, node.id)
    return ""


def incomplete(path: Path, fields: Sequence[str]) -> list[str]:
    """Return a sentence about each place that writes out the bar's numbers without some
    of these fields.
    """
    return [
        f"{path_name(path)}:{line} writes out a bar's fields without {', '.join(lacking)}"
        for line, words in written_out(parsed(path))
        if words >= set(OHLCV) and (lacking := [name for name in fields if name not in words])
    ]


def test_the_bar_has_the_fields_of_the_list_in_its_order():
    numbers = [name for name in Bar.model_fields if name not in {"symbol", "timestamp"}]

    assert numbers == list(OHLCV)
    assert [name for name in OHLCV if BAR_FIELDS[name].is_price] == list(PRICES)


def test_no_place_writes_out_a_bars_fields_and_lacks_one():
    assert [place for path in modules(PACKAGE) for place in incomplete(path, OHLCV)] == []


def test_an_added_field_is_missed_in_the_market_the_journal_feeds_and_readers():
    found = {path_name(path) for path in modules(PACKAGE) if incomplete(path, (*OHLCV, "trades"))}

    assert found == {
        "rbtlive/brokers/alpaca_bars.py",
        "rbtlive/core/shown/bar_data.py",
        "rbtlive/data/bars/bar_table.py",
        "rbtlive/data/bars/sequential_append.py",
        "rbtlive/data/feeds/replay_feed.py",
        "rbtlive/data/feeds/tick_bars.py",
        "rbtlive/data/reading/bar_fields.py",
        "rbtlive/data/reading/file_names.py",
        "rbtlive/data/reading/nameless.py",
        "rbtlive/data/reading/names.py",
        "rbtlive/model/bar.py",
        "rbtlive/model/events.py",
        "rbtlive/runtime/journal/codec.py",
    }


def test_a_list_a_mapping_a_text_and_an_unpacking_are_found(tmp_path):
    path = tmp_path / "planted.py"
    path.write_text(
        "a = ('open', 'high', 'low', 'close', 'volume')\n"
        "b = {'open': 1, 'high': 1, 'low': 1, 'close': 1, 'volume': 1, 'trades': 1}\n"
        "opens, highs, lows, closes, volumes = a\n"
        'c = f\'{{"close":{x},"high":{x},"low":{x},"open":{x},"volume":{x}\'\n',
        encoding="utf-8",
    )

    lines = [place.partition(" ")[0] for place in incomplete(path, (*OHLCV, "trades"))]

    assert lines == ["planted.py:1", "planted.py:3", "planted.py:4"]
