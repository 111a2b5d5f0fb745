"""Frozen value types: assets, bars, order facts, events, commands and the number type.
They take no actions.
"""
