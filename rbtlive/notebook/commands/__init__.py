"""What the command line does, a module a group of commands."""

from argparse import ArgumentParser, _SubParsersAction
from typing import TypeAlias

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"
"""The commands of a parser, to which each module adds its own."""
