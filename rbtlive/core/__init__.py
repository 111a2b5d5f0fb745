"""The sans-I/O core: strategies, orders and portfolio as plain code, events in and
commands out.
"""
