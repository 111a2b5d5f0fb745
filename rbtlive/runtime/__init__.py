"""The drivers: they take events from outside, journal them, and feed them to the
core.
"""
