"""The drivers: what takes events from outside, keeps them, and feeds them to the
core.
"""
