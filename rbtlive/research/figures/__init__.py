"""Figures of a result, each answering one question, made with plotly.

The rule: a figure needs no network, is read on light and dark pages and by those who
do not see red and green, and leaves out points but never an extreme.
"""
