"""Tables of the measurements: rates, ratios to the targets, memory, equity, trades."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from benchmarks.environments import REQUIREMENTS


def tables(facts: dict[str, Any], *, repeats: int, quick: bool) -> str:
    """Return everything as Markdown.

    Args:
        facts: What `run.py` measured, by part.
        repeats: Runs of each contender.
        quick: Whether a tenth of the bars was run.
    """
    parts = [_head(repeats, quick=quick)]
    parts += [_backtests(name, facts[name]) for name in ("A1", "A2") if name in facts]
    if "live" in facts:
        parts.append(_live(facts["live"]))
    targets = _targets(facts)
    if targets:
        rows = [(what, got, wanted, "yes" if met else "no") for what, got, wanted, met in targets]
        parts.append("## Targets\n\n" + _table(("target", "measured", "wanted", "met"), rows))
    return "\n\n".join(parts) + "\n"


def _head(repeats: int, *, quick: bool) -> str:
    peers = ", ".join(pin for pins in REQUIREMENTS.values() for pin in pins if "==" in pin)
    day = datetime.now(UTC).date()  # noqa: TID251 - a report is dated by the wall clock
    size = "A tenth of the bars (--quick): the ratios mean little. " if quick else ""
    return (
        f"# Results\n\n{size}{day}, {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, polars "
        f"{version('polars')}. Peers: {peers}. CPU seconds (not wall time) of the engine's run, "
        f"median of {repeats} runs (one run of the "
        "slow peers that no target uses); contenders run in turn, each in its own process. "
        "rbtlive's time includes checking its frame; the peers' own preparation (`prepare`) is "
        "not counted in the ratios. Written by `python benchmarks/run.py`."
    )


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join(
        lines + ["| " + " | ".join(str(value) for value in row) + " |" for row in rows]
    )


def _rate(facts: dict[str, Any]) -> float:
    """Return bars (or events) a CPU second; 0 for what failed."""
    return (
        (facts.get("bars") or facts.get("events") or 0) / facts["run_s"]
        if facts.get("run_s")
        else 0.0
    )


def _backtests(name: str, facts: dict[str, dict[str, Any]]) -> str:
    title = {
        "A1": "## A1: one asset, half a million minutes, SMA 10/30 crossover",
        "A2": "## A2: 50 assets, 5,000 days, closes and 20-day means every day, equal weights every 20 days",
    }[name]
    rows = []
    for label, one in facts.items():
        if "failed" in one:
            rows.append((label, "failed", *one["failed"], "", "", "", ""))
            continue
        rows.append(
            (
                label,
                f"{_rate(one) / 1000:,.1f} k",
                f"{one['run_s']:.2f}",
                f"{one['prepare_s']:.2f}",
                f"{one['peak_mb']:.0f}",
                f"{one['equity']:,.2f}",
                f"{one['trades']:,.0f}"
                + (
                    ""
                    if one["bars"] == max(f.get("bars", 0) for f in facts.values())
                    else " (slice)"
                ),
            )
        )
    return (
        title
        + "\n\n"
        + _table(
            (
                "engine",
                "asset-bars/s",
                "run, s",
                "prepare, s",
                "peak, MB",
                "final equity",
                "trades",
            ),
            rows,
        )
    )


def _live(facts: dict[str, dict[str, Any]]) -> str:
    rows = []
    for label, one in facts.items():
        if "failed" in one:
            rows.append((label, "failed", *one["failed"], "", "", ""))
            continue
        latency = f"{one['engine_p50_us']:.1f}" if "engine_p50_us" in one else ""
        latency += f" / {one['engine_p99_us']:.1f}" if "engine_p99_us" in one else ""
        trip = f"{one['round_trip_p99_ms']:.1f}" if "round_trip_p99_ms" in one else ""
        queue = (
            f"{one['queue_high_water']:.0f} of {one['queue_limit']:.0f}"
            if "queue_limit" in one
            else ""
        )
        rows.append(
            (label, f"{_rate(one) / 1000:,.1f} k", latency, trip, queue, f"{one['peak_mb']:.0f}")
        )
    head = (
        "path",
        "events/s",
        "engine per event p50 / p99, µs",
        "loop round trip p99, ms",
        "longest queue",
        "peak, MB",
    )
    return "## Live path: float dictionary, event, queue, dispatcher, callback\n\n" + _table(
        head, rows
    )


Target = tuple[str, str, str, bool]


def _targets(facts: dict[str, Any]) -> list[Target]:
    rows = _speed_targets(facts)
    if "live" in facts:
        rows += _live_targets(facts["live"])
    if "A1" in facts:
        peak = max(
            facts["A1"][label].get("peak_mb", 0)
            for label in facts["A1"]
            if label.startswith("rbtlive")
        )
        rows.append(("A1 peak memory", f"{peak:.0f} MB", "< 300 MB", peak < 300))
    for label, limit in (("A1", 11), ("A2 bars", 14), ("A2 assets", 11)):
        pair = facts.get("linearity", {}).get(label)
        if pair and "run_s" in pair["small"] and "run_s" in pair["large"]:
            growth = pair["large"]["run_s"] / pair["small"]["run_s"]
            rows.append((f"{label} x 10", f"{growth:.1f} x", f"<= {limit} x", growth <= limit))
    one = facts.get("import", {})
    if "import_s" in one:
        rows.append(
            (
                "import rbtlive, CPU",
                f"{one['import_s']:.2f} s",
                "<= 0.35 s",
                one["import_s"] <= 0.35,
            )
        )
        rows.append(
            (
                "heavy modules it loads",
                ", ".join(one["loaded"]) or "none",
                "none",
                not one["loaded"],
            )
        )
        rows.append(
            (
                "ten daily years, first call",
                f"{one['first_s']:.2f} s",
                "<= 1 s",
                one["first_s"] <= 1,
            )
        )
        rows.append(
            (
                "ten daily years, later calls",
                f"{one['later_s']:.2f} s",
                "<= 0.3 s",
                one["later_s"] <= 0.3,
            )
        )
    return rows


def _speed_targets(facts: dict[str, Any]) -> list[Target]:
    rows: list[Target] = []
    wanted = (
        ("A1", "rbtlive, two histories a bar", "backtesting.py", 1.5),
        ("A1", "rbtlive, two histories a bar", "zipline-reloaded", 200),
        ("A1", "rbtlive, indicators", "backtesting.py", 4),
        ("A2", "rbtlive, histories", "bt", 3),
        ("A2", "rbtlive, windows", "bt", 5),
        ("live", "rbtlive, no journal", "nautilus live data engine", 1.2),
    )
    for part, own, peer, ratio in wanted:
        pair = facts.get(part, {})
        if own in pair and peer in pair and _rate(pair[peer]):
            got = _rate(pair[own]) / _rate(pair[peer])
            rows.append((f"{part}: {own} / {peer}", f"{got:.2f} x", f">= {ratio} x", got >= ratio))
    return rows


def _live_targets(facts: dict[str, Any]) -> list[Target]:
    rows: list[Target] = []
    flood = facts.get("rbtlive, journal", {})
    if "run_s" in flood:
        rate, trip = _rate(flood), flood["round_trip_p99_ms"]
        rows.append(("live, journal, flood", f"{rate:,.0f} events/s", ">= 50,000", rate >= 50_000))
        rows.append(
            ("live, journal, flood: loop round trip p99", f"{trip:.1f} ms", "< 50 ms", trip < 50)
        )
        bounded = flood["queue_high_water"] <= flood["queue_limit"]
        rows.append(
            (
                "live, journal, flood: queue bounded",
                f"{flood['queue_high_water']:.0f}",
                f"<= {flood['queue_limit']:.0f}",
                bounded,
            )
        )
    paced = facts.get("rbtlive, 1,000 events/s", {})
    if "run_s" in paced:
        p50, p99 = paced["engine_p50_us"], paced["engine_p99_us"]
        rows.append(("live, one at a time, engine p50", f"{p50:.1f} µs", "<= 25 µs", p50 <= 25))
        rows.append(
            ("live, 1,000 events/s, engine p99", f"{p99:.0f} µs", "< 1,000 µs", p99 < 1_000)
        )
    return rows
