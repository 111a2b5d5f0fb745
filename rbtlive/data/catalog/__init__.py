"""Bars that were fetched: Parquet files by vendor, interval, symbol and month."""
