"""Pages and tables to send to others: the report of a run, and several runs side by
side.

The rule: a page is one file without scripts, is readable on light and dark screens, and
prints.
"""
