"""`rbtlive bundles`, `ingest` and `clean`, and extensions before a command, as in
zipline's command line.

The rule: nothing is copied. `ingest` shows that a bundle can be read, and `clean` has
nothing to remove.
"""

from __future__ import annotations

import argparse
import sys

from rbtlive.data.bundles import registry
from rbtlive.data.bundles.extensions import load_extensions
from rbtlive.data.bundles.registry import load
from rbtlive.errors import InvalidSetting
from rbtlive.notebook.commands import Commands


def add_extensions(parser: argparse.ArgumentParser) -> None:
    """Add zipline's options that precede the command."""
    add = parser.add_argument
    add(
        "-e",
        "--extension",
        metavar="FILE",
        action="append",
        default=[],
        help="a file or module that registers bundles; repeatable",
    )
    add("--strict-extensions", action="store_true", help="end if an extension fails")
    add("--non-strict-extensions", dest="strict_extensions", action="store_false")
    add(
        "--default-extension",
        action="store_true",
        default=True,
        help="run extension.py of the folder RBTLIVE_HOME first (default)",
    )
    add("--no-default-extension", dest="default_extension", action="store_false")
    add("-x", metavar="NAME=VALUE", action="append", help="refused: extensions take no arguments")


def run_extensions(options: argparse.Namespace) -> None:
    """Run the extensions given before a command."""
    if options.x:
        raise InvalidSetting(
            f"-x gives extensions arguments, which they do not take here: was {options.x[0]!r}; "
            "set a variable of the environment, and read it in the extension with os.environ"
        )
    load_extensions(
        options.extension, default=options.default_extension, strict=options.strict_extensions
    )


def add_bundles(commands: Commands) -> None:
    """Add the three commands to a parser."""
    parser = commands.add_parser("bundles", help="list the bundles that run -b takes")
    parser.set_defaults(act=list_bundles)
    parser = commands.add_parser("ingest", help="show that a bundle can be read")
    _add_name(parser)
    parser.add_argument("--assets-version", type=int, action="append", help="no effect")
    parser.add_argument("--show-progress", action="store_true", help="no effect")
    parser.add_argument("--no-show-progress", action="store_true", help="no effect")
    parser.set_defaults(act=ingest)
    parser = commands.add_parser("clean", help="nothing: bundles are not copies")
    _add_name(parser)
    for short, long in (("-e", "--before"), ("-a", "--after"), ("-k", "--keep-last")):
        parser.add_argument(short, long, help="no effect")
    parser.set_defaults(act=clean)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-b", "--bundle", metavar="NAME", required=True, help="the bundle's name")


def list_bundles(options: argparse.Namespace) -> int:
    """Print one line per bundle."""
    del options
    for name in registry.names():
        sys.stdout.write(f"{name}\n")
    return 0


def ingest(options: argparse.Namespace) -> int:
    """Read a bundle, and print its contents."""
    portal = load(options.bundle)
    first, last = map(portal.calendar.label, (portal.first_session, portal.last_session))
    symbols = [asset.symbol for asset in portal.assets]
    more = f" and {len(symbols) - 5:,} more" if len(symbols) > 5 else ""
    sys.stdout.write(
        f"{options.bundle}: {', '.join(symbols[:5])}{more}; bars of {portal.interval.text}, "
        f"{first} to {last}; it is read where it is, and "
        "nothing was copied\n"
    )
    return 0


def clean(options: argparse.Namespace) -> int:
    """Print that nothing was copied."""
    registry.clean(options.bundle)
    sys.stdout.write(f"{options.bundle}: nothing is copied of it, so nothing was removed\n")
    return 0
