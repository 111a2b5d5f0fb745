"""Statistics of a run: figures, tables by period, drawdowns, crises.

The rule: ratios are fractions, money is money, and values that do not exist are null.
"""
