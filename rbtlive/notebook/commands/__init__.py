"""The commands of the command line, one module per group."""

from argparse import ArgumentParser, _SubParsersAction
from typing import TypeAlias

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"
"""The subparsers of a parser, to which each module adds its commands."""
