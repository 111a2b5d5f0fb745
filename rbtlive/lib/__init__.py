"""zipline's `zipline.lib`: the parts that loaders of one's own import."""
