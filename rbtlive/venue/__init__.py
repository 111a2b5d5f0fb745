"""A paper venue on this machine: `python -m rbtlive.venue` speaks Alpaca's published
shapes over loopback.

The rule: nothing of the package imports it. Brokers and tests meet it on the wire, as
they meet any other venue.
"""
