"""Fetched bars: Parquet files by vendor, interval, symbol and month."""
