"""Explain the difference in profit between two runs: `session.explain(against=…)`.

The rule: the money of all causes adds up to the difference in profit, to the last
digit; a remainder without a cause has a line of its own.
"""
