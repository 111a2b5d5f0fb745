"""zipline's models of trading costs and fills: pure arithmetic on their arguments."""
