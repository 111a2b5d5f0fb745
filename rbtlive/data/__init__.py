"""Market data: calendars, schema, portals, samples, markets and feeds. Polars in, plain
arrays out.
"""
