"""What can be said of a run in numbers: statistics, tables by period, drawdowns,
crises.

The rule: ratios are fractions, money is money, and what does not exist is null.
"""
