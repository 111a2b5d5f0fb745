"""Pipelines of operators, functions and comparisons, written for zipline."""

from zipline.pipeline import Pipeline
from zipline.pipeline.data import USEquityPricing
from zipline.pipeline.factors import Returns

close = USEquityPricing.close


def p_arithmetic(asset):
    a, b = USEquityPricing.high.latest, USEquityPricing.low.latest
    return Pipeline(
        {
            "add": a + b,
            "sub": 1 - a,
            "mul": a * b * 2,
            "div": a / b / 3.0,
            "rdiv": 100 / a,
            "pow": (a / b) ** 2,
            "rpow": 2 ** (a / b),
            "negbase": (-2) ** (a / b),
            "mod": a % 7,
            "rmod": 97.5 % b,
            "negmod": (-a) % 7,
            "neg": -(a - b),
            "nested": ((a + b) / 2 - a) / (a - b + 0.01),
        }
    )


def p_functions(asset):
    x = Returns(window_length=4)
    names = (
        "sin",
        "cos",
        "tan",
        "arcsin",
        "arctan",
        "sinh",
        "tanh",
        "arcsinh",
        "exp",
        "expm1",
        "log1p",
        "abs",
    )
    columns = {name: getattr(x, name)() for name in names}
    return Pipeline(
        {**columns, "log": close.latest.log(), "sqrt": x.sqrt(), "log10": close.latest.log10()}
    )


def p_comparisons(asset):
    r = Returns(window_length=3)
    z = r.zscore()
    return Pipeline(
        {
            "lt": r < 0.0,
            "le": r <= z,
            "gt": r < 0.01,
            "ge": r >= 0.01,
            "ne": r != z,
            "self": r != r,
            "eq": r.eq(r),
            "nan": r.isnan(),
            "notnan": r.notnan(),
            "finite": (1.0 / (r - r)).isfinite(),
            "null": r.isnull(),
            "notnull": r.notnull(),
        }
    )


def p_logic(asset):
    a, b = Returns(window_length=2) > 0, close.latest > 60.0
    return Pipeline(
        {"and": a & b, "or": a | b, "not": ~a, "mix": ~(a & ~b) | (b & ~a)}, screen=~(a & b)
    )
