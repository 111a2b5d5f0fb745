"""The command `rbtlive`, also `python -m rbtlive`: `run`, `bundles`, `ingest`, `clean`,
`sessions`, `show`, `venue`.

The rule: each command calls a function of the package, prints readable text, and exits
with a code for scripts: 0 done, 1 failed, 2 wrong arguments, 3 halted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rbtlive.errors import RbtliveError
from rbtlive.notebook.commands.bundling import add_bundles, add_extensions, run_extensions
from rbtlive.notebook.commands.running import add_run
from rbtlive.notebook.commands.sessions import add_sessions, add_show


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["venue"]:
        from rbtlive.venue.__main__ import main as venue

        return int(venue(words[1:]) or 0)
    options = _parser().parse_args(words)
    try:
        run_extensions(options)
        return int(options.act(options))
    except RbtliveError as error:
        print(f"rbtlive: {error}", file=sys.stderr)  # noqa: T201 - the command prints for a person
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rbtlive", description="Backtest, trade and look at what was traded."
    )
    add_extensions(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_run(commands)
    add_bundles(commands)
    add_sessions(commands)
    add_show(commands)
    commands.add_parser("venue", help="a local paper venue; rbtlive venue --help", add_help=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
