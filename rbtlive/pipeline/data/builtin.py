"""Quantopian's `pipeline.data.builtin`."""

from rbtlive.pipeline.data.equity_pricing import EquityPricing, USEquityPricing

__all__ = ["EquityPricing", "USEquityPricing"]
