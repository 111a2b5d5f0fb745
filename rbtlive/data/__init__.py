"""Where bars come from: calendars, schema, portals, samples, markets and feeds. Polars
in, plain arrays out.
"""
