"""zipline's `zipline.utils`: the parts that strategies import."""
