"""zipline's `zipline.lib`: the parts that custom loaders import."""
