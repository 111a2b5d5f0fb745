"""Extra columns of a source, available as fields."""
