"""Windows of past bars: history, adjustments, indicators."""
