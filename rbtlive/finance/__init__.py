"""zipline's models of what trading costs and when orders fill: pure arithmetic, told
everything it needs.
"""
