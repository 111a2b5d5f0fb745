"""Figures of a result, each answering one question, drawn with plotly.

The rule: a figure needs no network, is readable on light and dark pages and for
red-green colour-blind readers, and may drop points but never an extreme.
"""
