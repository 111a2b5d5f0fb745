"""The command `python -m rbtlive.venue`: a paper venue on this machine, for tests and
experiments.

The rule: data that a client needs is printed once, as one line of JSON; a given secret
is never printed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import secrets
import sys
from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from pydantic import SecretStr

from rbtlive.data.portal import PolarsDataPortal
from rbtlive.data.samples import load_sample
from rbtlive.errors import MissingExtra, RbtliveError
from rbtlive.venue.limits import ALPACAS

KEY_VARIABLES = ("RBTLIVE_VENUE_KEY_ID", "RBTLIVE_VENUE_SECRET_KEY")
TOKEN_VARIABLE = "RBTLIVE_VENUE_CONTROL_TOKEN"  # noqa: S105 - the name of a variable


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rbtlive.venue",
        description="A paper venue on 127.0.0.1 that speaks Alpaca's published shapes.",
        epilog=f"Keys come from {' and '.join(KEY_VARIABLES)}, the control token from "
        f"{TOKEN_VARIABLE}; what is not set is drawn and printed.",
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 picks a free one")
    parser.add_argument(
        "--bars", default="us-daily", help="a sample's name, or the path of a Parquet or CSV file"
    )
    parser.add_argument("--frequency", choices=("1d", "1m"), default="1d", help="what the bars are")
    parser.add_argument("--calendar", default="XNYS", help="whose sessions, for bars of a file")
    parser.add_argument("--start", type=date.fromisoformat, help="first session")
    parser.add_argument("--end", type=date.fromisoformat, help="last session")
    parser.add_argument(
        "--speed",
        type=_positive,
        help="times faster than real time; without it bars wait for the control endpoint",
    )
    parser.add_argument("--state", type=Path, help="file that keeps the book over restarts")
    parser.add_argument("--cash", type=_amount, default=Decimal(100_000), help="money at the start")
    parser.add_argument(
        "--lot-size", type=_amount, default=Decimal("1E-9"), help="smallest tradable amount"
    )
    parser.add_argument("--slippage", choices=("none", "basis-points"), default="none")
    parser.add_argument(
        "--fills", choices=("now", "next"), default="now", help="the first bar an order may fill on"
    )
    parser.add_argument(
        "--rules",
        choices=("alpaca", "none"),
        default="alpaca",
        help="refuse what Alpaca refuses by the account's books, or take any order",
    )
    parser.add_argument(
        "--hard-to-borrow", default="", help="symbols that cannot be sold short, with commas"
    )
    parser.add_argument(
        "--crypto-fee-bps",
        type=_rate,
        default=Decimal(0),
        help="fee of pairs in basis points, taken of what is received; Alpaca's are up to 25",
    )
    parser.add_argument(
        "--requests-per-minute",
        type=int,
        help="answer no more than so many, 0 for any number; by default Alpaca's 200 where the "
        "venue's clock runs (--speed), and any number where it is moved by hand",
    )
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number: was {text}")
    return value


def _rate(text: str) -> Decimal:
    return Decimal(0) if text == "0" else _amount(text)


def _amount(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value <= 0:
        raise argparse.ArgumentTypeError(f"must be a positive number: was {text}")
    return value


def _limit_of(options: argparse.Namespace) -> int | None:
    given: int | None = options.requests_per_minute
    if given is None:  # if venue time stands still, requests cannot be counted per minute
        return ALPACAS if options.speed is not None else None
    return given or None


def _portal(options: argparse.Namespace) -> PolarsDataPortal:
    if Path(options.bars).suffix in {".parquet", ".csv"}:
        return PolarsDataPortal.coerce(
            options.bars, frequency=options.frequency, calendar=options.calendar
        )
    return load_sample(options.bars)


def _drawn_or_given(variable: str, drawn: dict[str, str], name: str) -> str:
    given = os.environ.get(variable)
    if given:
        return given
    drawn[name] = secrets.token_hex(16)
    return drawn[name]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    drawn: dict[str, str] = {}
    key_id = _drawn_or_given(KEY_VARIABLES[0], drawn, "key_id")
    secret = _drawn_or_given(KEY_VARIABLES[1], drawn, "secret_key")
    token = _drawn_or_given(TOKEN_VARIABLE, drawn, "control_token")

    def ready(port: int) -> None:
        sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{port}"} | drawn) + "\n")
        sys.stdout.flush()

    logging.getLogger("aiohttp.server").setLevel(
        logging.CRITICAL
    )  # broken requests are the sender's problem
    try:
        try:
            from rbtlive.venue.server import serve
            from rbtlive.venue.venue import VenueSettings
        except ImportError as missing:
            if (missing.name or "").partition(".")[0] not in {"aiohttp", "msgpack"}:
                raise
            raise MissingExtra(
                f"the venue needs the packages of an extra, {missing.name} is missing: pip install "
                "'rbtlive[venue]'"
            ) from None
        settings = VenueSettings(
            portal=_portal(options),
            keys={key_id: SecretStr(secret)},
            control_token=SecretStr(token),
            frequency=options.frequency,
            start=options.start,
            end=options.end,
            cash=options.cash,
            lot_size=options.lot_size,
            slippage=options.slippage,
            fills=options.fills,
            speed=options.speed,
            state=options.state,
            strict=options.rules == "alpaca",
            hard_to_borrow=frozenset(s for s in options.hard_to_borrow.split(",") if s),
            crypto_fee=options.crypto_fee_bps / 10_000,
            requests_per_minute=_limit_of(options),
        )
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(settings, port=options.port, on_ready=ready))
    except (RbtliveError, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
