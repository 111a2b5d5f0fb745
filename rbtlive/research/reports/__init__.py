"""Pages and tables that a person sends to another: the report of a run, and several
runs side by side.

The rule: a page is one file without a script, reads on light and dark screens, and
prints.
"""
