"""The parameters of a run, including defaults, as entries in a result's provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rbtlive.research.result_tables import ResultTables

PARAMETER: Final = "parameter "
"""Prefix of a parameter's entry."""


def parameter_facts(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the entries for parameters, given as text by name."""
    return {f"{PARAMETER}{name}": text for name, text in sorted(parameters.items())}


def parameters_of(result: ResultTables) -> dict[str, str]:
    """Return the text of each parameter of a run, by name: those passed, and the
    defaults if the result has them.
    """
    known = {
        name.removeprefix(PARAMETER): text
        for name, text in result.provenance.items()
        if name.startswith(PARAMETER)
    }
    passed = {
        name: _text(value)
        for name, value in result.record.settings.params.items()
        if name not in known
    }
    return known | passed


def _text(value: object) -> str:
    text = str(value)
    return type(value).__name__ if " object at 0x" in text else text
