"""A paper venue on this machine: `python -m rbtlive.venue` speaks Alpaca's published
protocol over loopback.

The rule: no other part of the package imports it. Brokers and tests talk to it over the
wire, like to any other venue.
"""
