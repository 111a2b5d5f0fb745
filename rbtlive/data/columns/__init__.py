"""Further columns of a source: what stands beside its bars, as fields."""
