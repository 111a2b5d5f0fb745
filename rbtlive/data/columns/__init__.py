"""Further columns of a source, besides its bars, as fields."""
