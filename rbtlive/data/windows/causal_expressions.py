"""Which polars expressions cannot look ahead, read from their serialized form.

The rule: an expression is causal if each of its operations takes rows up to its own
alone; one that is not in the lists here counts as unknown.
"""

from __future__ import annotations

import json
from typing import Final

import polars as pl

_ROW_BY_ROW: Final = frozenset(
    {
        "Abs",
        "Ceil",
        "Clip",
        "Exp",
        "FillNull",
        "Floor",
        "Log",
        "Log1p",
        "MaxHorizontal",
        "MinHorizontal",
        "Negate",
        "Pow",
        "Round",
        "Sign",
    }
)
_TESTS: Final = frozenset(
    {"IsBetween", "IsFinite", "IsInfinite", "IsNan", "IsNotNan", "IsNotNull", "IsNull", "Not"}
)
_ROLLING: Final = frozenset({"Max", "Mean", "Min", "Quantile", "Std", "Sum", "Var"})
_EXPONENTIAL: Final = frozenset({"EwmMean", "EwmStd", "EwmVar"})
_CUMULATIVE: Final = frozenset({"CumCount", "CumMax", "CumMin", "CumProd", "CumSum"})


def is_causal(expression: pl.Expr) -> bool:
    """Say whether an expression's value at a row is known to depend on rows up to it
    alone; False if that is unknown.
    """
    try:
        waiting: list[object] = [json.loads(expression.meta.serialize(format="json"))]
    except (pl.exceptions.PolarsError, TypeError, ValueError, AttributeError):
        return False
    while waiting:
        operands = _operands(waiting.pop())
        if operands is None:
            return False
        waiting += operands
    return True


# The operands of an operation; None if it is unknown.
def _operands(node: object) -> list[object] | None:
    match node:
        case {"Column": str()} | {"Literal": {"Dyn": _} | {"Scalar": _}}:
            return []
        case {"Alias": [operand, str()]} | {"Cast": {"expr": operand}}:
            return [operand]
        case {"BinaryExpr": {"left": left, "right": right}}:
            return [left, right]
        case {"Ternary": {"predicate": condition, "truthy": true, "falsy": false}}:
            return [condition, true, false]
        case {"Function": {"input": [*operands], "function": function}}:
            return operands if _is_causal_function(function, operands[1:]) else None
    return None


def _is_causal_function(function: object, arguments: list[object]) -> bool:
    match function:
        case "Shift" | "PctChange" | {"Diff": "Ignore"}:
            return _are_rows_back(arguments)
        case {
            "RollingExpr": {"function": str(name), "options": {"center": False, "weights": None}}
        }:
            return name in _ROLLING
        case {"FillNullWithStrategy": {"Forward": _}}:
            return True
        case {"Boolean": test}:
            return _name(test) in _TESTS
        case {**settings} if settings.keys() <= _CUMULATIVE:
            return all(how == {"reverse": False} for how in settings.values())
    return _name(function) in _ROW_BY_ROW | _EXPONENTIAL


# A function is its name, or its name with settings.
def _name(function: object) -> object:
    return next(iter(function)) if isinstance(function, dict) else function


def _are_rows_back(arguments: list[object]) -> bool:
    match arguments:
        case [{"Literal": {"Dyn": {"Int": int(rows)}}}]:
            return rows >= 0
    return False
