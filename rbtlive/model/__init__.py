"""Frozen nouns: assets, bars, order facts, events, commands and the number type.
Nothing here acts.
"""
