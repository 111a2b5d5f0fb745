"""Why one run earned something else than another: `session.explain(against=…)`.

The rule: the money of all causes adds up to the difference of profit, to the last
digit; what no cause takes is shown as a line of its own.
"""
